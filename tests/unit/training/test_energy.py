"""Energy is counted where the processor counts it, and an estimate says that it is one."""

from pathlib import Path

from modelops.training.energy import EnergyMeter


def make_counter(powercap: Path, name: str, microjoules: int, limit: int = 10**9) -> Path:
    folder = powercap / name
    folder.mkdir(parents=True)
    (folder / "max_energy_range_uj").write_text(str(limit), "ascii")
    (folder / "energy_uj").write_text(str(microjoules), "ascii")
    return folder / "energy_uj"


def test_packages_are_added_and_their_parts_are_not(tmp_path: Path):
    first = make_counter(tmp_path, "intel-rapl:0", 1_000_000)
    second = make_counter(tmp_path, "intel-rapl:1", 0)
    part = make_counter(tmp_path, "intel-rapl:0:0", 0)
    meter = EnergyMeter(tmp_path)
    first.write_text("3000000", "ascii")
    second.write_text("500000", "ascii")
    part.write_text("900000", "ascii")

    reading = meter.reading()

    assert reading["joules"] == 2.5
    assert reading["method"].startswith("RAPL")


def test_a_counter_that_wraps_around_is_understood(tmp_path: Path):
    counter = make_counter(tmp_path, "intel-rapl:0", 9_000_000, limit=10_000_000)
    meter = EnergyMeter(tmp_path)
    counter.write_text("1000000", "ascii")

    assert meter.reading()["joules"] == 2.0


def test_without_counters_the_estimate_says_so(tmp_path: Path):
    reading = EnergyMeter(tmp_path).reading()

    assert reading["joules"] > 0
    assert reading["method"].startswith("estimate")
    assert reading["assumed_watts"] > 0

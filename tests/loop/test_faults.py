"""A killed run, repeated by the same command, ends where an undisturbed one does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from modelops.home import Home
from tests.tiny_checkout import write_checkout

RUN = [sys.executable, "-m", "modelops.cli", "run", "toy"]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "MODELOPS_HOME"}


def import_base(checkout: Path) -> None:
    argv = [sys.executable, "-m", "modelops.cli", "base", "add", "tiny"]
    subprocess.run(argv, cwd=checkout, env=environment(), check=True, capture_output=True)


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(RUN, cwd=checkout, env=environment(), capture_output=True, text=True)


def kill_when(checkout: Path, happened) -> None:
    """Start the run and kill -9 the whole process group at the moment `happened` turns true."""
    process = subprocess.Popen(
        RUN,
        cwd=checkout,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not happened():
        time.sleep(0.01)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def adapter_of(home: Home) -> str:
    promotion = home.ledger.current("toy")
    assert promotion is not None
    return promotion.adapter


def test_a_run_killed_in_training_resumes_to_the_same_bytes(tmp_path: Path):
    killed, calm = (write_checkout(tmp_path / name) for name in ("killed", "calm"))
    for checkout in (killed, calm):
        import_base(checkout)

    kill_when(killed, lambda: any((killed / ".modelops/work").glob("run-*/checkpoints/*")))
    assert Home.find(killed).ledger.current("toy") is None
    again, undisturbed = run(killed), run(calm)

    assert again.returncode == 0, again.stderr
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert adapter_of(Home.find(killed)) == adapter_of(Home.find(calm))


def test_a_run_killed_between_ledger_and_registry_is_completed_by_the_next(tmp_path: Path):
    checkout = write_checkout(tmp_path / "checkout")
    import_base(checkout)
    home = Home.find(checkout)

    kill_when(checkout, lambda: bool(home.ledger.history("toy")))
    (checkout / "customizations/other.yaml").write_text("purpose: 1\n")  # somebody else's fault
    again = run(checkout)

    assert again.returncode == 0, again.stderr
    history = home.ledger.history("toy")
    assert [row.epoch for row in history] == [1]
    assert home.registry.aliases("toy") == {"champion": history[0].version}
    assert home.ledger.verify_audit().rows >= 2


def test_a_gate_that_says_no_is_exit_code_3_and_nothing_is_promoted(tmp_path: Path):
    checkout = write_checkout(tmp_path / "checkout", rows=40, items=10)
    import_base(checkout)
    path = checkout / "customizations/toy.yaml"
    strict = path.read_text().replace("minimum_effect: 0.2", "minimum_effect: 0.01")
    path.write_text(strict.replace("steps: 300", "steps: 5"))

    done = run(checkout)

    assert done.returncode == 3, done.stderr
    assert Home.find(checkout).ledger.current("toy") is None
    assert Home.find(checkout).ledger.decisions("toy")[-1].verdict == "refuse"


def test_what_breaks_in_a_run_is_told_in_one_line_and_is_no_verdict(tmp_path: Path):
    checkout = write_checkout(tmp_path / "checkout", rows=40, items=10)
    import_base(checkout)
    (checkout / "data/unseen.jsonl").unlink()

    done = run(checkout)

    assert done.returncode == 1
    assert "benchmark: Source `unseen`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_file_is_told_with_every_fault_before_anything_starts(tmp_path: Path):
    checkout = write_checkout(tmp_path / "checkout", rows=4, items=2)
    path = checkout / "customizations/toy.yaml"
    path.write_text(path.read_text().replace("rank: 32", "rank: 0").replace("team:tests", "nobody"))

    done = run(checkout)
    checked = subprocess.run(
        [sys.executable, "-m", "modelops.cli", "check", "--json"],
        cwd=checkout,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert "adaptation.lora.rank" in done.stderr
    assert "owner" in done.stderr
    assert checked.returncode == 2
    assert {problem["field"] for problem in json.loads(checked.stdout)} == {
        "owner",
        "adaptation.lora.rank",
    }
    assert not (checkout / ".modelops/dagster").exists()


def test_outside_a_checkout_the_command_says_where_to_go(tmp_path: Path):
    argv = [sys.executable, "-m", "modelops.cli", "run", "toy"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "run inside a modelops checkout" in done.stderr

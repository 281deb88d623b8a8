"""How much energy a run took: counted by the processor where that is readable, else estimated."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
WATTS_PER_CORE = 10.0
"""Assumed where nothing can be read: about the design power of a server processor per core."""


@dataclass
class EnergyMeter:
    """Joules since it was made; RAPL counters when readable, else cores x assumed watts x time."""

    powercap: Path = POWERCAP
    _start: float = field(default_factory=time.perf_counter)
    _counters: dict[Path, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._counters = _read_counters(self.powercap)

    def reading(self) -> dict[str, Any]:
        """`joules` and how they were found: `method`, and `assumed_watts` when they are a guess."""
        seconds = time.perf_counter() - self._start
        now = _read_counters(self.powercap)
        if self._counters and now.keys() == self._counters.keys():
            used = sum(_difference(self._counters[path], now[path], path) for path in now)
            return {"joules": used / 1e6, "method": "RAPL package counters, whole machine"}
        watts = WATTS_PER_CORE * (os.cpu_count() or 1)
        method = "estimate: cores x assumed watts x seconds (no RAPL counter is readable)"
        return {"joules": watts * seconds, "method": method, "assumed_watts": watts}


def _read_counters(powercap: Path) -> dict[Path, int]:
    """Microjoules by package; packages only, because their parts are counted within them."""
    counters = {}
    for path in sorted(powercap.glob("intel-rapl:[0-9]*/energy_uj")):
        if path.parent.name.count(":") == 1:
            try:
                counters[path] = int(path.read_text("ascii"))
            except (OSError, ValueError):
                return {}
    return counters


def _difference(before: int, after: int, path: Path) -> int:
    """Microjoules used; a counter that wrapped around started again from zero."""
    if after >= before:
        return after - before
    return after + int((path.parent / "max_energy_range_uj").read_text("ascii")) - before

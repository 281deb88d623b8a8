"""How long work reports on itself: plain calls, so that a terminal, a log or nobody may listen."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Report = Callable[[str, float, float, Mapping[str, Any]], None]
"""Called with (step name, done, total, further numbers); `done == total` ends the step."""


def silent(step: str, done: float, total: float, numbers: Mapping[str, Any]) -> None:
    """The report that nobody reads."""


@contextmanager
def terminal() -> Generator[Report]:
    """Bars on a terminal; in a log file, a line for each step at most every ten seconds."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    with _bars(console) as bars:
        yield _Bars(bars)


def figures(numbers: Mapping[str, Any]) -> str:
    """`loss 0.41 · tok/s 512`, for a line of text."""
    shown = {k: f"{v:.3g}" if isinstance(v, float) else str(v) for k, v in numbers.items()}
    return " · ".join(f"{name} {value}" for name, value in shown.items())


class Throttle:
    """True at most every `every_s` seconds for one step, and always at its end."""

    def __init__(self, every_s: float) -> None:
        self._every_s, self._last = every_s, dict[str, float]()

    def due(self, step: str, done: float, total: float) -> bool:
        """Whether this report of `step` is worth a line."""
        now = time.monotonic()
        if done < total and now - self._last.get(step, 0.0) < self._every_s:
            return False
        self._last[step] = now
        return True


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console, self._throttle = console, Throttle(10.0)

    def __call__(self, step: str, done: float, total: float, numbers: Mapping[str, Any]) -> None:
        if self._throttle.due(step, done, total):
            share = f"{done / total:4.0%}" if total else " ..."
            self._console.print(f"{share} {step}  {figures(numbers)}", highlight=False)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars, self._tasks = bars, {}

    def __call__(self, step: str, done: float, total: float, numbers: Mapping[str, Any]) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total or None, figures="")
        self._bars.update(
            self._tasks[step], completed=done, total=total or None, figures=figures(numbers)
        )


def _bars(console: Console) -> Progress:
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[figures]}"),
        console=console,
    )

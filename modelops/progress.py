"""How long work reports on itself: plain calls, so that a terminal, a log or nobody may listen."""

from collections.abc import Callable, Mapping
from typing import Any

Report = Callable[[str, float, float, Mapping[str, Any]], None]
"""Called with (step name, done, total, further numbers); `done == total` ends the step."""


def silent(step: str, done: float, total: float, numbers: Mapping[str, Any]) -> None:
    """The report that nobody reads."""

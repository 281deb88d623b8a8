"""One fault of a file that a person wrote: where it is, what is wrong, what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelops.errors import CustomizationError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Sorts by file and line."""

    file: str
    line: int
    """Counted from 1."""
    field: str
    """Dotted path, empty for the file as a whole."""
    fact: str
    """What is wrong, continuing the field's name: "is 0"."""
    remedy: str
    """What to write instead, a sentence."""

    def __str__(self) -> str:
        subject = f"`{self.field}` " if self.field else ""
        return f"{self.file}:{self.line}: {subject}{self.fact}. {self.remedy}"


def refuse(problems: Iterable[Problem]) -> None:
    """Raise one CustomizationError with every problem, a line each; nothing when there is none."""
    lines = [str(problem) for problem in sorted(set(problems))]
    if lines:
        raise CustomizationError("\n".join(lines))

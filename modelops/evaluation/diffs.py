"""Texts of strangers made fit for a page: visible, bounded, compared line by line."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_LINES = 120
MAX_COLUMNS = 400


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff: `kind` is same, missing (wanted only) or extra (given only)."""

    kind: str
    text: str


def visible(text: str) -> str:
    """`text` with control and direction characters spelled out, and its length bounded."""
    lines = text.replace("\r\n", "\n").split("\n")
    shown = [_spelled(line[:MAX_COLUMNS]) + _cut(len(line)) for line in lines[:MAX_LINES]]
    if len(lines) > MAX_LINES:
        shown.append(f"… {len(lines) - MAX_LINES} more lines")
    return "\n".join(shown)


def _cut(columns: int) -> str:
    return f" … {columns - MAX_COLUMNS} more characters" if columns > MAX_COLUMNS else ""


def _spelled(line: str) -> str:
    return "".join(one if _is_plain(one) else f"⟨U+{ord(one):04X}⟩" for one in line)


def _is_plain(one: str) -> bool:
    return one == "\t" or unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def diff(wanted: str, given: str) -> list[Line]:
    """Lines that turn `wanted` into `given`, on both texts as `visible` shows them."""
    return list(_diff(visible(wanted).split("\n"), visible(given).split("\n")))


def _diff(wanted: list[str], given: list[str]) -> Iterator[Line]:
    matcher = SequenceMatcher(None, wanted, given, autojunk=False)
    for operation, i, j, k, m in matcher.get_opcodes():
        if operation == "equal":
            yield from (Line("same", text) for text in wanted[i:j])
        else:
            yield from (Line("missing", text) for text in wanted[i:j])
            yield from (Line("extra", text) for text in given[k:m])

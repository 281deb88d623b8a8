"""One row of somebody's file as a record, or the reason why it is none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from modelops.corpus.clean import encodable
from modelops.corpus.records import Record
from modelops.corpus.settings import FileSource
from modelops.errors import CorpusError

MAX_TEXT_BYTES = 16 * 2**20
"""A line or file beyond 16 MiB is no training example; it is rejected without being held."""

PROVENANCE = ("licence", "region", "purpose", "created", "expires")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that gives no record."""

    where: str
    """File and line, or file and row."""
    why: str
    excerpt: str = ""
    source: str = ""


class RowFault(ValueError):
    """Why a row is no record; caught by the readers, never seen outside."""


def record_from(row: Mapping[str, Any], section: FileSource) -> Record:
    """The record in a row that has the section's columns; raises RowFault.

    Columns named like a record's provenance are read too; null means empty.
    """
    provenance = {name: _text(row, name, optional=True) for name in PROVENANCE if name in row}
    for name in ("created", "expires"):
        _check_date(name, provenance.get(name, ""))
    if section.subject:
        provenance["subject"] = _text(row, section.subject)
    return Record(
        prompt=_text(row, section.prompt),
        completion=_text(row, section.completion),
        attributes=_attributes(row.get("attributes")),
        **provenance,
    )


def _text(row: Mapping[str, Any], column: str, *, optional: bool = False) -> str:
    value = row.get(column)
    if value is None:
        if not optional and column not in row:
            raise RowFault(f"no column `{column}`; it has {_names(row)}")
        return ""
    if isinstance(value, date) and optional:
        return value.isoformat()[:10]
    if not isinstance(value, str):
        raise RowFault(f"column `{column}` holds {type(value).__name__}, not text")
    if not encodable(value):
        raise RowFault(f"column `{column}` holds half of a surrogate pair")
    return value


def _check_date(name: str, value: str) -> None:
    if not value:
        return
    try:
        well_formed = bool(_DATE.fullmatch(value)) and bool(date.fromisoformat(value))
    except ValueError:
        well_formed = False
    if not well_formed:
        raise RowFault(f"column `{name}` is {value[:40]!r}, not a date like 2026-01-31")


def _attributes(value: object) -> dict[str, str]:
    if not value:
        return {}
    try:
        pairs: dict[Any, Any] = dict(value)  # ty: ignore[no-matching-overload] - tried
    except (TypeError, ValueError):
        pairs = {None: None}
    if not all(
        isinstance(part, str) and encodable(part) for pair in pairs.items() for part in pair
    ):
        raise RowFault("column `attributes` is not a mapping of text to text")
    return pairs


def _names(row: Mapping[str, Any]) -> str:
    shown = sorted(map(str, row))
    return ", ".join(shown[:20]) + (", ..." if len(shown) > 20 else "") if shown else "no columns"


def missing_columns(section: FileSource, where: str, seen: set[str]) -> CorpusError | None:
    """The error of a file in which a wanted column never occurs, or None."""
    wanted = [section.prompt, section.completion, *([section.subject] if section.subject else [])]
    missing = [name for name in wanted if name not in seen]
    if not missing:
        return None
    return CorpusError(
        f"{where} has no column {', '.join(f'`{name}`' for name in missing)}; it has "
        f"{_names(dict.fromkeys(seen))}. Name the right one in the source's section."
    )


def files_of(path: PurePosixPath, root: Path, endings: tuple[str, ...]) -> list[tuple[Path, str]]:
    """The file, or the folder's files with these endings: (path, name for messages), sorted.

    Raises CorpusError when there is none.
    """
    found = root / path
    if found.is_file():
        return [(found, str(path))]
    if not found.is_dir():
        raise CorpusError(f"{path} does not exist under {root}; correct the source's `path`.")
    files = sorted(file for file in found.rglob("*") if file.name.endswith(endings))
    if not files:
        raise CorpusError(f"{path} has no file ending in {' or '.join(endings)}.")
    return [(file, file.relative_to(root).as_posix()) for file in files if file.is_file()]

"""The sources of a customization, read as records; faults are named by file and line.

`open_source` gives a Source. `read()` refuses an unreadable row with a CorpusError; `scan()`
yields it as `Unreadable`, for curation to count. Both may be called again and repeat themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from modelops.corpus.directory import scan_directory
from modelops.corpus.jsonl import scan_jsonl
from modelops.corpus.protocols import Blueprint, Source
from modelops.corpus.records import Record
from modelops.corpus.rows import Unreadable
from modelops.corpus.settings import (
    BlueprintSource,
    DirectorySource,
    JsonlSource,
    ParquetSource,
    Provenance,
    SourceSection,
)
from modelops.corpus.tables import scan_parquet
from modelops.errors import CorpusError


@runtime_checkable
class Scannable(Protocol):
    """A source that can tell unreadable rows from records."""

    def scan(self) -> Iterator[Record | Unreadable]:
        """Yield every row once."""
        ...


def open_source(
    section: SourceSection, *, name: str, root: Path, blueprint: Blueprint | None = None
) -> Source:
    """The source that `section` describes; paths are relative to `root`.

    Raises CorpusError when a blueprint's source is asked for without a blueprint; files are
    opened on reading, and then a missing file or column is a CorpusError.
    """
    if not isinstance(section, BlueprintSource):
        return FileReader(section, name, root)
    if blueprint is None:
        raise CorpusError(
            f"Source `{name}` has kind `blueprint` and the customization names none: "
            "add a line such as `blueprint: netlang`, or choose another kind."
        )
    return Inheriting(blueprint.source(section.options), section, name)


@dataclass(frozen=True)
class FileReader:
    """Records of files on disk."""

    section: JsonlSource | ParquetSource | DirectorySource
    name: str
    root: Path

    def scan(self) -> Iterator[Record | Unreadable]:
        """Yield every row once; raises CorpusError for a missing file or column."""
        match self.section:
            case JsonlSource():
                rows = scan_jsonl(self.section, self.root)
            case ParquetSource():
                rows = scan_parquet(self.section, self.root)
            case DirectorySource():
                rows = scan_directory(self.section, self.root)
        for row in rows:
            yield inherit(row, self.section, self.name) if isinstance(row, Record) else row

    def read(self) -> Iterator[Record]:
        """Yield every record once; raises CorpusError at the first row that is none."""
        for row in self.scan():
            if isinstance(row, Unreadable):
                raise CorpusError(f"Source `{self.name}`: {row.where}: {row.why}; correct the row.")
            yield row


@dataclass(frozen=True)
class Inheriting:
    """A blueprint's source whose records take what they lack from the section."""

    source: Source
    section: Provenance
    name: str

    def read(self) -> Iterator[Record]:
        """Yield every record once."""
        for record in self.source.read():
            yield inherit(record, self.section, self.name)


def inherit(record: Record, section: Provenance, name: str) -> Record:
    """The record under its source's name, its empty provenance filled from the section."""
    return Record(
        prompt=record.prompt,
        completion=record.completion,
        source=name,
        subject=record.subject,
        licence=record.licence or section.licence,
        region=record.region or section.region,
        purpose=record.purpose or section.purpose,
        created=record.created,
        expires=record.expires or section.expires,
        attributes=record.attributes,
    )

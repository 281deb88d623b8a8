"""Parquet files of somebody else's making, read a batch of a row group at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from modelops.corpus.records import Record
from modelops.corpus.rows import (
    PROVENANCE,
    RowFault,
    Unreadable,
    files_of,
    missing_columns,
    record_from,
)
from modelops.corpus.settings import ParquetSource
from modelops.errors import CorpusError

ROWS = 4096


def scan_parquet(section: ParquetSource, root: Path) -> Iterator[Record | Unreadable]:
    """Every row of every file; raises CorpusError for a broken file or a missing column."""
    for path, name in files_of(section.path, root, (".parquet",)):
        try:
            yield from _scan_file(path, name, section)
        except (OSError, pa.ArrowException) as error:
            raise CorpusError(f"{name} is not readable as Parquet: {error}.") from error


def _scan_file(path: Path, name: str, section: ParquetSource) -> Iterator[Record | Unreadable]:
    with pq.ParquetFile(path) as file:
        there = file.schema_arrow.names
        if error := missing_columns(section, name, set(there)):
            raise error
        wanted = {section.prompt, section.completion, section.subject, "attributes", *PROVENANCE}
        columns = [column for column in there if column in wanted]
        number = 0
        for batch in file.iter_batches(batch_size=ROWS, columns=columns):
            for row in _rows(batch):
                number += 1
                try:
                    yield record_from(row, section)
                except RowFault as fault:
                    excerpt = str(row.get(section.prompt))[:200]
                    yield Unreadable(f"{name}: row {number}", str(fault), excerpt)


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    columns = {name: _values(batch.column(name)) for name in batch.schema.names}
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _values(column: pa.Array) -> list[Any]:
    """Python values; text that is not UTF-8 stays bytes, which no record accepts."""
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [_decoded(value) for value in column.cast(pa.binary()).to_pylist()]


def _decoded(value: bytes | None) -> str | bytes | None:
    try:
        return value.decode() if value is not None else None
    except UnicodeDecodeError:
        return value

"""Records in Parquet: equal rows give equal bytes, whatever the batches they came in."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from modelops.corpus.records import SCHEMA, Record, record_of
from modelops.errors import CorpusError

ROWS_PER_GROUP = 2048


def table_of(records: Iterable[Record]) -> pa.Table:
    """The records as a table of `SCHEMA`, in their order."""
    rows = list(records)
    columns = {
        name: pa.array([getattr(row, name) for row in rows], pa.string())
        for name in SCHEMA.names
        if name != "attributes"
    }
    attributes = [sorted(row.attributes.items()) for row in rows]
    columns["attributes"] = pa.array(attributes, SCHEMA.field("attributes").type)
    return pa.table(columns, schema=SCHEMA)


def records_of(table: pa.Table) -> Iterator[Record]:
    """The records of a table that has the columns of `SCHEMA`, in their order."""
    names = [name for name in SCHEMA.names if name != "id"]
    columns = [table.column(name).to_pylist() for name in names]
    for values in zip(*columns, strict=True):
        yield record_of(dict(zip(names, values, strict=True)))


def read_records(path: Path) -> Iterator[Record]:
    """Every record of a corpus or benchmark file, a row group at a time.

    Raises CorpusError when the file is missing, is not Parquet or lacks a column of `SCHEMA`.
    """
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in SCHEMA.names if name not in file.schema_arrow.names]
            if missing:
                raise CorpusError(
                    f"{path} has the columns {file.schema_arrow.names} and lacks {missing}: "
                    "it was not written by modelops; curate its source first."
                )
            for batch in file.iter_batches(batch_size=ROWS_PER_GROUP):
                yield from records_of(pa.Table.from_batches([batch]))
    except (OSError, pa.ArrowInvalid) as error:
        raise CorpusError(f"{path} cannot be read as Parquet: {error}.") from error


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write records in the given order; returns how many."""
    with TableWriter(path, SCHEMA) as writer:
        chunk: list[Record] = []
        for record in records:
            chunk.append(record)
            if len(chunk) == ROWS_PER_GROUP:
                writer.write(table_of(chunk))
                chunk = []
        writer.write(table_of(chunk))
    return writer.rows


class TableWriter:
    """A Parquet file whose bytes depend on its rows alone: row groups are cut at fixed rows."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", version="2.6")

    def write(self, table: pa.Table) -> None:
        """Append rows; columns beyond the schema are left out."""
        self._waiting.append(table.select(self._schema.names))
        self.rows += table.num_rows
        if sum(waiting.num_rows for waiting in self._waiting) >= ROWS_PER_GROUP:
            self._flush(ROWS_PER_GROUP)

    def _flush(self, least: int) -> None:
        table = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        start = 0
        while table.num_rows - start >= max(least, 1):
            group = table.slice(start, ROWS_PER_GROUP).combine_chunks()
            self._writer.write_table(group, row_group_size=ROWS_PER_GROUP)
            start += ROWS_PER_GROUP
        self._waiting = [table.slice(start)] if start < table.num_rows else []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush(1)
        self._writer.close()


def rows_of(schema: pa.Schema, **columns: list[str]) -> pa.Table:
    """A table of `schema` from one list for each of its columns."""
    return pa.table(
        {name: pa.array(columns[name], schema.field(name).type) for name in schema.names}
    )

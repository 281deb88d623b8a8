"""A temporary external sort: rows go to disk by the first digits of a digest, return in order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its functions are made at import, unseen by type checkers

BUCKETS = 64
"""A bucket is sorted in memory, so peak memory is about a 64th of the rows."""


class Spill:
    """Rows of one schema, bucketed by the two leading hexadecimal digits of the column `key`."""

    def __init__(self, folder: Path, schema: pa.Schema, *, key: str) -> None:
        folder.mkdir()
        self.rows = 0
        self._folder, self._schema, self._key = folder, schema, key
        self._writers: dict[int, pa.RecordBatchStreamWriter] = {}

    def write(self, table: pa.Table) -> None:
        """Append rows in any order."""
        self.rows += table.num_rows
        prefixes = pc.utf8_slice_codeunits(table.column(self._key), 0, 2).to_pylist()
        buckets = np.array([int(prefix, 16) * BUCKETS // 256 for prefix in prefixes], np.int64)
        order = np.argsort(buckets, kind="stable")
        table, edges = table.take(order), np.searchsorted(buckets[order], np.arange(BUCKETS + 1))
        for bucket in np.unique(buckets).tolist():
            start, stop = int(edges[bucket]), int(edges[bucket + 1])
            self._writer(bucket).write_table(table.slice(start, stop - start))

    def _writer(self, bucket: int) -> pa.RecordBatchStreamWriter:
        if bucket not in self._writers:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            path = self._path(bucket)
            self._writers[bucket] = pa.ipc.new_stream(path, self._schema, options=options)
        return self._writers[bucket]

    def _path(self, bucket: int) -> str:
        return str(self._folder / f"{bucket:02d}.arrows")

    def close(self) -> None:
        """Finish writing; safe to call twice."""
        for writer in self._writers.values():
            writer.close()

    def tables(self, *then_by: str) -> Iterator[pa.Table]:
        """Every row, in tables sorted by the key and then by the named columns."""
        self.close()
        keys = [(name, "ascending") for name in (self._key, *then_by)]
        for bucket in sorted(self._writers):
            with pa.OSFile(self._path(bucket)) as file, pa.ipc.open_stream(file) as stream:
                table = stream.read_all()
            yield table.take(pc.sort_indices(table, sort_keys=keys)).combine_chunks()

"""The second pass: each bucket of spilled records sorted, then filtered, cheapest filter first."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from modelops.corpus.decontaminate import BenchmarkIndex, exact_matches, overlaps
from modelops.corpus.deduplicate import POSITIONS, Signatures, signatures
from modelops.corpus.files import records_of
from modelops.corpus.protocols import Blueprint
from modelops.corpus.records import SCHEMA
from modelops.corpus.report import Reason, Rejects
from modelops.corpus.settings import Curation
from modelops.corpus.shingles import pair_words, runs
from modelops.corpus.spill import Spill
from modelops.digests import digest_bytes
from modelops.progress import Report

pc: Any = pyarrow.compute  # its functions are made at import, unseen by type checkers

CountTokens = Callable[[list[tuple[str, str]]], list[int]]
"""Tokens of each (prompt, completion), chat template included."""

SIFTED = SCHEMA.append(pa.field("tokens", pa.int64()))
_PROVENANCE = ("source", "subject", "licence", "region", "purpose", "created", "expires")


@dataclass(frozen=True, slots=True)
class Sifted:
    """What passed, in id order, on disk; near duplicates are still in it."""

    path: Path
    ids: NDArray[np.uint8]
    """Shape (rows, 32)."""
    sketches: Signatures
    """Shape (rows, POSITIONS), or (0, POSITIONS) when near duplicates are kept."""
    dev: NDArray[np.bool_]
    """Shape (rows,): whether the record's digest sets it aside."""

    def tables(self) -> Iterator[pa.Table]:
        """Tables of `SIFTED`."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as stream:
            for batch in stream:
                yield pa.Table.from_batches([batch])


@dataclass(frozen=True, slots=True)
class Sieve:
    """Everything a record is held against, except the other survivors."""

    settings: Curation
    index: BenchmarkIndex
    blueprint: Blueprint | None
    count_tokens: CountTokens | None
    rejects: Rejects

    def sift(self, spill: Spill, path: Path, report: Report) -> Sifted:
        """Filter every bucket; the rows that pass go to `path`."""
        sketch = self.settings.near_duplicates is not None
        sketches = np.empty((spill.rows if sketch else 0, POSITIONS), np.uint16)
        ids = np.empty((spill.rows, 32), np.uint8)
        dev: list[bool] = []
        done = rows = 0
        with pa.ipc.new_stream(str(path), SIFTED) as stream:
            for table in spill.tables():
                done += table.num_rows
                kept, in_dev = self._filter(table)
                here = slice(rows, rows + kept.num_rows)
                if sketch and kept.num_rows:
                    sketches[here] = self._sketch(kept)
                hexadecimal = "".join(kept.column("id").to_pylist())
                ids[here] = np.frombuffer(bytes.fromhex(hexadecimal), np.uint8).reshape(-1, 32)
                rows += kept.num_rows
                dev += in_dev
                stream.write_table(kept)
                report("sift records", done, spill.rows, {"kept": rows})
        return Sifted(path, ids[:rows], sketches[:rows], np.array(dev, bool))

    def _sketch(self, table: pa.Table) -> Signatures:
        pair = pair_words(table.column("prompt"), table.column("completion"))
        return signatures(runs(pair, self.settings.shingle_words, whole=True))

    def _filter(self, table: pa.Table) -> tuple[pa.Table, list[bool]]:
        """What passes, and whether each row is set aside for dev."""
        table = self._without_copies(table)
        table = self._without(table, "contaminated_exact", exact_matches(table, self.index))
        found = overlaps(table, self.index, self.settings)
        table = self._without(table, "contaminated_overlap", found)
        table = self._short_enough(table)
        identities = self._identities(table)
        found = {
            row: self.index.identities[identity]
            for row, identity in enumerate(identities)
            if identity is not None and identity in self.index.identities
        }
        table = self._without(table, "contaminated_equivalent", found)
        identities = [identity for row, identity in enumerate(identities) if row not in found]
        return table.select(SIFTED.names), self._in_dev(table, identities)

    def _without_copies(self, table: pa.Table) -> pa.Table:
        """One record of each id: the one whose provenance sorts first."""
        ids = table.column("id").combine_chunks()
        same = np.zeros(table.num_rows, bool)
        same[1:] = pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
        if not same.any():
            return table
        copies: dict[int, str] = {}
        firsts = np.flatnonzero(~same)
        sizes = np.diff(np.append(firsts, table.num_rows))
        for first, size in zip(firsts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
            rows = table.slice(first, size).select([*_PROVENANCE, "attributes"]).to_pylist()
            best = min(range(size), key=lambda row: _order(rows[row]))
            detail = f"same text as the kept one of source {rows[best]['source']}"
            copies |= {first + row: detail for row in range(size) if row != best}
        return self._without(table, "exact_duplicate", copies)

    def _short_enough(self, table: pa.Table) -> pa.Table:
        if self.count_tokens is None:
            return table.append_column("tokens", pa.nulls(table.num_rows, pa.int64()))
        columns = (table.column(name).to_pylist() for name in ("prompt", "completion"))
        tokens = self.count_tokens(list(zip(*columns, strict=True)))
        limit = self.settings.max_tokens
        long = {row: f"{n} tokens" for row, n in enumerate(tokens) if n > limit}
        table = table.append_column("tokens", pa.array(tokens, pa.int64()))
        return self._without(table, "too_long", long)

    def _identities(self, table: pa.Table) -> list[str | None]:
        if self.blueprint is None:
            return [None] * table.num_rows
        return [self.blueprint.identity(record) for record in records_of(table)]

    def _in_dev(self, table: pa.Table, identities: list[str | None]) -> list[bool]:
        """Whether each row is set aside; rows of one identity share the answer."""
        share = self.settings.dev_share * 2**64
        keys = zip(table.column("id").to_pylist(), identities, strict=True)
        return [
            int(digest_bytes(f"dev:{id_ if identity is None else identity}".encode())[:16], 16)
            < share
            for id_, identity in keys
        ]

    def _without(self, table: pa.Table, reason: Reason, rows: Mapping[int, str]) -> pa.Table:
        if not rows:
            return table
        self.rejects.rows(table.take(list(rows)), reason, list(rows.values()))
        keep = np.ones(table.num_rows, bool)
        keep[list(rows)] = False
        return table.filter(pa.array(keep))


def _order(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (*(row[name] for name in _PROVENANCE), sorted(row["attributes"] or ()))

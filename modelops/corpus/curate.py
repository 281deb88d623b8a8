"""From sources to a corpus version: clean, deduplicate, decontaminate, split; streams through disk.

Three passes keep memory flat: records are cleaned and spilled by their digest; each spilled
bucket is sorted and filtered; the survivors of the near-duplicate check are written in id order.
So the same set of records gives the same bytes, in whatever order it was read.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from modelops.corpus.clean import clean_text, encodable
from modelops.corpus.decontaminate import index_benchmark
from modelops.corpus.deduplicate import near_duplicates
from modelops.corpus.files import TableWriter, table_of
from modelops.corpus.protocols import Blueprint, Source
from modelops.corpus.records import SCHEMA, Record
from modelops.corpus.report import CorpusReport, Reason, Rejects
from modelops.corpus.rows import Unreadable
from modelops.corpus.settings import Curation
from modelops.corpus.sift import CountTokens, Sieve, Sifted
from modelops.corpus.sources import Scannable
from modelops.corpus.spill import Spill
from modelops.digests import canonical_json
from modelops.errors import CorpusError
from modelops.progress import Report, silent

pc: Any = pyarrow.compute  # its functions are made at import, unseen by type checkers

ATTACHMENTS = ("rejects.parquet", "report.json")
"""Files of a corpus folder that tell how it was made and are no part of what it is."""

_CHUNK_RECORDS = 8192
_CHUNK_CHARACTERS = 8 * 2**20


def curate(  # noqa: PLR0913 - one orchestrator, each argument of another kind
    sources: Mapping[str, Source],
    settings: Curation,
    *,
    benchmark: Iterable[Record] = (),
    blueprint: Blueprint | None = None,
    count_tokens: CountTokens | None = None,
    folder: Path,
    report: Report = silent,
    today: date | None = None,
) -> CorpusReport:
    """Write train.parquet, dev.parquet, rejects.parquet, report.json and settings.json to `folder`.

    `benchmark` is what must not be learned; `count_tokens` applies `settings.max_tokens`, and
    without it no record is too long; `today` (default: the clock's) decides what has expired.
    Raises CorpusError when a source cannot be read or nothing is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".curate-", dir=folder))
    try:
        rejects = Rejects(scratch)
        index = index_benchmark(benchmark, settings, blueprint)
        counts, spill = _read(
            _Gate(settings, today or date.today(), rejects), sources, scratch, report
        )
        sieve = Sieve(settings, index, blueprint, count_tokens, rejects)
        sifted = sieve.sift(spill, scratch / "sifted.arrows", report)
        made = _write(sifted, settings, rejects, folder, report)
        rejects.save(folder / "rejects.parquet")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    outcome = _summarise(counts, made, rejects)
    (folder / "settings.json").write_text(canonical_json(settings) + "\n")
    outcome.save(folder / "report.json")
    return outcome


@dataclass(frozen=True, slots=True)
class _Gate:
    """What a record can be refused for on its own."""

    settings: Curation
    today: date
    rejects: Rejects

    def admit(self, name: str, row: Record | Unreadable) -> Record | None:
        """The cleaned record, or None after counting why not."""
        if isinstance(row, Unreadable):
            self.rejects.unreadable(name, row)
            return None
        if not (encodable(row.prompt) and encodable(row.completion)):
            fault = Unreadable(name, "a text holds half of a surrogate pair", "")
            self.rejects.unreadable(name, fault)
            return None
        record = cleaned(row if row.source == name else replace(row, source=name))
        if (found := self._fault(record)) is None:
            return record
        self.rejects.record(record, *found)
        return None

    def _fault(self, record: Record) -> tuple[Reason, str] | None:
        least = self.settings.min_characters
        prompt, completion = len(record.prompt), len(record.completion)
        if not completion or (not prompt and least):
            return "empty", "no completion" if not completion else "no prompt"
        if min(prompt, completion) < least and completion:
            return "too_short", f"{min(prompt, completion)} characters"
        if record.expires and record.expires <= self.today.isoformat():
            return "expired", f"on {record.expires}"
        return None


def cleaned(record: Record) -> Record:
    """The record with both texts normalised."""
    prompt, completion = clean_text(record.prompt), clean_text(record.completion)
    if prompt == record.prompt and completion == record.completion:
        return record
    return replace(record, prompt=prompt, completion=completion)


def _read(
    gate: _Gate, sources: Mapping[str, Source], scratch: Path, report: Report
) -> tuple[Counter[str], Spill]:
    """Spill what passes the gate; returns how many rows each source had."""
    spill = Spill(scratch / "records", SCHEMA, key="id")
    counts: Counter[str] = Counter()
    chunk: list[Record] = []
    characters = 0
    for name, row in _rows(sources):
        counts[name] += 1
        if (record := gate.admit(name, row)) is not None:
            chunk.append(record)
            characters += len(record.prompt) + len(record.completion)
        if len(chunk) >= _CHUNK_RECORDS or characters >= _CHUNK_CHARACTERS:
            spill.write(table_of(chunk))
            chunk, characters = [], 0
            report("read sources", len(counts) - 1, len(sources), {"records": counts.total()})
    spill.write(table_of(chunk))
    report("read sources", len(sources), len(sources), {"records": counts.total()})
    return counts, spill


def _rows(sources: Mapping[str, Source]) -> Iterator[tuple[str, Record | Unreadable]]:
    for name, source in sources.items():
        rows = source.scan() if isinstance(source, Scannable) else source.read()
        for row in rows:
            yield name, row


@dataclass(slots=True)
class _Made:
    """What has been written so far."""

    train: int = 0
    dev: int = 0
    characters: int = 0
    tokens: int | None = None
    sources: Counter[str] = field(default_factory=Counter)

    def count(self, table: pa.Table, aside: NDArray[np.bool_]) -> None:
        """Add the rows of a table of `SIFTED`; `aside` are for dev."""
        dev = int(aside.sum())
        self.dev += dev
        self.train += table.num_rows - dev
        for name in ("prompt", "completion"):
            self.characters += pc.sum(pc.utf8_length(table.column(name))).as_py() or 0
        if (tokens := pc.sum(table.column("tokens")).as_py()) is not None:
            self.tokens = (self.tokens or 0) + tokens
        self.sources.update(table.column("source").to_pylist())


def _write(
    sifted: Sifted, settings: Curation, rejects: Rejects, folder: Path, report: Report
) -> _Made:
    """Write the survivors of the near-duplicate check to train.parquet and dev.parquet."""
    twins = _twins(sifted, settings, report)
    total, made, start = len(sifted.ids), _Made(), 0
    _refuse_nothing(total, rejects)
    all_in_dev = sifted.dev[twins < 0].all()  # a handful of records: better learned than measured
    aside = np.zeros_like(sifted.dev) if all_in_dev else sifted.dev
    with (
        TableWriter(folder / "train.parquet", SCHEMA) as train,
        TableWriter(folder / "dev.parquet", SCHEMA) as dev,
    ):
        for table in sifted.tables():
            rows = slice(start, start + table.num_rows)
            mine, in_dev = twins[rows], aside[rows][twins[rows] < 0]
            copies = table.filter(pa.array(mine >= 0))
            details = [f"like {twin.tobytes().hex()}" for twin in sifted.ids[mine[mine >= 0]]]
            rejects.rows(copies, "near_duplicate", details)
            kept = table.filter(pa.array(mine < 0))
            made.count(kept, in_dev)
            dev.write(kept.filter(pa.array(in_dev)))
            train.write(kept.filter(pa.array(~in_dev)))
            start += table.num_rows
            report("write corpus", start, total, {"kept": made.train + made.dev})
    return made


def _twins(sifted: Sifted, settings: Curation, report: Report) -> NDArray[np.int64]:
    if settings.near_duplicates is None:
        return np.full(len(sifted.ids), -1, np.int64)
    report("compare records", 0, 1, {})
    twins = near_duplicates(sifted.sketches, settings.near_duplicates)
    report("compare records", 1, 1, {})
    return twins


def _refuse_nothing(left: int, rejects: Rejects) -> None:
    if not left:
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(rejects.counts.items()))
        raise CorpusError(
            f"Nothing is left after curation ({why or 'the sources are empty'}): "
            "look at the sources, or loosen the `corpus:` section."
        )


def _summarise(counts: Counter[str], made: _Made, rejects: Rejects) -> CorpusReport:
    by_source = {
        name: {"read": read, "kept": made.sources[name]} for name, read in sorted(counts.items())
    }
    return CorpusReport(
        read=counts.total(),
        train=made.train,
        dev=made.dev,
        rejected=dict(sorted(rejects.counts.items())),
        sources=by_source,
        characters=made.characters,
        tokens=made.tokens,
    )

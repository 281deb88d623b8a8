"""What curation did, counted: the reasons, the rejects, the report."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import pyarrow as pa

from modelops.corpus.files import TableWriter, rows_of
from modelops.corpus.records import Record
from modelops.corpus.rows import Unreadable
from modelops.corpus.spill import Spill
from modelops.digests import digest_bytes

Reason = Literal[
    "unreadable",
    "empty",
    "too_short",
    "expired",
    "exact_duplicate",
    "contaminated_exact",
    "contaminated_overlap",
    "too_long",
    "contaminated_equivalent",
    "near_duplicate",
]
"""Why a record was dropped; a record that earns several reasons is counted under the first."""

REASONS: tuple[Reason, ...] = get_args(Reason)

REJECTS = pa.schema(
    [(name, pa.string()) for name in ("id", "source", "subject", "reason", "detail", "excerpt")]
)
"""`detail` names the twin, the benchmark item, the number or the file and line."""

_EXCERPT = 200
_FLUSH = 16_384


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """Counts of one curation; `read == train + dev + sum(rejected.values())`."""

    read: int
    train: int
    dev: int
    rejected: Mapping[Reason, int]
    """Only reasons that occurred."""
    sources: Mapping[str, Mapping[str, int]]
    """Source -> how many of its records were `read` and `kept`."""
    characters: int
    """Of all kept prompts and completions."""
    tokens: int | None
    """Of all kept records, chat template included; None when nobody counted."""

    @property
    def kept(self) -> int:
        """Records in train and dev."""
        return self.train + self.dev

    def summary(self) -> dict[str, int | str]:
        """Plain numbers and one Markdown table, for an asset's metadata."""
        numbers = {"read": self.read, "train": self.train, "dev": self.dev}
        numbers |= {"rejected": sum(self.rejected.values()), "characters": self.characters}
        if self.tokens is not None:
            numbers["tokens"] = self.tokens
        return {**numbers, "reasons": self.table()}

    def table(self) -> str:
        """Markdown: what became of the records that were read."""
        rows = [("kept: train", self.train), ("kept: dev", self.dev)]
        rows += [(reason, self.rejected[reason]) for reason in REASONS if reason in self.rejected]
        share = 100 / max(self.read, 1)
        lines = [f"| {name} | {count} | {count * share:.1f} % |" for name, count in rows]
        return "\n".join(["| outcome | records | share |", "|---|---:|---:|", *lines])

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text()))


class Rejects:
    """Counts what is dropped and keeps a row of each in rejects.parquet, sorted by record id."""

    def __init__(self, scratch: Path) -> None:
        self.counts: Counter[Reason] = Counter()
        self._spill = Spill(
            scratch / "rejects", REJECTS.append(pa.field("key", pa.string())), key="key"
        )
        self._rows: list[dict[str, str]] = []

    def unreadable(self, source: str, row: Unreadable) -> None:
        """A row that is no record."""
        detail = f"{row.where}: {row.why}"
        self._add("unreadable", detail, id="", source=source, subject="", excerpt=row.excerpt)

    def record(self, record: Record, reason: Reason, detail: str) -> None:
        """One record; the text of an expired record is not kept."""
        excerpt = "" if reason == "expired" else record.prompt[:_EXCERPT]
        names = {"id": record.id, "source": record.source, "subject": record.subject}
        self._add(reason, detail, excerpt=excerpt, **names)

    def rows(self, table: pa.Table, reason: Reason, details: Sequence[str]) -> None:
        """Rows of a table that has the columns of a record."""
        columns = [table.column(name).to_pylist() for name in ("id", "source", "subject", "prompt")]
        for id_, source, subject, prompt, detail in zip(*columns, details, strict=True):
            excerpt = prompt[:_EXCERPT]
            self._add(reason, detail, id=id_, source=source, subject=subject, excerpt=excerpt)

    def _add(self, reason: Reason, detail: str, **row: str) -> None:
        self.counts[reason] += 1
        key = row["id"] or digest_bytes(detail.encode(errors="replace"))
        self._rows.append({**row, "reason": reason, "detail": detail, "key": key})
        if len(self._rows) >= _FLUSH:
            self._flush()

    def _flush(self) -> None:
        schema = REJECTS.append(pa.field("key", pa.string()))
        columns: dict[str, list[Any]] = {n: [row[n] for row in self._rows] for n in schema.names}
        self._spill.write(rows_of(schema, **columns))
        self._rows = []

    def save(self, path: Path) -> None:
        """Write rejects.parquet."""
        if self._rows:
            self._flush()
        with TableWriter(path, REJECTS) as writer:
            for table in self._spill.tables("source", "subject", "reason", "detail", "excerpt"):
                writer.write(table)

"""What became of every benchmark item: judged once, kept in one Parquet file per candidate."""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from modelops.corpus.protocols import Judgement
from modelops.corpus.records import Record
from modelops.errors import EvaluationError

_BENCHMARK = b"modelops.benchmark"

SCHEMA = pa.schema(
    [
        ("slice", pa.string()),
        ("id", pa.string()),
        ("prompt", pa.string()),
        ("wanted", pa.string()),
        ("completion", pa.string()),
        ("exact", pa.bool_()),
        ("valid", pa.bool_()),
        ("score", pa.float64()),
        ("error", pa.string()),
        (
            "facts",
            pa.map_(
                pa.string(),
                pa.struct([("right", pa.int64()), ("wanted", pa.int64()), ("given", pa.int64())]),
            ),
        ),
        ("measures", pa.map_(pa.string(), pa.float64())),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("tokens", pa.int64()),
        ("finished", pa.bool_()),
    ]
)


class Completion(Protocol):
    """What an engine hands back for one prompt."""

    @property
    def text(self) -> str:
        """The answer, without the marker that ends it."""
        ...

    @property
    def tokens(self) -> int:
        """Length of the answer."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the answer ended by itself, not at the limit."""
        ...


class Judge(Protocol):
    """The part of a blueprint that evaluation uses."""

    @property
    def slice_by(self) -> tuple[str, ...]:
        """Record attributes by which a report is cut."""
        ...

    def judge(self, record: Record, completion: str) -> Judgement:
        """Judge a completion of `record.prompt`; never raises for strings."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """One benchmark item: a record in a named slice."""

    slice: str
    record: Record


@dataclass(frozen=True, slots=True)
class Outcome:
    """One judged item. Outcomes of two candidates pair by `slice` and `id`."""

    slice: str
    id: str
    """Digest of the record: same prompt and same wanted answer, same id."""
    prompt: str
    wanted: str
    completion: str
    exact: bool
    valid: bool
    score: float
    error: str | None = None
    facts: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """Group -> (right, wanted, given)."""
    measures: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    """The record's attributes by which a report is cut, and no others."""
    tokens: int = 0
    finished: bool = True


def judge_all(
    items: Sequence[Item], completions: Sequence[Completion], blueprint: Judge | None = None
) -> list[Outcome]:
    """Judge the completion of every item, in the order of `items`.

    Without a blueprint an answer is exact when it equals the wanted one after normalisation
    (Unicode NFC, newlines, trailing blanks), and valid when it is not blank.
    Raises EvaluationError when the lengths differ or a judgement is not finite.
    """
    if len(items) != len(completions):
        raise EvaluationError(
            f"{len(items)} benchmark items got {len(completions)} completions: generate one each."
        )
    return [_outcome(item, done, blueprint) for item, done in zip(items, completions, strict=True)]


def _outcome(item: Item, done: Completion, blueprint: Judge | None) -> Outcome:
    record = item.record
    text = done.text.encode("utf-8", "replace").decode()  # lone surrogates cannot be stored
    verdict = blueprint.judge(record, text) if blueprint else _by_equality(record, text)
    _refuse_nonsense(record, verdict)
    cuts = blueprint.slice_by if blueprint else ()
    return Outcome(
        slice=item.slice,
        id=record.id,
        prompt=record.prompt,
        wanted=record.completion,
        completion=text,
        exact=verdict.exact,
        valid=verdict.valid,
        score=float(verdict.score),
        error=verdict.error,
        facts={group: _counted(verdict.valid, fact) for group, fact in verdict.facts.items()},
        measures={name: float(value) for name, value in verdict.measures.items()},
        attributes={name: record.attributes[name] for name in cuts if name in record.attributes},
        tokens=done.tokens,
        finished=done.finished,
    )


def _counted(valid: bool, fact: tuple[int, int, int]) -> tuple[int, int, int]:
    right, wanted, given = fact
    return (right, wanted, given) if valid else (0, wanted, 0)  # gives nothing, still wants


def _by_equality(record: Record, text: str) -> Judgement:
    exact = _plain(text) == _plain(record.completion)
    return Judgement(score=float(exact), exact=exact, valid=bool(text.strip()))


def _plain(text: str) -> str:
    lines = unicodedata.normalize("NFC", text).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip()


def _refuse_nonsense(record: Record, verdict: Judgement) -> None:
    numbers = {"score": verdict.score, **verdict.measures}
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise EvaluationError(
                f"The verifier gave {name} = {value} for item {record.id[:12]}: "
                "it has to return finite numbers."
            )
    for group, (right, wanted, given) in verdict.facts.items():
        if not 0 <= right <= min(wanted, given):
            raise EvaluationError(
                f"The verifier counted {right} right of {wanted} wanted and {given} given facts in "
                f"`{group}` for item {record.id[:12]}: right may not exceed either."
            )


def write_outcomes(path: Path, outcomes: Iterable[Outcome], *, benchmark: str) -> None:
    """Write one Parquet file; the same outcomes give the same bytes, whatever their order.

    `benchmark` is the digest of the benchmark they answer; it travels inside the file.
    Raises EvaluationError when an item occurs twice in a slice.
    """
    rows = sorted(outcomes, key=lambda one: (one.slice, one.id))
    for one, other in pairwise(rows):
        if (one.slice, one.id) == (other.slice, other.id):
            raise EvaluationError(
                f"Item {one.id[:12]} occurs twice in slice `{one.slice}`: deduplicate the slice."
            )
    table = pa.Table.from_pylist([_row(one) for one in rows], SCHEMA)
    table = table.replace_schema_metadata({_BENCHMARK: benchmark.encode()})
    pq.write_table(table, path, compression="zstd")


def read_outcomes(path: Path, *, benchmark: str) -> list[Outcome]:
    """Outcomes as written, sorted by slice and id.

    Raises EvaluationError when they answer another benchmark than `benchmark`: numbers from
    different items cannot be paired, so their owner has to be evaluated again.
    """
    table = pq.read_table(path)
    answered = (table.schema.metadata or {}).get(_BENCHMARK, b"").decode()
    if answered != benchmark:
        raise EvaluationError(
            f"These outcomes answer benchmark {answered[:12] or '(unnamed)'} and the current one "
            f"is {benchmark[:12]}: evaluate that release again on the current benchmark."
        )
    return [_outcome_of(row) for row in table.to_pylist()]


def _row(outcome: Outcome) -> dict[str, Any]:
    names = ("right", "wanted", "given")
    facts = {group: dict(zip(names, fact, strict=True)) for group, fact in outcome.facts.items()}
    maps = {"facts": facts, "measures": outcome.measures, "attributes": outcome.attributes}
    return asdict(outcome) | {name: sorted(pairs.items()) for name, pairs in maps.items()}


def _outcome_of(row: Mapping[str, Any]) -> Outcome:
    read: dict[str, Any] = dict(row)
    read["facts"] = {group: (f["right"], f["wanted"], f["given"]) for group, f in row["facts"]}
    read["measures"] = dict(row["measures"])
    read["attributes"] = dict(row["attributes"])
    return Outcome(**read)

"""Worked examples for the bare base, chosen from the corpus it has not learned."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from heapq import nsmallest

from modelops.corpus.records import Record
from modelops.digests import digest_bytes
from modelops.errors import EvaluationError

_POOL = 1000
_WORD = re.compile(r"[^\W\d_]{2,}")


def characters(record: Record) -> int:
    """Length of prompt and completion together."""
    return len(record.prompt) + len(record.completion)


@dataclass(frozen=True, slots=True)
class Room:
    """How long all examples may be together, by a measure: characters, or a tokenizer's count."""

    limit: int = 2400
    measure: Callable[[Record], int] = characters


def choose_examples(
    records: Iterable[Record],
    k: int,
    *,
    seed: int,
    held_out: Collection[str] = frozenset(),
    room: Room | None = None,
) -> list[Record]:
    """At most `k` diverse records that fit `room` together; the order of `records` is ignored.

    From a sample drawn by digest, each pick adds most to the words and attributes covered so far
    (weighted by how many records share them) within an even share of what room is left.
    `held_out` holds the prompts of the benchmark; a record with one of them is an EvaluationError.
    """
    room = room or Room()
    held_out = frozenset(held_out)
    pool = nsmallest(
        _POOL, _checked(records, held_out), key=lambda r: digest_bytes(f"{seed}:{r.id}".encode())
    )
    traits = {record.id: _traits(record) for record in pool}
    shared = Counter(trait for found in traits.values() for trait in found)
    covered, taken = set[str](), set[str]()
    chosen: list[Record] = []
    left = room.limit
    sizes = {record.id: room.measure(record) for record in pool}
    for still in range(k, 0, -1):
        fitting = [r for r in pool if sizes[r.id] <= left // still and r.id not in taken]
        if not fitting:
            continue  # the next pick has a larger share of the room
        best = max(fitting, key=lambda r: sum(shared[t] for t in traits[r.id] - covered))
        chosen.append(best)
        taken.add(best.id)
        covered |= traits[best.id]
        left -= sizes[best.id]
    return chosen


def _checked(records: Iterable[Record], held_out: frozenset[str]) -> Iterable[Record]:
    for record in records:
        if record.prompt in held_out:
            raise EvaluationError(
                f"Record {record.id[:12]} of source `{record.source}` is a benchmark item: "
                "rebuild the corpus, which drops those, before showing examples from it."
            )
        yield record


def _traits(record: Record) -> set[str]:
    stated = {f"{name}={value}" for name, value in record.attributes.items()}
    return stated | set(_WORD.findall(record.completion))

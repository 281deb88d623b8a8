"""Which records would give the benchmark away; knows texts and identities, not files."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from modelops.corpus.clean import clean_text
from modelops.corpus.protocols import Blueprint
from modelops.corpus.records import Record
from modelops.corpus.settings import Curation
from modelops.corpus.shingles import Hashes, pair_words, runs, words

_TEMPLATE_ITEMS, _TEMPLATE_SHARE = 10, 0.02


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many distinct word runs an item's prompt and whole pair have."""

    item: str
    prompt: int
    pair: int


@dataclass(frozen=True, slots=True)
class BenchmarkIndex:
    """What is known of the benchmark's items, by text, by word run and by identity."""

    texts: Mapping[bytes, str]
    """Digest of a normalised prompt (or completion, when there is no prompt) -> item id."""
    run_hashes: Hashes
    """Sorted."""
    holders: Mapping[int, tuple[tuple[int, bool], ...]]
    """Run hash -> (position in `wanted`, whether the run is in the item's prompt)."""
    wanted: tuple[Wanted, ...]
    identities: Mapping[str, str]
    """Blueprint identity -> item id."""


def index_benchmark(
    items: Iterable[Record], settings: Curation, blueprint: Blueprint | None
) -> BenchmarkIndex:
    """Read the benchmark once.

    Word runs that more than 10 items and 2 % of them share are a template, such as one
    instruction before every question, and give nothing away; they are left out.
    """
    records = sorted(items, key=lambda item: item.id)
    cleaned = [(r.id, clean_text(r.prompt), clean_text(r.completion)) for r in records]
    identities = {}
    for record in reversed(records):
        if blueprint and (identity := blueprint.identity(record)) is not None:
            identities[identity] = record.id
    run_hashes, holders, wanted = _index_runs(cleaned, settings.contamination_words)
    texts = {text_key(prompt, completion): id_ for id_, prompt, completion in reversed(cleaned)}
    return BenchmarkIndex(texts, run_hashes, holders, wanted, identities)


def text_key(prompt: str, completion: str) -> bytes:
    """Equal for texts that differ in case and white space only; the prompt decides if it exists."""
    text = " ".join((prompt or completion).casefold().split())
    kind = b"prompt" if prompt else b"completion"
    return hashlib.blake2b(text.encode(), digest_size=16, person=kind).digest()


def _index_runs(
    items: list[tuple[str, str, str]], width: int
) -> tuple[Hashes, dict[int, tuple[tuple[int, bool], ...]], tuple[Wanted, ...]]:
    prompts = pa.array([prompt for _, prompt, _ in items], pa.string())
    completions = pa.array([completion for _, _, completion in items], pa.string())
    if not items:
        return np.empty(0, np.uint64), {}, ()
    pairs, alone = (
        [set(part.tolist()) for part in np.split(rows.values, rows.offsets[1:-1])]
        for rows in (
            runs(pair_words(prompts, completions), width, whole=False),
            runs(words(prompts), width, whole=False),
        )
    )
    shared = Counter(run for item in pairs for run in item)
    limit = max(_TEMPLATE_ITEMS, _TEMPLATE_SHARE * len(items))
    holders: defaultdict[int, list[tuple[int, bool]]] = defaultdict(list)
    wanted = []
    for number, (pair, prompt) in enumerate(zip(pairs, alone, strict=True)):
        telling = {run for run in pair if shared[run] <= limit}
        for run in telling:
            holders[run].append((number, run in prompt))
        wanted.append(Wanted(items[number][0], len(telling & prompt), len(telling)))
    hashes = np.array(sorted(holders), np.uint64)
    return hashes, {run: tuple(held) for run, held in holders.items()}, tuple(wanted)


def exact_matches(table: pa.Table, index: BenchmarkIndex) -> dict[int, str]:
    """Row -> the item whose prompt, apart from case and white space, is the row's."""
    if not index.texts:
        return {}
    columns = (table.column(name).to_pylist() for name in ("prompt", "completion"))
    keys = (text_key(prompt, completion) for prompt, completion in zip(*columns, strict=True))
    return {row: index.texts[key] for row, key in enumerate(keys) if key in index.texts}


def overlaps(table: pa.Table, index: BenchmarkIndex, settings: Curation) -> dict[int, str]:
    """Row -> the item of which it holds the share of word runs, of the prompt or of the whole."""
    if not len(index.run_hashes) or not table.num_rows:
        return {}
    rows = runs(
        pair_words(table.column("prompt"), table.column("completion")),
        settings.contamination_words,
        whole=False,
    )
    place = np.searchsorted(index.run_hashes, rows.values).clip(max=len(index.run_hashes) - 1)
    hits = np.flatnonzero(index.run_hashes[place] == rows.values)
    found: defaultdict[int, set[int]] = defaultdict(set)
    for row, run in zip(rows.rows()[hits].tolist(), rows.values[hits].tolist(), strict=True):
        found[row].add(run)
    items = {row: next(_given_away(held, index, settings), None) for row, held in found.items()}
    return {row: item for row, item in items.items() if item is not None}


def _given_away(held: set[int], index: BenchmarkIndex, settings: Curation) -> Iterator[str]:
    pairs: Counter[int] = Counter()
    prompts: Counter[int] = Counter()
    for run in held:
        for number, in_prompt in index.holders[run]:
            pairs[number] += 1
            prompts[number] += in_prompt
    share = settings.contamination_share
    for number in sorted(pairs):
        wanted = index.wanted[number]
        whole = pairs[number] >= share * wanted.pair
        if whole or (wanted.prompt and prompts[number] >= share * wanted.prompt):
            yield wanted.item

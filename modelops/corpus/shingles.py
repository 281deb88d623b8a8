"""Words and runs of words as 64-bit hashes in flat arrays; knows arrays, not records.

A ragged list of n rows is a pair: `values`, shape (total,), and `offsets`, shape (n + 1,).
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

pc: Any = pyarrow.compute  # its functions are made at import, unseen by type checkers

Hashes = NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15  # odd, so that multiplying by it is invertible modulo 2**64
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"
_BORDER = " \u241e "


class Ragged(NamedTuple):
    """Rows of hashes, end to end."""

    values: Hashes
    offsets: NDArray[np.int64]

    def rows(self) -> NDArray[np.int64]:
        """The row of each value, shape (total,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def words(texts: pa.ChunkedArray) -> Ragged:
    """Hash of each lower-cased word; scripts without spaces count a character as a word."""
    array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    lowered = pc.utf8_lower(array)
    if pc.sum(pc.binary_length(lowered)).as_py() != pc.sum(pc.utf8_length(lowered)).as_py():
        lowered = pc.replace_substring_regex(lowered, _UNSPACED, r" \1 ")
    lists = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lowered))
    offsets = np.asarray(lists.offsets, np.int64)
    coded = lists.flatten().dictionary_encode()
    hashes = _hash_words(coded.dictionary.to_pylist())
    return Ragged(hashes[np.asarray(coded.indices)], offsets - offsets[0])


def pair_words(prompts: pa.ChunkedArray, completions: pa.ChunkedArray) -> Ragged:
    """Words of prompt and completion with a border word between them."""
    return words(pc.binary_join_element_wise(prompts, completions, _BORDER))


def _hash_words(unique: list[str]) -> Hashes:
    from rensa import RMinHash  # ty: ignore[missing-module-member] - Rust

    return np.array(RMinHash.hash_token_sets([unique])[0], np.uint64)


def runs(rows: Ragged, width: int, *, whole: bool) -> Ragged:
    """Hash of every run of `width` words.

    With `whole`, a row of fewer words gives one run, all of it; without, none.
    """
    lengths = np.diff(rows.offsets)
    hashes = _rolling(rows.values, width)
    starts = np.arange(len(rows.values))
    keep = np.repeat(rows.offsets[1:], lengths) - starts >= width
    counts = np.maximum(lengths - width + 1, 0)
    if whole:
        short = (lengths > 0) & (lengths < width)
        first = rows.offsets[:-1][short]
        hashes[first], keep[first] = _whole(rows, short), True
        counts[short] = 1
    return Ragged(_mix(hashes[keep]), np.concatenate([[0], np.cumsum(counts)]))


def _rolling(values: Hashes, width: int) -> Hashes:
    """At i, the sum over j < width of values[i + j] * base**j; garbage in the last width - 1."""
    total, done = np.zeros_like(values), 0
    span, size = values.copy(), 1
    while True:
        if width & size:
            total = total + _shift(span, done) * _power(done)
            done += size
        if done == width:
            return total
        span = span + _shift(span, size) * _power(size)
        size *= 2


def _whole(rows: Ragged, short: NDArray[np.bool_]) -> Hashes:
    """The rolling sum of complete rows that are shorter than the run."""
    lengths = np.diff(rows.offsets)
    inside = np.repeat(short, lengths)
    position = np.arange(len(rows.values)) - np.repeat(rows.offsets[:-1], lengths)
    powers = np.array([_power(p) for p in range(int(lengths[short].max(initial=0)))], np.uint64)
    terms = rows.values[inside] * powers[position[inside]]
    sizes = lengths[short]
    return np.add.reduceat(terms, np.cumsum(sizes) - sizes) if len(sizes) else terms


def _shift(values: Hashes, by: int) -> Hashes:
    out = np.zeros_like(values)
    out[: max(len(values) - by, 0)] = values[by:]
    return out


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(_BASE, exponent, 1 << 64))


def _mix(values: Hashes) -> Hashes:
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014): sums become evenly spread hashes."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

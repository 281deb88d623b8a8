"""Near duplicates by MinHash and banding; knows signatures, not texts.

With k positions and a threshold t, two similar signatures differ in at most (1 - t) * k of
them, so of one band more than that at least one agrees throughout: banding loses no pair.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelops.corpus.shingles import Ragged

Signatures = NDArray[np.uint16]
"""Shape (n, POSITIONS)."""

Indices = NDArray[np.int32]

POSITIONS = 128
SEED = 1
_CHUNK = 4096


def signatures(shingles: Ragged) -> Signatures:
    """MinHash signature of each row of shingle hashes, its positions cut to 16 bits.

    Broder (1997); two unequal positions are taken for equal once in 65,536.
    """
    from rensa import RMinHash  # ty: ignore[missing-module-member] - Rust

    rows = len(shingles.offsets) - 1
    out = np.empty((rows, POSITIONS), np.uint16)
    for start in range(0, rows, _CHUNK):
        offsets = shingles.offsets[start : min(start + _CHUNK, rows) + 1]
        values = np.ascontiguousarray(shingles.values[offsets[0] : offsets[-1]])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            values, (offsets - offsets[0]).astype(np.uint64), POSITIONS, SEED
        )
        out[start : start + len(offsets) - 1] = np.array(matrix.to_rows(), np.uint32) & 0xFFFF
    return out


def similarity(one: Signatures, other: Signatures) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of signatures row by row, shapes (m, k) or (k,)."""
    return np.count_nonzero(one == other, axis=-1) / one.shape[-1]


def near_duplicates(sketches: Signatures, threshold: float) -> NDArray[np.int64]:
    """For each row an earlier surviving row of which it is a copy, or -1 when it survives.

    A row is dropped exactly when its estimated similarity to an earlier survivor reaches
    `threshold`. So no two survivors are that similar, and each dropped row has a survivor that is.

    In each round the rows that come first wherever they share a band are known to survive; what
    is like them is dropped; both leave. The earliest row that is left always is such a row.
    """
    twins = np.full(len(sketches), -1, np.int64)
    rows, groups = _shared_bands(sketches, threshold)
    while len(rows):
        first = _changes(groups)
        leaders = rows[first][np.cumsum(first) - 1]
        behind = np.zeros(len(sketches), bool)
        behind[rows[~first]] = True
        settled = ~behind[leaders]
        compared = np.flatnonzero(settled & ~first)
        close = compared[_alike(sketches, rows[compared], leaders[compared], threshold)]
        np.maximum.at(twins, rows[close], leaders[close])
        leaves = (twins[rows] >= 0) | (settled & first)
        rows, groups = _without_loners(rows[~leaves], groups[~leaves])
    return twins


def _alike(
    sketches: Signatures, rows: Indices, others: Indices, threshold: float
) -> NDArray[np.bool_]:
    """Whether each row is as similar to the other one as `threshold` says."""
    parts = [
        similarity(sketches[rows[here]], sketches[others[here]]) >= threshold
        for here in (slice(at, at + _CHUNK) for at in range(0, len(rows), _CHUNK))
    ]
    return np.concatenate([np.empty(0, bool), *parts])


def _shared_bands(sketches: Signatures, threshold: float) -> tuple[Indices, Indices]:
    """Rows that share a band with others, and a number for each group of such rows.

    Sorted by group, then by row; a row is in as many groups as it shares bands.
    """
    found: list[tuple[Indices, Indices]] = [(np.empty(0, np.int32), np.empty(0, np.int32))]
    used = 0
    for start, stop in pairwise(band_edges(sketches.shape[1], threshold)):
        keys = _band_keys(sketches[:, start:stop])
        order = np.argsort(keys, kind="stable").astype(np.int32)
        groups = (np.cumsum(_changes(keys[order])) + used).astype(np.int32)
        used += len(keys)
        found.append(_without_loners(order, groups))
    rows, groups = zip(*found, strict=True)
    return np.concatenate(rows), np.concatenate(groups)


def _without_loners(rows: Indices, groups: Indices) -> tuple[Indices, Indices]:
    """Leave out groups of one."""
    first = _changes(groups)
    last = np.append(first[1:], True)[: len(first)]
    several = ~(first & last)
    return rows[several], groups[several]


def _changes(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each value is another than the one before it."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def band_edges(positions: int, threshold: float) -> list[int]:
    """Where the bands begin and end: one band more than positions that may differ."""
    may_differ = int(np.floor((1 - threshold) * positions + 1e-9))
    return np.linspace(0, positions, may_differ + 2).astype(int).tolist()


def _band_keys(band: Signatures) -> NDArray[np.uint64]:
    keys = np.zeros(len(band), np.uint64)
    for column in range(band.shape[1]):
        keys = (keys ^ band[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys

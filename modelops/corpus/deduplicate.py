"""Near duplicates by MinHash and banding; knows signatures, not texts.

With k positions and a threshold t, two similar signatures differ in at most (1 - t) * k of
them, so of one band more than that at least one agrees throughout: banding loses no pair.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from modelops.corpus.shingles import Ragged

Signatures = NDArray[np.uint16]
"""Shape (n, POSITIONS)."""

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


def similarity(one: Signatures, many: Signatures) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of one signature, shape (k,), to many, shape (m, k)."""
    return np.count_nonzero(many == one, axis=1) / one.shape[0]


def near_duplicates(sketches: Signatures, threshold: float) -> NDArray[np.int64]:
    """For each row the earlier surviving row it is a copy of, or -1 when it survives.

    Rows are taken in order; one is dropped when its estimated similarity to a survivor reaches
    `threshold`. So no two survivors are that similar, and each dropped row has a survivor that is.
    """
    twins = np.full(len(sketches), -1, np.int64)
    groups = _groups(sketches, threshold)
    suspects = np.flatnonzero((groups >= 0).any(axis=0))
    survivors: dict[int, list[int]] = {}
    for row in suspects.tolist():
        mine = [group for group in groups[:, row].tolist() if group >= 0]
        seen = sorted({other for group in mine for other in survivors.get(group, ())})
        if seen:
            close = similarity(sketches[row], sketches[seen]) >= threshold
            if close.any():
                twins[row] = seen[int(close.argmax())]
                continue
        for group in mine:
            survivors.setdefault(group, []).append(row)
    return twins


def _groups(sketches: Signatures, threshold: float) -> NDArray[np.int32]:
    """Shape (bands, n): rows with an equal band share a number; -1 where nobody shares."""
    edges = band_edges(sketches.shape[1], threshold)
    groups = np.full((len(edges) - 1, len(sketches)), -1, np.int32)
    used = 0
    for band, (start, stop) in enumerate(pairwise(edges)):
        _, inverse, counts = np.unique(
            _band_keys(sketches[:, start:stop]), return_inverse=True, return_counts=True
        )
        numbers = np.where(counts > 1, used + np.cumsum(counts > 1), -1)
        groups[band] = numbers[inverse]
        used = max(used, int(numbers.max(initial=-1)))
    return groups


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

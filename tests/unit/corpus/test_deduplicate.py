"""Claims about near duplicates, held against comparing every pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelops.corpus.deduplicate import (
    POSITIONS,
    band_edges,
    near_duplicates,
    signatures,
    similarity,
)
from modelops.corpus.shingles import Ragged


def ragged(rows: list[np.ndarray]) -> Ragged:
    offsets = np.cumsum([0, *map(len, rows)])
    return Ragged(np.concatenate(rows).astype(np.uint64), offsets)


def noisy_copies(seed: int, size: int, kinds: int, noise: float) -> np.ndarray:
    """Signatures around a few centres, shape (size, POSITIONS)."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**16, (kinds, POSITIONS), dtype=np.uint16)
    sketches = centres[rng.integers(0, kinds, size)]
    changed = rng.random(sketches.shape) < rng.uniform(0, noise, (size, 1))
    return np.where(changed, rng.integers(0, 2**16, sketches.shape, np.uint16), sketches)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 60),
    threshold=st.sampled_from([0.51, 0.6, 0.75, 0.8, 0.9, 0.95, 1.0]),
)
def test_rows_survive_exactly_as_in_a_comparison_of_every_pair(seed, size, threshold):
    sketches = noisy_copies(seed, size, kinds=3, noise=0.4)
    survivors: list[int] = []
    for row, sketch in enumerate(sketches):
        if all(np.mean(sketches[other] == sketch) < threshold for other in survivors):
            survivors.append(row)
    twins = near_duplicates(sketches, threshold)
    assert np.flatnonzero(twins < 0).tolist() == survivors


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), threshold=st.floats(0.55, 1.0))
def test_no_two_survivors_are_similar_and_every_dropped_row_has_one_that_is(seed, threshold):
    sketches = noisy_copies(seed, 80, kinds=5, noise=0.3)
    twins = near_duplicates(sketches, threshold)
    survivors = np.flatnonzero(twins < 0)
    for place, row in enumerate(survivors):
        others = np.delete(survivors, place)
        assert (similarity(sketches[row], sketches[others]) < threshold).all()
    for row in np.flatnonzero(twins >= 0):
        assert twins[row] < row
        assert twins[twins[row]] == -1
        assert similarity(sketches[row], sketches[twins[[row]]])[0] >= threshold


@given(threshold=st.floats(0.5, 1.0, exclude_min=True))
def test_there_is_one_band_more_than_positions_that_may_differ(threshold):
    edges = band_edges(POSITIONS, threshold)
    most = sum(1 for k in range(POSITIONS) if (POSITIONS - k) / POSITIONS >= threshold) - 1
    assert len(edges) - 1 >= most + 1
    assert (edges[0], edges[-1]) == (0, POSITIONS)
    assert min(np.diff(edges)) >= 1


@pytest.mark.parametrize("jaccard", [0.5, 0.8, 0.9, 0.95])
def test_the_estimate_is_near_the_true_similarity(jaccard):
    rng = np.random.default_rng(7)
    shared = round(200 * jaccard)
    errors = []
    for _ in range(40):
        union = rng.integers(0, 2**63, 200)
        extra = np.array_split(union[shared:], 2)
        pair = signatures(ragged([np.concatenate([union[:shared], part]) for part in extra]))
        errors.append(similarity(pair[0], pair[1:])[0] - jaccard)
    deviation = np.sqrt(jaccard * (1 - jaccard) / POSITIONS)
    assert abs(np.mean(errors)) < 4 * deviation / np.sqrt(40)
    assert np.std(errors) < 2 * deviation


def test_a_signature_does_not_depend_on_its_neighbours():
    rng = np.random.default_rng(3)
    rows = [rng.integers(0, 2**63, rng.integers(1, 9)) for _ in range(5000)]
    together = signatures(ragged(rows))
    for row in (0, 4095, 4096, 4999):
        assert (signatures(ragged([rows[row]]))[0] == together[row]).all()

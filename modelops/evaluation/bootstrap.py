"""Bootstrap intervals of ratios of sums over items; knows arrays, not metrics."""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2_000_000  # random numbers held at once


def resampled_sums(
    columns_NK: NDArray[np.floating], *, resamples: int, seed: int = 0
) -> NDArray[np.floating]:
    """Column sums over N rows drawn with replacement, shape (resamples, K).

    All columns share the draws, so that ratios of them are resampled item by item.
    """
    n = columns_NK.shape[0]
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // n)
    sums = [
        _draw(rng, min(block, resamples - start), n) @ columns_NK
        for start in range(0, resamples, block)
    ]
    return np.concatenate(sums)


def _draw(rng: np.random.Generator, rows: int, n: int) -> NDArray[np.floating]:
    drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(float)


def percentile_interval(
    numerators: NDArray[np.floating], denominators: NDArray[np.floating], confidence: float
) -> tuple[float, float]:
    """Percentile interval of numerators / denominators, each of shape (resamples,).

    Resamples whose denominator is 0 say nothing and are left out. Efron (1979).
    """
    said = denominators > 0
    ratios = numerators[said] / denominators[said]
    tail = (1 - confidence) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return float(low), float(high)

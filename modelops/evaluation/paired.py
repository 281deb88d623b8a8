"""Two candidates on the same items: exact McNemar, the paired gain, and how many items it takes.

Knows right and wrong, not what was asked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from modelops.errors import EvaluationError
from modelops.evaluation.outcomes import Outcome

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Paired:
    """New against old on `n` shared items; `difference` is the new rate minus the old one."""

    both_right: int
    only_new: int
    only_old: int
    both_wrong: int
    low: float
    """Lower end of the two-sided interval of `difference`."""
    high: float
    p_value: float
    """Two-sided exact McNemar."""
    confidence: float

    @property
    def n(self) -> int:
        """Items that both answered."""
        return self.both_right + self.only_new + self.only_old + self.both_wrong

    @property
    def difference(self) -> float:
        """Gain in rate, between -1 and 1."""
        return (self.only_new - self.only_old) / self.n


def pair(new: Sequence[Outcome], old: Sequence[Outcome]) -> list[tuple[Outcome, Outcome]]:
    """Outcomes of the same items side by side, sorted by slice and id.

    Raises EvaluationError when there are none, an item occurs twice, or one side lacks an item.
    """
    ours, theirs = _by_item(new), _by_item(old)
    if not ours and not theirs:
        raise EvaluationError("There are no outcomes to compare: evaluate the benchmark first.")
    alone = sorted(ours.keys() ^ theirs.keys())
    if alone:
        where, item = alone[0]
        raise EvaluationError(
            f"{len(alone)} items were answered by one side only (first: {item[:12]} in slice "
            f"`{where}`): evaluate both on the same benchmark."
        )
    return [(ours[key], theirs[key]) for key in sorted(ours)]


def _by_item(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], Outcome]:
    found = {(one.slice, one.id): one for one in outcomes}
    if len(found) != len(outcomes):
        raise EvaluationError(
            f"{len(outcomes) - len(found)} outcomes repeat an item: each item is judged once."
        )
    return found


def compare(new: Sequence[Outcome], old: Sequence[Outcome], confidence: float = 0.95) -> Paired:
    """Pair two candidates' outcomes and compare how often each is exact."""
    pairs = pair(new, old)
    hits = [(one.exact, other.exact) for one, other in pairs]
    counts = [hits.count(case) for case in ((True, True), (True, False), (False, True))]
    return paired(*counts, n=len(hits), confidence=confidence)


def paired(
    both_right: int, only_new: int, only_old: int, *, n: int, confidence: float = 0.95
) -> Paired:
    """Statistics of a 2x2 table of paired answers to `n` items."""
    low, high = paired_interval(only_new, only_old, n=n, confidence=confidence)
    both_wrong = n - both_right - only_new - only_old
    p_value = mcnemar(only_new, only_old)
    return Paired(both_right, only_new, only_old, both_wrong, low, high, p_value, confidence)


def mcnemar(only_new: int, only_old: int) -> float:
    """Two-sided p-value of the discordant pairs. McNemar (1947), exact binomial form."""
    from scipy.stats import binomtest

    discordant = only_new + only_old
    return float(binomtest(only_new, discordant).pvalue) if discordant else 1.0


def paired_interval(
    only_new: int, only_old: int, *, n: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the paired difference in rate, without drawing a sample.

    A resample of n items sums n independent steps of +1, -1 or 0, so that the distribution over
    all n**n resamples is an n-fold convolution: Efron and Tibshirani's (1993, ch. 6) ideal
    bootstrap, with no seed and no simulation noise. Swapping new and old negates the interval.
    Raises EvaluationError when n is not positive or smaller than the discordant pairs.
    """
    if n < 1 or min(only_new, only_old) < 0 or only_new + only_old > n:
        raise EvaluationError(
            f"{only_new} + {only_old} discordant pairs do not fit {n} items: count again."
        )
    chances = _sum_distribution(only_new, only_old, n)
    tail = (1 - confidence) / 2
    low = _quantile(chances, tail) - n
    high = n - _quantile(chances[::-1], tail)
    return low / n, high / n


def _sum_distribution(only_new: int, only_old: int, n: int) -> NDArray[np.floating]:
    """Chance of each sum -n..n, shape (2n + 1,)."""
    step = np.array([only_old, n - only_new - only_old, only_new]) / n
    size = 2 * n + 1
    chances = np.fft.irfft(np.fft.rfft(step, size) ** n, size)
    return np.clip(chances, 0, None)  # the transform leaves -1e-17 where nothing is


def _quantile(chances: NDArray[np.floating], tail: float) -> int:
    return int(np.searchsorted(np.cumsum(chances), tail - _ROUNDING))


def items_needed(
    effect: float, *, power: float = 0.8, confidence: float = 0.95, discordance: float
) -> int:
    """Items with which exact McNemar finds a true gain of `effect` with probability `power`.

    `discordance` is the share of items that only one side gets right; at least `effect`, which is
    its least possible value. Bisects the exact power around the normal approximation of
    Connor (1987), Biometrics 43, 207-211. Raises EvaluationError for shares outside (0, 1].
    """
    discordance = max(discordance, effect)
    if not 0 < effect <= 1 or not discordance <= 1:
        raise EvaluationError(
            f"An effect of {effect} with {discordance} discordant pairs is impossible: "
            "both are shares of the items, above 0 and at most 1."
        )
    return _bisect(round(effect, 9), round(discordance, 9), power, confidence)


@lru_cache(maxsize=1024)
def _bisect(effect: float, discordance: float, power: float, confidence: float) -> int:
    guess = _connor(effect, discordance, power, confidence)
    low, high = max(1, guess // 2), 2 * guess + 20
    while mcnemar_power(high, effect, discordance, confidence) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = mcnemar_power(middle, effect, discordance, confidence) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _connor(effect: float, discordance: float, power: float, confidence: float) -> int:
    z_alpha = NormalDist().inv_cdf(1 - (1 - confidence) / 2)
    z_beta = NormalDist().inv_cdf(power)
    spread = math.sqrt(max(discordance - effect**2, 0))
    root = z_alpha * math.sqrt(discordance) + z_beta * spread
    return max(1, math.ceil((root / effect) ** 2))


def mcnemar_power(n: int, effect: float, discordance: float, confidence: float = 0.95) -> float:
    """Chance that exact McNemar finds a true gain of `effect` in `n` items, the right way round.

    Sums over the number of discordant pairs, itself binomial; Duffy (1984), Biometrics 40.
    """
    from scipy.stats import binom

    mean, reach = n * discordance, 8 * math.sqrt(n * discordance)  # beyond it, under 1e-14
    pairs = np.arange(max(0, int(mean - reach)), min(n, math.ceil(mean + reach) + 10) + 1)
    chance = binom.pmf(pairs, n, discordance)
    # fewest new answers out of `pairs` with a one-sided tail under (1 - confidence) / 2
    needed = binom.isf((1 - confidence) / 2, pairs, 0.5) + 1
    gained = min(1.0, (discordance + effect) / (2 * discordance))
    return float(np.sum(chance * binom.sf(needed - 1, pairs, gained)))

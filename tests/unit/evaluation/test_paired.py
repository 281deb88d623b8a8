"""Paired statistics against hand-computed values, other libraries, and their own promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelops.errors import EvaluationError
from modelops.evaluation.outcomes import Outcome
from modelops.evaluation.paired import (
    compare,
    items_needed,
    mcnemar,
    mcnemar_power,
    pair,
    paired,
    paired_interval,
)


def answered(hits, where="easy"):
    """One outcome for each letter of `hits`: 1 is right, 0 is wrong."""
    return [
        Outcome(where, f"{at:064x}", "p", "w", "c", exact=hit == "1", valid=True, score=1.0)
        for at, hit in enumerate(hits)
    ]


tables = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda counts: sum(counts) > 0)


def test_a_table_is_counted_item_by_item_whatever_the_order():
    seen = compare(answered("1100111"), answered("1010000")[::-1])
    assert (seen.both_right, seen.only_new, seen.only_old, seen.both_wrong) == (1, 4, 1, 1)
    assert seen.n == 7
    assert seen.difference == pytest.approx(3 / 7)


def test_mcnemar_agrees_with_the_hand_and_with_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar as theirs

    assert mcnemar(6, 0) == pytest.approx(2 * 0.5**6)
    assert mcnemar(3, 1) == pytest.approx(2 * (1 + 4) / 16)
    assert mcnemar(0, 0) == 1.0
    for new, old in [(20, 5), (1, 9), (40, 41)]:
        assert mcnemar(new, old) == pytest.approx(
            theirs([[3, new], [old, 4]], exact=True).pvalue, rel=1e-12
        )


@given(tables)
def test_the_interval_holds_the_difference_and_swapping_sides_negates_it(table):
    both, new, old, wrong = table
    there = paired(both, new, old, n=both + new + old + wrong)
    back = paired(both, old, new, n=there.n)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=1e-15)
    assert back.difference == -there.difference
    assert back.p_value == pytest.approx(there.p_value)
    assert -1 <= there.low <= there.difference <= there.high <= 1


@given(tables)
def test_more_confidence_never_narrows_the_interval(table):
    _, new, old, _ = table
    narrow = paired_interval(new, old, n=sum(table), confidence=0.8)
    wide = paired_interval(new, old, n=sum(table), confidence=0.99)
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


@given(tables)
def test_one_more_gain_never_lowers_the_interval(table):
    _, new, old, wrong = table
    n = sum(table)
    before = paired_interval(new, old, n=n)
    if wrong:
        after = paired_interval(new + 1, old, n=n)
        assert before[0] <= after[0]
        assert before[1] <= after[1]
    if old:
        after = paired_interval(new, old - 1, n=n)
        assert before[0] <= after[0]
        assert before[1] <= after[1]


@pytest.mark.parametrize("counts", [(20, 5, 100), (3, 3, 40), (30, 0, 60)])
def test_the_ideal_bootstrap_agrees_with_a_simulated_one(counts):
    new, old, n = counts
    steps = np.array([1] * new + [-1] * old + [0] * (n - new - old))
    drawn = stats.bootstrap((steps,), np.mean, method="percentile", n_resamples=20_000, rng=1)
    simulated = drawn.confidence_interval
    assert paired_interval(new, old, n=n) == pytest.approx(tuple(simulated), abs=1.01 / n)


@pytest.mark.parametrize("chances", [(0.25, 0.15), (0.4, 0.05), (0.1, 0.1)])
def test_95_percent_intervals_hold_the_truth_about_95_times_in_100(chances):
    new, old = chances
    drawn = np.random.default_rng(7).multinomial(150, [new, old, 1 - new - old], size=600)
    held = [
        low <= new - old <= high
        for gained, lost, _ in drawn
        for low, high in [paired_interval(gained, lost, n=150)]
    ]
    assert 0.92 <= np.mean(held) <= 0.98


def test_without_a_difference_mcnemar_is_significant_at_most_at_its_level():
    drawn = np.random.default_rng(3).multinomial(150, [0.15, 0.15, 0.7], size=800)
    p_values = np.array([mcnemar(new, old) for new, old, _ in drawn])
    for level in (0.2, 0.1, 0.05, 0.01):
        slack = 3 * np.sqrt(level * (1 - level) / p_values.size)
        assert np.mean(p_values <= level) <= level + slack
    assert np.mean(p_values <= 0.5) > 0.3  # not valid by never rejecting


def test_twice_the_items_with_the_same_shares_are_twice_as_telling():
    small, large = paired(40, 20, 8, n=100), paired(80, 40, 16, n=200)
    assert large.p_value < small.p_value
    assert large.low > small.low
    assert large.high < small.high


def test_pairing_refuses_missing_repeated_and_no_items():
    with pytest.raises(EvaluationError, match="1 items were answered by one side only"):
        pair(answered("110"), answered("11"))
    with pytest.raises(EvaluationError, match="1 outcomes repeat an item"):
        pair(answered("1") * 2, answered("1"))
    with pytest.raises(EvaluationError, match="no outcomes to compare"):
        pair([], [])
    with pytest.raises(EvaluationError, match="answered by one side only"):
        pair(answered("1", "easy"), answered("1", "hard"))


@pytest.mark.parametrize("counts", [(3, 3, 5), (0, 0, 0), (-1, 0, 5)])
def test_counts_that_do_not_fit_are_refused(counts):
    new, old, n = counts
    with pytest.raises(EvaluationError, match="do not fit"):
        paired_interval(new, old, n=n)


def test_the_items_needed_are_those_of_connors_formula_within_the_price_of_exactness():
    # by hand: (1.95996 * sqrt(0.3) + 0.84162 * sqrt(0.29)) ** 2 / 0.01 = 233
    assert 233 <= items_needed(0.1, discordance=0.3) <= 1.1 * 233
    # all discordant pairs on one side: the binomial sum by hand is 0.794 at 77, 0.804 at 78
    assert items_needed(0.1, discordance=0.1) == 78


def test_the_items_needed_give_the_power_that_was_asked_in_a_simulation():
    n = items_needed(0.15, discordance=0.3, power=0.8)
    drawn = np.random.default_rng(5).multinomial(n, [0.225, 0.075, 0.7], size=2000)
    found = np.mean([new > old and mcnemar(new, old) < 0.05 for new, old, _ in drawn])
    assert found == pytest.approx(mcnemar_power(n, 0.15, 0.3), abs=0.03)
    assert found == pytest.approx(0.8, abs=0.03)


@given(st.floats(0.05, 0.5), st.floats(0, 0.4), st.sampled_from([0.7, 0.8, 0.9]))
def test_the_items_needed_are_just_enough(effect, more, power):
    discordance = min(1.0, effect + more)
    n = items_needed(effect, discordance=discordance, power=power)
    assert mcnemar_power(n, effect, discordance) >= power - 1e-6
    assert n == 1 or mcnemar_power(n - 1, effect, discordance) < power + 1e-6


def test_smaller_effects_and_more_noise_need_more_items():
    by_effect = [items_needed(effect, discordance=0.3) for effect in (0.05, 0.1, 0.2, 0.3)]
    by_noise = [items_needed(0.1, discordance=noise) for noise in (0.1, 0.2, 0.4, 1.0)]
    assert by_effect == sorted(by_effect, reverse=True)
    assert by_noise == sorted(by_noise)


@pytest.mark.parametrize(("effect", "discordance"), [(0, 0.5), (0.1, 1.5), (-0.1, 0.2)])
def test_impossible_effects_are_refused(effect, discordance):
    with pytest.raises(EvaluationError, match="impossible"):
        items_needed(effect, discordance=discordance)

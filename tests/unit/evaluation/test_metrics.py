"""Metrics and their intervals."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelops.errors import EvaluationError
from modelops.evaluation.metrics import summarise, summary_of, values, wilson
from modelops.evaluation.outcomes import Outcome


def outcome(at, *, exact=True, valid=True, size="1", **more) -> Outcome:
    plain = Outcome(
        slice="combo",
        id=f"{at:064x}",
        prompt="p",
        wanted="w",
        completion="c",
        exact=exact,
        valid=valid,
        score=float(exact),
        facts={"vlan": (2, 2, 2)},
        measures={"edit": 0.0},
        attributes={"size": size},
    )
    return replace(plain, **more)


FEW = [
    outcome(0, size="1"),
    outcome(1, size="2", exact=False, facts={"vlan": (1, 2, 2), "bgp": (0, 3, 1)}),
    outcome(2, size="2", exact=False, valid=False, facts={"vlan": (0, 2, 0)}),
    outcome(3, size="1", measures={"edit": 0.5}),
]

some = st.lists(
    st.builds(
        outcome,
        st.integers(0, 10**9),
        exact=st.booleans(),
        valid=st.booleans(),
        size=st.sampled_from("123"),
        facts=st.dictionaries(
            st.sampled_from(["a", "b"]),
            st.tuples(st.integers(0, 5), st.integers(5, 9), st.integers(5, 9)),
        ),
        measures=st.dictionaries(st.sampled_from(["m", "n"]), st.floats(-9, 9)),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.id,
)


def test_the_metrics_of_four_items_are_those_computed_by_hand():
    assert values(FEW) == pytest.approx(
        {
            "equivalence": 2 / 4,
            "compile_rate": 3 / 4,
            "score": 2 / 4,
            "f1": 2 * 5 / ((2 + 5 + 2 + 2) + (2 + 3 + 0 + 2)),
            "f1.vlan": 2 * 5 / ((2 + 2 + 2 + 2) + (2 + 2 + 0 + 2)),
            "f1.bgp": 0.0,
            "edit": 0.5 / 4,
        }
    )


def test_facts_are_summed_over_items_not_averaged():
    one = outcome(0, facts={"vlan": (9, 9, 9)})
    other = outcome(1, facts={"vlan": (0, 1, 1)})
    assert values([one, other])["f1.vlan"] == pytest.approx(0.9)


def test_a_group_that_no_item_has_is_no_metric():
    assert "f1.acl" not in values([outcome(0, facts={"acl": (0, 0, 0)})])


def test_slices_and_cuts_are_summarised_apart():
    summary = summarise([*FEW, outcome(9, slice="easy")], cut_by=("size",), resamples=1000)
    combo = summary.slices["combo"]
    assert {name: part.n for name, part in summary.slices.items()} == {"combo": 4, "easy": 1}
    assert {label: cut.n for label, cut in combo.cuts["size"].items()} == {"1": 2, "2": 2}
    assert combo.cuts["size"]["1"].metrics["equivalence"].value == 1.0
    assert combo.cuts["size"]["2"].metrics["equivalence"].value == 0.0
    assert summary.flat()["easy.equivalence"] == 1.0


def test_items_without_the_attribute_are_cut_under_their_own_label():
    bare = replace(outcome(0), attributes={})
    summary = summarise([bare], cut_by=("size",), resamples=1000)
    assert list(summary.slices["combo"].cuts["size"]) == ["(none)"]


def test_wilson_intervals_are_those_of_the_book_and_of_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe (1998), table I
    for hits, n in [(0, 20), (7, 150), (150, 150)]:
        assert wilson(hits, n) == pytest.approx(
            proportion_confint(hits, n, method="wilson"), abs=1e-12
        )


@given(some)
def test_intervals_hold_their_values_and_json_holds_the_summary(outcomes):
    summary = summarise(outcomes, cut_by=("size",), resamples=1000)
    kept = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    assert summary_of(kept) == summary
    for name, estimate in summary.slices["combo"].metrics.items():
        if estimate.low is not None and estimate.high is not None:
            assert estimate.low <= estimate.high
        if name in ("equivalence", "compile_rate"):
            assert estimate.low is not None
            assert 0 <= estimate.low <= estimate.value + 1e-12
        if name.startswith("f1"):
            assert 0 <= estimate.value <= 1


@given(some, st.randoms(use_true_random=False))
def test_the_order_of_outcomes_changes_nothing(outcomes, random):
    one = summarise(outcomes, resamples=1000)
    random.shuffle(outcomes)
    assert summarise(outcomes, resamples=1000) == one


def test_bootstrap_intervals_of_f1_hold_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(11)
    held = []
    for _ in range(150):
        right = rng.binomial(10, 0.7, size=80)
        outcomes = [outcome(at, facts={"g": (int(k), 10, 10)}) for at, k in enumerate(right)]
        f1 = summarise(outcomes, resamples=1000).slices["combo"].metrics["f1.g"]
        assert f1.low is not None
        assert f1.high is not None
        held.append(f1.low <= 0.7 <= f1.high)
    assert 0.89 <= np.mean(held) <= 0.99


def test_one_item_says_nothing_about_its_spread():
    metrics = summarise([outcome(0)], resamples=1000).slices["combo"].metrics
    assert (metrics["f1"].low, metrics["f1"].high) == (None, None)
    assert metrics["equivalence"].low == pytest.approx(0.2065, abs=1e-4)


def test_no_outcomes_are_no_summary():
    with pytest.raises(EvaluationError, match="no outcomes"):
        summarise([])


def test_a_measure_may_not_pose_as_a_metric():
    with pytest.raises(EvaluationError, match="`equivalence` takes the name"):
        values([outcome(0, measures={"equivalence": 1.0})])

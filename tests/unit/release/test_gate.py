"""The gate: what it promotes, holds and refuses, and that it always says why."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelops.errors import EvaluationError
from modelops.evaluation.outcomes import Outcome
from modelops.release.gate import Hold, Promote, Refuse, decide, decision_of
from modelops.release.policy import Gate


def answered(hits, where="combo", **fields):
    """One outcome for each letter of `hits`: 1 is right, 0 is wrong."""
    return [
        Outcome(
            where, f"{at:064x}", "p", "w", "c", exact=hit == "1", valid=True, score=1.0, **fields
        )
        for at, hit in enumerate(hits)
    ]


def ruled(new, old, gate=None, reference_name="champion"):
    return decide(
        gate or Gate(),
        candidate=new,
        reference=old,
        reference_name=reference_name,
        headline="combo",
    )


def test_a_clear_gain_over_the_base_is_promoted_with_its_numbers():
    decision = ruled(answered("1" * 80 + "0" * 40), answered("0" * 120), reference_name="base")
    assert isinstance(decision, Promote)
    assert decision.verdict == "promote"
    [reason] = decision.reasons
    assert "66.7 % against 0 % of the base on 120 items" in reason
    assert "80 newly right, 0 newly wrong" in reason
    assert decision.evidence["difference"] == pytest.approx(2 / 3)
    assert decision.evidence["metrics"]["equivalence"] == pytest.approx(2 / 3)


def test_equal_outcomes_are_held_for_want_of_a_difference():
    same = answered("10" * 100)
    decision = ruled(same, same)
    assert isinstance(decision, Hold)
    assert "No difference" in decision.reasons[0]


def test_a_gain_that_may_be_chance_is_held():
    decision = ruled(answered("1" * 53 + "0" * 67), answered("1" * 50 + "0" * 70))
    assert isinstance(decision, Hold)
    assert "can be chance" in " ".join(decision.reasons)


def test_a_real_gain_under_the_minimum_is_held():
    new, old = answered("1" * 80 + "0" * 40), answered("1" * 50 + "0" * 70)
    assert isinstance(ruled(new, old), Promote)
    decision = ruled(new, old, Gate(min_gain=0.2))
    assert isinstance(decision, Hold)
    assert "it has to exceed +20.0 points" in decision.reasons[0]


def test_a_worse_candidate_is_never_promoted_and_told_so():
    decision = ruled(answered("1" * 100 + "0" * 400), answered("1" * 150 + "0" * 350))
    assert isinstance(decision, Hold)
    assert "not better: 0 items newly right, 50 newly wrong" in " ".join(decision.reasons)


def test_too_few_items_are_refused_with_the_number_that_would_be_enough():
    decision = ruled(answered("1" * 77), answered("0" * 77))
    assert isinstance(decision, Refuse)
    assert "has 77 items; 78 would be enough" in decision.reasons[0]
    assert isinstance(ruled(answered("1" * 78), answered("0" * 78)), Promote)


def test_losses_raise_the_number_of_items_needed():
    lossless = ruled(answered("1" * 90), answered("0" * 90)).evidence["items_needed"]
    lossy = ruled(answered("1" * 80 + "0" * 10), answered("0" * 80 + "1" * 10))
    assert lossy.evidence["items_needed"] > lossless
    assert isinstance(lossy, Refuse)


def test_a_broken_floor_is_refused_however_large_the_gain():
    gate = Gate(floors={"equivalence": 0.9, "compile_rate": 0.5})
    decision = ruled(answered("1" * 80 + "0" * 40), answered("0" * 120), gate)
    assert isinstance(decision, Refuse)
    assert decision.reasons[0] == "equivalence is 0.667, under its floor of 0.9."


def test_a_floor_on_an_unknown_metric_names_those_that_exist():
    with pytest.raises(EvaluationError, match=r"`f1.bgp`.*compile_rate, equivalence, f1, f1.vlan"):
        ruled(
            answered("1" * 90, facts={"vlan": (1, 1, 1)}),
            answered("0" * 90),
            Gate(floors={"f1.bgp": 0.5}),
        )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measure_that_is_no_number_is_an_error_not_a_pass(value):
    new = answered("1" * 90, measures={"odd": value})
    with pytest.raises(EvaluationError, match="`odd` of the candidate is not a finite number"):
        ruled(new, answered("0" * 90))


def test_only_the_headline_slice_counts():
    new = answered("1" * 90) + answered("0" * 90, "other")
    old = answered("0" * 90) + answered("1" * 90, "other")
    assert isinstance(ruled(new, old), Promote)


@pytest.mark.parametrize(
    ("new", "old", "message"),
    [
        ([], answered("1" * 90), "0 outcomes of the candidate"),
        (answered("1" * 90), [], "0 of the champion"),
        (answered("1" * 90), answered("1" * 89), "answered by one side only"),
        (answered("1" * 90), answered("1" * 90, "other"), "0 of the champion"),
        (answered("1" * 90) * 2, answered("1" * 90), "repeat an item"),
    ],
)
def test_what_does_not_pair_is_an_error_not_a_pass(new, old, message):
    with pytest.raises(EvaluationError, match=message):
        ruled(new, old)


gates = st.builds(
    Gate,
    min_gain=st.sampled_from([0.0, 0.05]),
    confidence=st.sampled_from([0.9, 0.95, 0.99]),
    minimum_effect=st.sampled_from([0.1, 0.2, 0.4]),
    floors=st.sampled_from([{}, {"equivalence": 0.3}]),
)
weights = st.tuples(*[st.integers(0, 100)] * 4).filter(lambda w: sum(w) > 0)


def both(cases):
    return answered([case[0] for case in cases]), answered([case[1] for case in cases])


def cases_of(counts):
    return [
        case for case, n in zip(["11", "10", "01", "00"], counts, strict=True) for _ in range(n)
    ]


@settings(max_examples=150)
@given(weights, gates)
def test_every_decision_has_a_reason_and_survives_json(counts, gate):
    decision = ruled(*both(cases_of(counts)), gate)
    assert decision.reasons
    assert all(reason.strip().endswith((".", ").")) for reason in decision.reasons)
    assert decision_of(json.loads(json.dumps(decision.to_json(), allow_nan=False))) == decision


@settings(max_examples=150)
@given(weights, gates)
def test_what_is_promoted_is_right_more_often_than_the_reference(counts, gate):
    decision = ruled(*both(cases_of(counts)), gate)
    if isinstance(decision, Promote):
        assert counts[1] > counts[2]
        assert decision.evidence["low"] > gate.min_gain
        assert decision.evidence["p_value"] < 1 - gate.confidence


RANK = {"refuse": 0, "hold": 1, "promote": 2}


@settings(max_examples=150)
@given(weights, gates)
def test_one_more_right_answer_never_makes_the_verdict_worse(counts, gate):
    new, old = both(cases_of(counts))
    before = RANK[ruled(new, old, gate).verdict]
    for right_before in (True, False):
        wrong = [at for at, one in enumerate(new) if not one.exact]
        wrong = [at for at in wrong if old[at].exact == right_before]
        if wrong:
            better = list(new)
            better[wrong[0]] = replace(better[wrong[0]], exact=True)
            assert RANK[ruled(better, old, gate).verdict] >= before


def test_a_candidate_that_is_no_better_is_seldom_promoted():
    import numpy as np

    drawn = np.random.default_rng(2).multinomial(100, [0.3, 0.1, 0.1, 0.5], size=400)
    gate = Gate(minimum_effect=0.3)
    promoted = [isinstance(ruled(*both(cases_of(counts)), gate), Promote) for counts in drawn]
    assert np.mean(promoted) <= 0.05

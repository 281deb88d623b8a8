"""The order of the data is a function of seed and step, and wastes little."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelops.training.plan import Plan
from modelops.training.recipe import Budget
from modelops.training.schedule import learning_rate

LENGTHS = st.lists(st.integers(1, 400), min_size=1, max_size=60)


def make_plan(lengths, *, seed=0, batch_tokens=512, **budget) -> Plan:
    return Plan(lengths, batch_tokens=batch_tokens, budget=Budget(**budget), seed=seed)


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, seed=st.integers(0, 99), tokens=st.integers(1, 20_000))
def test_a_token_budget_is_met_by_the_last_step_and_not_before(lengths, seed, tokens):
    plan = make_plan(lengths, seed=seed, tokens=tokens)
    seen = [plan.tokens(step) for step in range(plan.steps)]

    assert sum(seen) >= tokens
    assert sum(seen[:-1]) < tokens


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, seed=st.integers(0, 99))
def test_an_epoch_sees_every_record_once_and_no_batch_is_too_large(lengths, seed):
    plan = make_plan(lengths, seed=seed, tokens=sum(lengths))
    batches = [plan.batch(step) for step in range(plan.steps)]

    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[row] for row in batch)
        assert len(batch) == 1 or longest * len(batch) <= 512
        assert lengths[batch[0]] == longest


def test_steps_may_be_asked_for_in_any_order():
    lengths = [7 * n % 90 + 10 for n in range(50)]
    plan, again = make_plan(lengths, steps=40), make_plan(lengths, steps=40)
    backwards = [again.batch(step) for step in reversed(range(40))]

    assert [plan.batch(step) for step in range(40)] == backwards[::-1]


def test_epochs_and_seeds_differ():
    lengths = list(range(10, 60))
    plan, other = make_plan(lengths, steps=12), make_plan(lengths, steps=12, seed=1)
    epoch = next(n for n in range(1, 13) if sum(len(plan.batch(s)) for s in range(n)) == 50)

    assert [plan.batch(s) for s in range(epoch)] != [other.batch(s) for s in range(epoch)]
    assert plan.steps == 12


def test_padding_wastes_little():
    lengths = [(37 * n) % 400 + 100 for n in range(1000)]
    plan = make_plan(lengths, batch_tokens=2048, tokens=sum(lengths))
    batches = [plan.batch(step) for step in range(plan.steps)]
    padded = sum(len(batch) * lengths[batch[0]] for batch in batches)

    assert padded / sum(lengths) < 1.01


@given(steps=st.integers(1, 500), warmup=st.floats(0, 0.99))
def test_the_rate_rises_to_its_peak_and_falls_and_is_never_zero(steps: int, warmup: float):
    rates = [learning_rate(n, steps, peak=1e-3, warmup=warmup) for n in range(steps)]
    top = rates.index(max(rates))

    assert max(rates) == pytest.approx(1e-3)
    assert all(rate > 0 for rate in rates)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)

"""The examples that the bare base is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelops.corpus.records import Record
from modelops.errors import EvaluationError
from modelops.evaluation.examples import Room, characters, choose_examples


def record(prompt, completion="x", **attributes):
    return Record(prompt, completion, source="base", attributes=attributes)


records = st.lists(
    st.builds(record, st.text(min_size=1, max_size=30), st.text("ab cd", max_size=30)),
    max_size=20,
    unique_by=lambda r: r.id,
)


@given(records, st.integers(0, 5), st.integers(0, 9), st.integers(0, 100))
def test_examples_are_few_distinct_records_within_the_room(found, k, seed, limit):
    chosen = choose_examples(found, k, seed=seed, room=Room(limit))
    assert len(chosen) <= k
    assert len({one.id for one in chosen}) == len(chosen)
    assert all(one in found for one in chosen)
    assert sum(characters(one) for one in chosen) <= limit


@given(records, st.randoms(use_true_random=False))
def test_the_order_of_the_corpus_changes_nothing(found, random):
    chosen = choose_examples(found, 3, seed=1)
    random.shuffle(found)
    assert choose_examples(found, 3, seed=1) == chosen


def test_examples_cover_what_the_corpus_holds():
    found = [record(f"p{at}", "vlan", size="1") for at in range(50)]
    found += [record("q1", "bgp peer", size="2"), record("q2", "acl permit", size="3")]
    chosen = choose_examples(found, 3, seed=0)
    assert {one.attributes["size"] for one in chosen} == {"1", "2", "3"}


def test_long_records_are_left_out_when_short_ones_do():
    found = [record("long " * 500, "a b c"), record("s", "aa"), record("t", "bb")]
    chosen = choose_examples(found, 2, seed=0, room=Room(100))
    assert {one.prompt for one in chosen} == {"s", "t"}


def test_the_room_may_be_measured_in_tokens():
    found = [record("one two three"), record("one")]
    chosen = choose_examples(found, 1, seed=0, room=Room(2, lambda r: len(r.prompt.split()) + 1))
    assert [one.prompt for one in chosen] == ["one"]


def test_a_benchmark_item_in_the_corpus_is_refused():
    with pytest.raises(EvaluationError, match="is a benchmark item"):
        choose_examples([record("p")], 1, seed=0, held_out={"p"})

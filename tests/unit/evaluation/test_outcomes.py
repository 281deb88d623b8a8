"""Judging, and keeping what was judged."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelops.corpus.protocols import Judgement
from modelops.corpus.records import Record
from modelops.errors import EvaluationError
from modelops.evaluation.outcomes import (
    Item,
    Outcome,
    judge_all,
    read_outcomes,
    write_outcomes,
)

BENCHMARK = "b" * 64


@dataclass(frozen=True)
class Said:
    text: str
    tokens: int = 3
    finished: bool = True


class Shouting:
    """Judges that the right answer is the prompt in capitals."""

    slice_by = ("size",)

    def __init__(self, score: float = 1.0, right: int = 1):
        self.score, self.right = score, right

    def judge(self, record: Record, completion: str) -> Judgement:
        return Judgement(
            score=self.score,
            exact=completion == record.prompt.upper(),
            valid=completion.isupper(),
            facts={"word": (self.right, 1, 1)},
            measures={"edit_distance": 0.5},
            error=None if completion.isupper() else "not in capitals",
        )


def item(prompt="abc", wanted="ABC", **attributes) -> Item:
    return Item("easy", Record(prompt, wanted, attributes=attributes))


outcomes = st.lists(
    st.builds(
        Outcome,
        slice=st.sampled_from(["a", "b"]),
        id=st.text("0123456789abcdef", min_size=64, max_size=64),
        prompt=st.text(max_size=20),
        wanted=st.text(max_size=20),
        completion=st.text(max_size=20),
        exact=st.booleans(),
        valid=st.booleans(),
        score=st.floats(0, 1),
        error=st.none() | st.text(max_size=9),
        facts=st.dictionaries(st.text(max_size=4), st.tuples(*[st.integers(0, 99)] * 3)),
        measures=st.dictionaries(st.text(max_size=4), st.floats(-9, 9)),
        attributes=st.dictionaries(st.text(max_size=4), st.text(max_size=4)),
        tokens=st.integers(0, 999),
        finished=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: (one.slice, one.id),
)


@given(outcomes)
def test_outcomes_come_back_from_parquet_as_they_were(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("o") / "outcomes.parquet"
    write_outcomes(path, found, benchmark=BENCHMARK)
    again = read_outcomes(path, benchmark=BENCHMARK)
    assert again == sorted(found, key=lambda one: (one.slice, one.id))


@given(outcomes, st.randoms(use_true_random=False))
def test_the_same_outcomes_give_the_same_bytes_in_any_order(tmp_path_factory, found, random):
    folder = tmp_path_factory.mktemp("o")
    write_outcomes(folder / "one.parquet", found, benchmark=BENCHMARK)
    random.shuffle(found)
    write_outcomes(folder / "two.parquet", found, benchmark=BENCHMARK)
    assert (folder / "one.parquet").read_bytes() == (folder / "two.parquet").read_bytes()


def test_outcomes_of_another_benchmark_are_refused(tmp_path):
    path = tmp_path / "outcomes.parquet"
    write_outcomes(path, [], benchmark="a" * 64)
    with pytest.raises(EvaluationError, match=r"aaaaaaaaaaaa.*bbbbbbbbbbbb.*evaluate that release"):
        read_outcomes(path, benchmark=BENCHMARK)


def test_an_item_twice_in_a_slice_is_refused(tmp_path):
    [one] = judge_all([item()], [Said("ABC")])
    with pytest.raises(EvaluationError, match="occurs twice in slice `easy`"):
        write_outcomes(tmp_path / "o.parquet", [one, one], benchmark=BENCHMARK)
    write_outcomes(tmp_path / "o.parquet", [one, replace(one, slice="hard")], benchmark=BENCHMARK)


def test_the_blueprint_judges_and_names_what_is_kept_for_cutting():
    [right, wrong] = judge_all(
        [item(size="2", seed="9"), item("xyz", "XYZ", size="3")],
        [Said("ABC", tokens=7), Said("xyz", finished=False)],
        Shouting(),
    )
    assert (right.exact, right.valid, right.error, right.tokens) == (True, True, None, 7)
    assert right.attributes == {"size": "2"}
    assert right.measures == {"edit_distance": 0.5}
    assert (wrong.exact, wrong.error, wrong.finished) == (False, "not in capitals", False)


def test_an_invalid_answer_gives_no_facts_but_still_wants_them():
    [valid, invalid] = judge_all([item()] * 2, [Said("ABC"), Said("abc")], Shouting())
    assert valid.facts == {"word": (1, 1, 1)}
    assert invalid.facts == {"word": (0, 1, 0)}


@pytest.mark.parametrize(
    ("said", "exact", "valid"),
    [
        ("ABC", True, True),
        ("ABC \r\n", True, True),
        ("A\u0308BC", False, True),
        ("abc", False, True),
        (" \n", False, False),
        ("\ud800", False, True),
    ],
)
def test_without_a_blueprint_the_normalised_text_decides(said, exact, valid):
    [one] = judge_all([item()], [Said(said)])
    assert (one.exact, one.valid, one.score) == (exact, valid, float(exact))


def test_unicode_forms_of_one_text_are_equal():
    [one] = judge_all([item(wanted="\u00c4")], [Said("A\u0308")])
    assert one.exact


def test_every_item_needs_its_completion():
    with pytest.raises(EvaluationError, match="2 benchmark items got 1 completions"):
        judge_all([item(), item("d", "D")], [Said("ABC")])


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused(score):
    with pytest.raises(EvaluationError, match="finite"):
        judge_all([item()], [Said("ABC")], Shouting(score=score))


def test_more_right_than_wanted_is_refused():
    with pytest.raises(EvaluationError, match="2 right of 1 wanted"):
        judge_all([item()], [Said("ABC")], Shouting(right=2))

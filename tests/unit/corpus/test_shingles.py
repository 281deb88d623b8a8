"""Claims about word runs, held against the plain definition."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from modelops.corpus.shingles import Ragged, pair_words, runs, words

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=12).map(" ".join), min_size=1)


def rows(ragged: Ragged) -> list[list[int]]:
    return [part.tolist() for part in np.split(ragged.values, ragged.offsets[1:-1])]


@given(texts=TEXTS, width=st.integers(1, 9), whole=st.booleans())
def test_runs_are_equal_exactly_where_their_words_are(texts, width, whole):
    hashed = rows(runs(words(pa.chunked_array([texts])), width, whole=whole))
    meaning: dict[int, tuple[str, ...]] = {}
    seen: dict[tuple[str, ...], int] = {}
    for text, found in zip(texts, hashed, strict=True):
        split = text.split() or [""]
        plain = [tuple(split[i : i + width]) for i in range(len(split) - width + 1)]
        if whole and len(split) < width:
            plain = [tuple(split)]
        assert len(found) == len(plain)
        for run, value in zip(plain, found, strict=True):
            assert meaning.setdefault(value, run) == run
            assert seen.setdefault(run, value) == value


def test_case_and_white_space_do_not_tell_words_apart():
    one, two = rows(words(pa.chunked_array([["The  MTU\n is", " the mtu is\t"]])))
    assert one == two


def test_a_script_without_spaces_has_a_word_for_each_character():
    ragged = words(pa.chunked_array([["東京の天気 today", "plain words"]]))
    assert np.diff(ragged.offsets).tolist() == [6, 2]


def test_a_word_on_the_other_side_of_the_border_is_another_run():
    prompts, completions = pa.chunked_array([["a b", "a"]]), pa.chunked_array([["c", "b c"]])
    one, two = rows(runs(pair_words(prompts, completions), 4, whole=True))
    assert one != two


def test_hashes_are_the_same_in_every_process():
    [[value]] = rows(words(pa.chunked_array([["interface"]])))
    assert value == 5572470457526893491

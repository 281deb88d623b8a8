"""The worked examples of the specification, in both directions."""

import re
from pathlib import Path

import pytest

from modelops.blueprints.netlang.axon import compile_axon
from modelops.blueprints.netlang.canonical import canonical
from modelops.blueprints.netlang.legacy import parse_legacy
from modelops.blueprints.netlang.verify import verify

EXAMPLE = re.compile(r"^=== (\d+) === Axon (\S+) ===.*\n((?:(?!===).*\n)*)", re.MULTILINE)


def examples():
    text = (Path(__file__).parent / "worked_examples.txt").read_text(encoding="utf-8")
    for number, version, body in EXAMPLE.findall(text):
        rows = [line.split("│") for line in body.splitlines()]
        legacy = "\n".join(left.rstrip() for left, _ in rows).rstrip("\n")
        answer = "\n".join(right[1:].rstrip() for _, right in rows).rstrip("\n")
        yield pytest.param(version, legacy, answer, id=number)


EXAMPLES = list(examples())


def test_all_ten_are_here():
    assert len(EXAMPLES) == 10


@pytest.mark.parametrize(("version", "legacy", "answer"), EXAMPLES)
def test_the_answer_is_the_canonical_form_of_the_source(version, legacy, answer):
    assert canonical(parse_legacy(legacy).config, version) == answer


@pytest.mark.parametrize(("version", "legacy", "answer"), EXAMPLES)
def test_the_answer_compiles_to_the_meaning_of_the_source(version, legacy, answer):
    assert compile_axon(answer, version) == parse_legacy(legacy).config


@pytest.mark.parametrize(("version", "legacy", "answer"), EXAMPLES)
def test_the_answer_scores_one_and_so_does_the_answer_as_its_own_source(version, legacy, answer):
    for source in (legacy, answer):
        verdict = verify(source, answer, version)
        assert (verdict.score, verdict.exact, verdict.f1, verdict.error) == (1.0, True, 1.0, None)


def test_only_the_seventh_has_unsupported_lines_and_it_has_seven():
    counts = [len(parse_legacy(example.values[1]).unsupported) for example in EXAMPLES]
    assert counts == [0, 0, 0, 0, 0, 0, 7, 0, 0, 0]

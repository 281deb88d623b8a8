"""What the engine sees of netlang: identity, judgement, and texts of the real world."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelops.blueprints.netlang.blueprint import NETLANG
from modelops.blueprints.netlang.distance import relative_edit_distance
from modelops.blueprints.netlang.legacy import parse_legacy
from modelops.blueprints.netlang.verify import verify
from modelops.corpus.records import Record
from tests.unit.blueprints.netlang.strategies import QUICK

REAL_TEXT = Path(__file__).parents[5] / "shared" / "data" / "batfish_configs.jsonl.gz"


@pytest.fixture(scope="module")
def record():
    return next(NETLANG.source({"profile": "combo", "records": 1, "seed": 2}).read())


def test_the_entry_point_leads_here():
    (entry,) = entry_points(group="modelops.blueprints", name="netlang")
    assert entry.load() is NETLANG
    assert NETLANG.name == "netlang" and NETLANG.slice_by == ("size",)
    assert len(NETLANG.code_digest) == 64
    assert "upper bound" in NETLANG.note


def test_identity_survives_a_new_host_new_order_and_the_other_language(record):
    host = record.prompt.split("\n")[0]
    renamed = replace(record, prompt=record.prompt.replace(host, "hostname other1"))
    repeated = replace(record, prompt=host + "\n" + record.prompt)
    modern = replace(record, prompt=record.completion)
    assert renamed.prompt != record.prompt
    keys = {NETLANG.identity(item) for item in (record, renamed, repeated, modern)}
    assert len(keys) == 1


def test_identity_tells_one_changed_value_apart(record):
    touched = replace(record, prompt=record.prompt.replace("\nend", "\nvlan 901\nend"))
    assert NETLANG.identity(touched) not in (None, NETLANG.identity(record))


def test_texts_that_say_nothing_have_no_identity():
    for prompt in ("", "hostname a1", "Please rewrite my configuration.", "system { name a; }"):
        assert NETLANG.identity(Record(prompt, "")) is None


def test_a_right_answer_is_exact_clean_and_at_distance_zero(record):
    for answer in (record.completion, record.completion + "\n"):
        judgement = NETLANG.judge(record, answer)
        assert judgement.exact and judgement.valid and judgement.score == 1
        assert judgement.measures == {"lint_clean": 1.0, "edit_distance": 0.0}
    assert all(any(counts) for counts in judgement.facts.values())


def test_a_right_answer_in_another_layout_is_exact_but_not_clean(record):
    judgement = NETLANG.judge(record, record.completion.replace("\n", "\n\n"))
    assert judgement.exact
    assert judgement.measures == {"lint_clean": 0.0, "edit_distance": 0.0}


def test_a_wrong_answer_may_be_clean_and_says_how_far_it_is(record):
    judgement = NETLANG.judge(record, "system { name nobody; }")
    assert not judgement.exact and judgement.measures["lint_clean"] == 1
    assert 0.5 < judgement.measures["edit_distance"] < 1


def test_an_invalid_answer_carries_its_error(record):
    judgement = NETLANG.judge(record, "system { name ; }")
    assert not judgement.valid and judgement.measures["lint_clean"] == 0
    assert judgement.error is not None and judgement.error.startswith("line 1: ';'")


def test_the_version_in_force_is_the_records_own():
    (newer,) = NETLANG.source({"profile": "large51", "records": 1}).read()
    assert NETLANG.judge(newer, newer.completion).exact
    older = replace(newer, attributes={**newer.attributes, "axon_version": "5.0"})
    assert not NETLANG.judge(older, newer.completion).valid


def test_a_source_without_an_answer_has_no_edit_distance():
    judgement = NETLANG.judge(Record("ip vrf A\n", ""), "system { name a; }")
    assert judgement.measures == {"lint_clean": 1.0}


@QUICK
@given(st.text('ab1 {};"\n'), st.text('ab1 {};"\n'))
def test_edit_distance_is_between_nothing_and_everything(text, reference):
    distance = relative_edit_distance(text, reference)
    assert distance >= 0
    assert relative_edit_distance(reference, reference) == 0
    assert relative_edit_distance("", reference) <= 1


def test_edit_distance_counts_tokens():
    assert relative_edit_distance("a { b; }", "a { c; }") == 1 / 5
    assert relative_edit_distance('note "a b c";', 'note "a b d";') == 1 / 3


@pytest.mark.skipif(not REAL_TEXT.exists(), reason="the extract of real configurations is absent")
def test_real_configurations_are_read_without_a_failure_and_covered_as_expected():
    statements, unsupported = Counter[str](), Counter[str]()
    covered = 0
    with gzip.open(REAL_TEXT, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            assert verify(row["text"], row["text"]).score == 0
            legacy = parse_legacy(row["text"])
            statements[row["vendor"]] += legacy.statements
            unsupported[row["vendor"]] += len(legacy.unsupported)
            covered += legacy.statements > 0 and not legacy.unsupported
    share = {vendor: 1 - unsupported[vendor] / total for vendor, total in statements.items()}
    assert share["cisco"] == pytest.approx(0.20, abs=0.01)
    assert share["arista"] == pytest.approx(0.07, abs=0.01)
    assert share["cisco_nxos"] == pytest.approx(0.07, abs=0.01)
    assert share["juniper"] == pytest.approx(0.001, abs=0.001)
    assert covered == 16

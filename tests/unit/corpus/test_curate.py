"""Claims about curation as a whole."""

import gzip
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelops.corpus.curate import ATTACHMENTS, curate
from modelops.corpus.files import read_records
from modelops.corpus.protocols import Judgement
from modelops.corpus.records import Record
from modelops.corpus.report import CorpusReport
from modelops.corpus.settings import Curation, JsonlSource
from modelops.corpus.sources import open_source
from modelops.errors import CorpusError

TODAY = date(2026, 3, 1)
CORPUS = ("train.parquet", "dev.parquet", "settings.json")


@dataclass
class Listed:
    """A source that is a list."""

    records: Sequence[Record]

    def read(self) -> Iterator[Record]:
        yield from self.records


@dataclass
class Letters:
    """A blueprint for which texts with the same letters are the same item."""

    name: str = "letters"
    code_digest: str = "0" * 64
    note: str = "a fake"
    slice_by: tuple[str, ...] = ()

    def check_options(self, options: Any) -> None: ...

    def source(self, options: Any) -> Listed:
        return Listed([Record(options["prompt"], "answer", licence="own")])

    def identity(self, record: Record) -> str | None:
        letters = "".join(sorted(filter(str.isalpha, record.prompt)))
        return letters or None

    def judge(self, record: Record, completion: str) -> Judgement:
        right = completion == record.completion
        return Judgement(float(right), exact=right, valid=True)


def record(number: int, **more: Any) -> Record:
    """A record that is like no other."""
    rng = np.random.default_rng(number)
    words = " ".join(f"w{word}" for word in rng.integers(0, 10**9, 40))
    return Record(words, f"answer {number}", **more)


def run(folder: Path, records: Sequence[Record], curation: Curation | None = None, **more: Any):
    return curate(
        {"main": Listed(records)}, curation or Curation(), folder=folder, today=TODAY, **more
    )


def kept(folder: Path) -> list[Record]:
    return [r for name in ("train", "dev") for r in read_records(folder / f"{name}.parquet")]


def rejects(folder: Path) -> list[dict[str, str]]:
    return pq.read_table(folder / "rejects.parquet").to_pylist()


def test_a_kept_record_comes_back_with_all_its_provenance(tmp_path):
    original = record(
        1,
        source="main",
        subject="site 7",
        licence="CC-BY-4.0",
        region="EU",
        purpose="support",
        created="2026-01-01",
        expires="2027-01-01",
        attributes={"size": "small", "dialect": "5.0"},
    )
    run(tmp_path, [original])
    assert kept(tmp_path) == [original]


REASONED: list[tuple[str, Record]] = [
    ("empty", Record("a question", " \n")),
    ("empty", Record("\ufeff", "an answer")),
    ("too_short", Record("abc", "a long enough answer")),
    ("too_short", Record("a long enough question", "abc")),
    ("expired", record(2, expires="2026-03-01")),
    ("too_long", Record("long " * 50, "a long enough answer")),
    ("unreadable", Record("half a pair \ud800", "a long enough answer")),
]


@pytest.mark.parametrize(("reason", "bad"), REASONED)
def test_a_dropped_record_is_counted_under_its_reason_and_listed(tmp_path, reason, bad):
    curation = Curation(min_characters=4, max_tokens=45)

    def count(pairs: list[tuple[str, str]]) -> list[int]:
        return [len(f"{prompt} {completion}".split()) for prompt, completion in pairs]

    report = run(tmp_path, [record(1), bad], curation, count_tokens=count)

    assert report.rejected == {reason: 1}
    assert [row["reason"] for row in rejects(tmp_path)] == [reason]
    assert (report.read, report.kept, report.tokens) == (2, 1, 42)


def test_the_text_of_an_expired_record_is_not_kept_among_the_rejects(tmp_path):
    run(tmp_path, [record(1), record(2, expires="2026-02-28", subject="site 7")])
    [row] = rejects(tmp_path)
    assert (row["excerpt"], row["subject"], row["detail"]) == ("", "site 7", "on 2026-02-28")


def test_a_record_that_expires_tomorrow_is_kept(tmp_path):
    assert run(tmp_path, [record(1, expires="2026-03-02")]).kept == 1


def test_without_a_minimum_a_prompt_may_be_empty_and_an_answer_may_not(tmp_path):
    records = [Record("", "text to continue"), Record("question", "")]
    report = run(tmp_path, records, Curation(min_characters=0))
    assert (report.kept, report.rejected) == (1, {"empty": 1})


def test_copies_that_differ_in_form_only_are_one_record(tmp_path):
    texts = ["caf\u00e9\r\nbar", "cafe\u0301\nbar", "\ufeffcaf\u00e9\rbar \n"]
    report = run(tmp_path, [Record(text, "answer") for text in texts])
    assert report.rejected == {"exact_duplicate": 2}


def test_inner_white_space_tells_records_apart_when_near_duplicates_stay(tmp_path):
    pair = [Record("if a:\n  b", "answer"), Record("if a:\n    b", "answer")]
    assert run(tmp_path, pair, Curation(near_duplicates=None)).kept == 2


def test_near_duplicates_go_and_name_the_record_that_stays(tmp_path):
    original = record(1)
    report = run(tmp_path, [original, replace(original, prompt=original.prompt + "  ")])
    assert report.rejected == {"exact_duplicate": 1}

    long = " ".join(record(n).prompt for n in range(5))
    report = run(tmp_path, [Record(long, "answer"), Record(long + " more", "answer")])
    assert report.rejected == {"near_duplicate": 1}
    [row], [survivor] = rejects(tmp_path), kept(tmp_path)
    assert row["detail"] == f"like {survivor.id}"


def test_a_benchmark_prompt_is_never_learned_whatever_its_case_or_answer(tmp_path):
    item = Record("What is the MTU?", "9000")
    spied = Record("what  is the\nmtu?", "1500")
    report = run(tmp_path, [record(1), spied], benchmark=[item])
    assert report.rejected == {"contaminated_exact": 1}
    assert item.id in {row["detail"] for row in rejects(tmp_path)}


@pytest.mark.parametrize("answer", ["9000", "something else altogether"])
def test_a_benchmark_prompt_inside_a_longer_record_is_found(tmp_path, answer):
    item = Record(record(5).prompt, "9000")
    spied = Record(f"Please answer this one: {item.prompt} Thanks!", answer)
    report = run(tmp_path, [record(1), spied], benchmark=[item])
    assert report.rejected == {"contaminated_overlap": 1}


def test_a_template_that_many_items_share_is_no_contamination(tmp_path):
    template = record(99).prompt
    items = [Record(f"{template} question {n}", str(n)) for n in range(40)]
    records = [Record(f"{template} case {n} of another kind", str(n)) for n in range(5)]
    curation = Curation(near_duplicates=None)
    assert run(tmp_path, records, curation, benchmark=items).kept == 5


def test_a_record_with_the_identity_of_an_item_is_that_item(tmp_path):
    report = run(
        tmp_path,
        [Record("silent", "1"), Record("other", "2")],
        benchmark=[Record("listen", "3")],
        blueprint=Letters(),
    )
    assert report.rejected == {"contaminated_equivalent": 1}
    assert [r.prompt for r in kept(tmp_path)] == ["other"]


def test_records_of_one_identity_are_on_one_side_of_the_split(tmp_path):
    records = [Record("ab" * n + " " * (v + 1) + "c", f"{v}") for n in range(1, 60) for v in (0, 1)]
    curation = Curation(dev_share=0.4, near_duplicates=None)
    report = run(tmp_path, records, curation, blueprint=Letters())
    sides = [
        {Letters().identity(r) for r in read_records(tmp_path / f"{side}.parquet")}
        for side in ("train", "dev")
    ]
    assert (report.kept, len(sides[0] & sides[1])) == (118, 0)
    assert 20 < report.dev < 75


def test_a_corpus_that_would_be_all_dev_is_all_train(tmp_path):
    for number in range(8):
        report = run(tmp_path / str(number), [record(number)], Curation(dev_share=0.49))
        assert (report.train, report.dev) == (1, 0)


def test_nothing_left_is_an_error_that_counts_the_reasons(tmp_path):
    with pytest.raises(CorpusError, match="empty 2"):
        run(tmp_path, [Record("a", ""), Record("b", "")])
    with pytest.raises(CorpusError, match="sources are empty"):
        run(tmp_path, [])
    assert not list(tmp_path.glob("*.parquet"))
    assert not list(tmp_path.glob(".curate-*"))


def test_the_report_is_saved_and_summarised(tmp_path):
    report = run(tmp_path, [record(1), record(2), record(2), Record("a", "")])
    assert CorpusReport.load(tmp_path / "report.json") == report
    summary = report.summary()
    assert "| exact_duplicate | 1 | 25.0 % |" in str(summary.pop("reasons"))
    assert all(isinstance(value, int) for value in summary.values())
    assert report.sources == {"main": {"read": 4, "kept": 2}}
    assert {path.name for path in tmp_path.iterdir()} == {*CORPUS, *ATTACHMENTS}


def test_other_settings_make_another_corpus_version(tmp_path):
    for name, share in (("a", 0.9), ("b", 0.95)):
        run(tmp_path / name, [record(1)], Curation(near_duplicates=share))
    one, two = ((tmp_path / name / "settings.json").read_bytes() for name in ("a", "b"))
    assert one != two


def test_progress_of_every_pass_ends(tmp_path):
    told: dict[str, list[tuple[float, float]]] = {}

    def listen(step: str, done: float, total: float, numbers: Any) -> None:
        told.setdefault(step, []).append((done, total))

    run(tmp_path, [record(n % 50) for n in range(20_000)], report=listen)
    assert len(told) == 4
    for calls in told.values():
        assert all(done < total < math.inf for done, total in calls[:-1])
        assert calls[-1][0] == calls[-1][1]


FEW_WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), max_size=8).map(" ".join)
RECORDS = st.builds(
    Record,
    prompt=FEW_WORDS,
    completion=FEW_WORDS,
    subject=st.sampled_from(["", "x", "y"]),
    expires=st.sampled_from(["", "2020-01-01", "2030-01-01"]),
    attributes=st.dictionaries(st.sampled_from("ab"), st.sampled_from("12")),
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(records=st.lists(RECORDS, max_size=30), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_records_changes_no_byte_and_none_is_lost(tmp_path, records, shuffle):
    records = [*records, record(1, attributes={"always": "kept"})]
    curation = Curation(near_duplicates=0.6, shingle_words=2, dev_share=0.3)
    item = [Record("alpha beta", "gamma")]
    one = run(tmp_path / "one", records, curation, benchmark=item)
    shuffle.shuffle(records)
    two = run(tmp_path / "two", records, curation, benchmark=item)

    assert one == two
    for name in (*CORPUS, *ATTACHMENTS):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert one.read == len(records) == one.kept + sum(one.rejected.values())
    assert len(rejects(tmp_path / "one")) == sum(one.rejected.values())
    ids = [r.id for r in kept(tmp_path / "one")]
    assert len(ids) == len(set(ids))
    assert set(ids) <= {r.id for r in records}


def jsonl(path: Path, records: Sequence[Record], opened: Callable[..., Any] = open) -> None:
    with opened(path, "wt", encoding="utf-8") as stream:
        for each in records:
            stream.write(json.dumps({"prompt": each.prompt, "completion": each.completion}) + "\n")


def test_how_records_lie_in_files_changes_no_byte_of_the_corpus(tmp_path):
    records = [record(n) for n in range(50)]
    for name in ("a", "b"):
        (tmp_path / name / "data").mkdir(parents=True)
    jsonl(tmp_path / "a/data/all.jsonl", records)
    jsonl(tmp_path / "b/data/z.jsonl", records[:20])
    jsonl(tmp_path / "b/data/a.jsonl.gz", records[:19:-1], gzip.open)
    with (tmp_path / "b/data/z.jsonl").open("a") as stream:
        stream.write("{broken\n")
    section = JsonlSource(kind="jsonl", path="data", licence="own")
    reports = [
        curate(
            {"files": open_source(section, name="files", root=tmp_path / name)},
            Curation(),
            folder=tmp_path / name / "corpus",
        )
        for name in ("a", "b")
    ]
    for name in CORPUS:
        a, b = (tmp_path / side / "corpus" / name for side in ("a", "b"))
        assert a.read_bytes() == b.read_bytes()
    assert reports[1].rejected == {"unreadable": 1}
    [row] = rejects(tmp_path / "b/corpus")
    assert row["detail"].startswith("data/z.jsonl:21: not JSON")

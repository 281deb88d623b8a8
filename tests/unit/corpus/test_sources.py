"""Claims about reading other people's files, good and bad."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelops.corpus.protocols import Judgement
from modelops.corpus.records import Record
from modelops.corpus.rows import MAX_TEXT_BYTES, Unreadable
from modelops.corpus.settings import (
    BlueprintSource,
    DirectorySource,
    JsonlSource,
    ParquetSource,
    SourceSection,
)
from modelops.corpus.sources import FileReader, open_source
from modelops.errors import CorpusError

GOOD = {"prompt": "question", "completion": "answer"}


def opened(section: SourceSection, root: Path) -> FileReader:
    source = open_source(section, name="files", root=root)
    assert isinstance(source, FileReader)
    return source


def scan_lines(root: Path, *lines: bytes, **section: Any) -> list[Record | Unreadable]:
    (root / "rows.jsonl").write_bytes(b"\n".join(lines))
    return list(opened(JsonlSource(kind="jsonl", path="rows.jsonl", **section), root).scan())


def good(**more: Any) -> bytes:
    return json.dumps(GOOD | more).encode()


def test_a_record_says_itself_what_its_section_would_say_for_it(tmp_path):
    lines = [good(who="site 7"), good(who="site 8", licence="MIT", attributes={"size": "3"})]
    section = {"licence": "CC0-1.0", "region": "EU", "expires": "2030-01-01", "subject": "who"}
    one, two = scan_lines(tmp_path, *lines, **section)
    common = Record(
        "question", "answer", source="files", region="EU", expires="2030-01-01", licence="CC0-1.0"
    )
    assert one == replace(common, subject="site 7")
    assert two == replace(common, subject="site 8", licence="MIT", attributes={"size": "3"})


BAD_LINES = [
    (b'{"prompt": "a", "completion"', "not JSON"),
    (b'{"prompt": "caf\xe9", "completion": "b"}', "not UTF-8 at byte 16"),
    ('{"prompt": "a"}'.encode("utf-16"), "not UTF-8 at byte 1"),
    (b'["prompt", "completion"]', "a JSON list, not an object"),
    (b"[" * 100_000, "JSON nested too deeply"),
    (b'{"n": ' + b"9" * 5000 + b"}", "not JSON"),
    (b'{"prompt": "a"}', "no column `completion`; it has prompt"),
    (b'{"prompt": 7, "completion": "b"}', "column `prompt` holds int, not text"),
    (b'{"prompt": ["a"], "completion": "b"}', "column `prompt` holds list, not text"),
    (b'{"prompt": "\\ud800", "completion": "b"}', "half of a surrogate pair"),
    (good(created="yesterday"), "column `created` is 'yesterday', not a date"),
    (good(expires="2026-02-30"), "column `expires` is '2026-02-30', not a date"),
    (good(licence=3), "column `licence` holds int, not text"),
    (good(attributes={"size": 3}), "`attributes` is not a mapping of text to text"),
    (good(attributes="size"), "`attributes` is not a mapping of text to text"),
]


@pytest.mark.parametrize(("line", "why"), BAD_LINES, ids=[why for _, why in BAD_LINES])
def test_a_bad_line_is_named_by_file_and_line_and_the_next_is_read(tmp_path, line, why):
    first, second, third = scan_lines(tmp_path, good(), line, good())
    assert isinstance(first, Record)
    assert isinstance(third, Record)
    assert isinstance(second, Unreadable)
    assert second.where == "rows.jsonl:2"
    assert why in second.why


def test_reading_instead_of_scanning_refuses_a_bad_line(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(good() + b"\n{broken")
    source = opened(JsonlSource(kind="jsonl", path="rows.jsonl"), tmp_path)
    with pytest.raises(CorpusError, match=r"Source `files`: rows.jsonl:2: not JSON"):
        list(source.read())


def test_null_is_an_empty_text(tmp_path):
    [row] = scan_lines(tmp_path, good(completion=None, licence=None, attributes=None))
    assert row == Record("question", "", source="files")


def test_blank_lines_and_a_byte_order_mark_are_no_rows(tmp_path):
    rows = scan_lines(tmp_path, b"\xef\xbb\xbf" + good(), b"", b"  \r", good() + b"\r", b"")
    assert [row.completion for row in rows if isinstance(row, Record)] == ["answer"] * 2
    assert len(rows) == 2


def test_a_huge_line_is_one_unreadable_row(tmp_path):
    huge = good(prompt="x" * (2 * MAX_TEXT_BYTES))
    one, two, three = scan_lines(tmp_path, good(), huge, good())
    assert isinstance(two, Unreadable)
    assert (two.where, len(two.excerpt)) == ("rows.jsonl:2", 200)
    assert isinstance(one, Record)
    assert isinstance(three, Record)


def test_an_empty_file_has_no_rows(tmp_path):
    assert scan_lines(tmp_path) == []


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_half_a_gzip_file_is_refused_and_not_half_read(tmp_path, kept):
    whole = gzip.compress(b"\n".join(good(n=n) for n in range(2000)))
    (tmp_path / "rows.jsonl.gz").write_bytes(whole[: int(len(whole) * kept)])
    source = opened(JsonlSource(kind="jsonl", path="rows.jsonl.gz"), tmp_path)
    with pytest.raises(CorpusError, match=r"rows.jsonl.gz breaks off after line \d+"):
        list(source.scan())


def test_a_damaged_gzip_file_is_refused(tmp_path):
    whole = bytearray(gzip.compress(b"\n".join(good(n=n) for n in range(2000))))
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "rows.jsonl.gz").write_bytes(whole)
    source = opened(JsonlSource(kind="jsonl", path="rows.jsonl.gz"), tmp_path)
    with pytest.raises(CorpusError, match="Copy the file again"):
        list(source.scan())


def test_a_column_that_is_nowhere_in_a_file_is_an_error_with_those_that_are(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(b'{"question": "a", "reply": "b"}')
    section = JsonlSource(kind="jsonl", path="rows.jsonl")
    with pytest.raises(CorpusError, match=r"`prompt`, `completion`; it has question, reply"):
        list(opened(section, tmp_path).scan())


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "directory"])
def test_a_missing_or_empty_place_is_an_error_with_its_name(tmp_path, kind):
    sections = {"jsonl": JsonlSource, "parquet": ParquetSource, "directory": DirectorySource}
    (tmp_path / "empty").mkdir()
    for path, why in (("nowhere", "nowhere"), ("empty", "no file ending in")):
        section = sections[kind].model_validate({"kind": kind, "path": path})
        with pytest.raises(CorpusError, match=why):
            list(opened(section, tmp_path).scan())


def test_files_of_a_folder_are_read_in_the_order_of_their_names(tmp_path):
    (tmp_path / "data/deeper").mkdir(parents=True)
    (tmp_path / "data/b.jsonl").write_bytes(good(completion="2"))
    (tmp_path / "data/deeper/c.ndjson").write_bytes(good(completion="3"))
    (tmp_path / "data/a.jsonl.gz").write_bytes(gzip.compress(good(completion="1")))
    (tmp_path / "data/notes.txt").write_text("not ours")
    source = opened(JsonlSource(kind="jsonl", path="data"), tmp_path)
    assert [record.completion for record in source.read()] == ["1", "2", "3"]
    assert list(source.read()) == list(source.read())


def parquet(root: Path, table: pa.Table, **section: Any) -> list[Record | Unreadable]:
    pq.write_table(table, root / "rows.parquet", row_group_size=2)
    return list(opened(ParquetSource(kind="parquet", path="rows.parquet", **section), root).scan())


def test_parquet_gives_the_same_records_as_json_lines(tmp_path):
    table = pa.table(
        {
            "ask": ["a", "b", "c"],
            "completion": pa.array(["1", None, "3"], pa.large_string()),
            "created": pa.array([0, 1, None], pa.date32()),
            "unused": [1, 2, 3],
        }
    )
    assert parquet(tmp_path, table, prompt="ask") == [
        Record("a", "1", source="files", created="1970-01-01"),
        Record("b", "", source="files", created="1970-01-02"),
        Record("c", "3", source="files"),
    ]


def test_a_corpus_written_here_can_be_a_source_again(tmp_path):
    from modelops.corpus.files import write_records

    record = Record("a", "b", subject="s", created="2026-01-01", attributes={"x": "y"})
    write_records(tmp_path / "rows.parquet", [record])
    section = ParquetSource(kind="parquet", path="rows.parquet", subject="subject")
    [back] = open_source(section, name="", root=tmp_path).read()
    assert back == record


def test_wrong_parquet_types_are_unreadable_rows(tmp_path):
    rows = parquet(tmp_path, pa.table({"prompt": [1, 2], "completion": ["a", "b"]}))
    assert [row.where for row in rows if isinstance(row, Unreadable)] == [
        "rows.parquet: row 1",
        "rows.parquet: row 2",
    ]


def test_parquet_text_that_is_not_utf8_is_an_unreadable_row(tmp_path):
    raw = pa.array([b"fine", b"caf\xe9"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    one, two = parquet(tmp_path, pa.table({"prompt": text, "completion": ["a", "b"]}))
    assert one == Record("fine", "a", source="files")
    assert isinstance(two, Unreadable)
    assert "holds bytes" in two.why


def test_broken_parquet_and_missing_columns_are_errors(tmp_path):
    with pytest.raises(CorpusError, match=r"no column `prompt`; it has completion, text"):
        parquet(tmp_path, pa.table({"text": ["a"], "completion": ["b"]}))
    whole = (tmp_path / "rows.parquet").read_bytes()
    section = ParquetSource(kind="parquet", path="rows.parquet")
    for broken in (b"", b"PAR1 not really", whole[: len(whole) // 2]):
        (tmp_path / "rows.parquet").write_bytes(broken)
        with pytest.raises(CorpusError, match=r"rows.parquet is not readable as Parquet"):
            list(opened(section, tmp_path).scan())


def test_a_directory_pairs_files_by_name_and_names_the_lonely_ones(tmp_path):
    files = {"a.in": b"1", "a.out": b"2", "deep/b.in": b"3", "c.out": b"4"}
    files |= {"d.in": b"\xff", "d.out": b"5", "deep/e.in": b"6", "deep/e.out": b"7"}
    for name, content in files.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(content)
    rows = list(opened(DirectorySource(kind="directory", path="data"), tmp_path).scan())
    texts = [(row.prompt, row.completion) for row in rows if isinstance(row, Record)]
    whys = [row.why for row in rows if isinstance(row, Unreadable)]
    assert texts == [("1", "2"), ("6", "7")]
    assert whys == [
        "data/c.in is missing",
        "data/d.in is not UTF-8 at byte 1",
        "data/deep/b.out is missing",
    ]


@dataclass
class Echo:
    """A blueprint whose source says what it was asked for."""

    name: str = "echo"
    code_digest: str = "0" * 64
    note: str = "a fake"
    slice_by: tuple[str, ...] = ()

    def check_options(self, options: Any) -> None: ...

    def source(self, options: Any) -> "Echo":
        self.asked = options["prompt"]
        return self

    def read(self) -> Iterator[Record]:
        yield Record(self.asked, "answer", licence="own")

    def identity(self, record: Record) -> str | None:
        return None

    def judge(self, record: Record, completion: str) -> Judgement:
        return Judgement(0.0, exact=False, valid=False)


def test_a_blueprint_source_inherits_from_its_section(tmp_path):
    section = BlueprintSource(
        kind="blueprint", options={"prompt": "hello"}, licence="CC0-1.0", region="EU"
    )
    [record] = open_source(section, name="made", root=tmp_path, blueprint=Echo()).read()
    assert record == Record("hello", "answer", source="made", licence="own", region="EU")
    with pytest.raises(CorpusError, match="add a line such as"):
        open_source(section, name="made", root=tmp_path, blueprint=None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_no_bytes_make_reading_fail_in_any_other_way(tmp_path, content):
    (tmp_path / "rows.jsonl").write_bytes(content)
    source = opened(JsonlSource(kind="jsonl", path="rows.jsonl"), tmp_path)
    try:
        rows = list(source.scan())
    except CorpusError:
        return
    assert len(rows) <= content.count(b"\n") + 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(st.tuples(st.text(), st.text())))
def test_what_json_can_write_is_read_back(tmp_path, texts):
    lines = [json.dumps({"prompt": a, "completion": b}) for a, b in texts]
    rows = scan_lines(tmp_path, *(line.encode() for line in lines))
    assert [(row.prompt, row.completion) for row in rows if isinstance(row, Record)] == texts

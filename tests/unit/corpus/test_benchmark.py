"""Claims about the frozen benchmark."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from modelops.corpus.benchmark import read_benchmark, write_benchmark
from modelops.corpus.protocols import Judgement
from modelops.corpus.records import Record
from modelops.errors import CorpusError


@dataclass
class Listed:
    records: list[Record]

    def read(self) -> Iterator[Record]:
        yield from self.records


@dataclass
class Lower:
    """A blueprint to which case means nothing."""

    name: str = "lower"
    code_digest: str = "0" * 64
    note: str = "a fake"
    slice_by: tuple[str, ...] = ()

    def check_options(self, options: Any) -> None: ...

    def source(self, options: Any) -> Listed:
        return Listed([])

    def identity(self, record: Record) -> str | None:
        return record.prompt.lower() if record.prompt.isalpha() else None

    def judge(self, record: Record, completion: str) -> Judgement:
        return Judgement(0.0, exact=False, valid=False)


def items(*prompts: str) -> Listed:
    return Listed([Record(prompt, "answer") for prompt in prompts])


def test_what_was_written_is_read_sorted_by_id(tmp_path):
    index = write_benchmark({"small": items("a", "b"), "large": items("c")}, tmp_path)
    assert index == {"large": {"items": 1, "repeated": 0}, "small": {"items": 2, "repeated": 0}}
    slices = read_benchmark(tmp_path)
    assert [item.prompt for item in slices["large"]] == ["c"]
    assert slices["small"] == sorted(items("a", "b").records, key=lambda item: item.id)


def test_an_item_with_the_identity_of_another_counts_once(tmp_path):
    slices = {"b": items("One", "two", "3"), "a": items("one", "ONE", "3 ")}
    index = write_benchmark(slices, tmp_path, Lower())
    assert index == {"a": {"items": 2, "repeated": 1}, "b": {"items": 1, "repeated": 2}}
    prompts = [item.prompt for name in "ab" for item in read_benchmark(tmp_path)[name]]
    assert len({prompt.lower() for prompt in prompts}) == len(prompts) == 3


def test_the_order_of_items_and_slices_changes_no_byte(tmp_path):
    prompts = [f"question {n % 40}" for n in range(60)]
    slices = {"a": items(*prompts[:30]), "b": items(*prompts[20:])}
    write_benchmark(slices, tmp_path / "one", Lower())
    for source in slices.values():
        random.Random(1).shuffle(source.records)
    write_benchmark(dict(reversed(slices.items())), tmp_path / "two", Lower())
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_slice_without_an_item_of_its_own_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="Slice `b` of the benchmark has no item of its own"):
        write_benchmark({"a": items("x"), "b": items("x")}, tmp_path)


def test_a_folder_that_is_no_benchmark_or_another_one_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="is no benchmark"):
        read_benchmark(tmp_path)
    write_benchmark({"a": items("x")}, tmp_path / "one")
    write_benchmark({"a": items("x", "y")}, tmp_path / "two")
    (tmp_path / "two/a.parquet").rename(tmp_path / "one/a.parquet")
    with pytest.raises(CorpusError, match=r"2 items and index.json says 1"):
        read_benchmark(tmp_path / "one")
    (tmp_path / "one/a.parquet").unlink()
    with pytest.raises(CorpusError, match=r"a.parquet"):
        read_benchmark(tmp_path / "one")

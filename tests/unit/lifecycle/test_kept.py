"""Built once, found again: by content, by process, by the names and days that decide."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelops.bases.importing import add_base
from modelops.customization import Customization
from modelops.errors import CorpusError, EvaluationError
from modelops.home import Home
from modelops.lifecycle.data import build_benchmark, build_corpus, leaked_items
from modelops.lifecycle.kept import Draft, keep
from tests.tiny_checkout import write_checkout

TWICE = """
import sys, time
from pathlib import Path
from modelops.home import Home
from modelops.lifecycle.kept import Draft, keep

def build(folder):
    with Path("builds").open("a") as log:
        log.write("x")
    time.sleep(0.5)
    (folder / "file").write_text("content")
    return Draft()

print(keep(Home.find(), "corpus", "same", build).artifact.digest)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.find(write_checkout(tmp_path / "checkout", rows=40, items=10))
    add_base(home.declaration("tiny"), home.bases)
    return home


def changed(customization: Customization, **sections) -> Customization:
    plain = customization.model_dump(mode="json")
    return Customization.model_validate({**plain, **sections})


def write(text: str):
    def build(folder: Path) -> Draft:
        (folder / "file").write_text(text)
        return Draft(meta={"words": 1})

    return build


def test_what_was_made_from_the_same_inputs_is_found(home: Home):
    made = keep(home, "corpus", ["a", 1], write("one"))
    again = keep(home, "corpus", ["a", 1], write("never written"))
    other = keep(home, "corpus", ["a", 2], write("two"))
    assert (made.reused, again.reused, other.reused) == (False, True, False)
    assert made.artifact == again.artifact != other.artifact
    assert again.metadata["words"] == 1


def test_a_builder_that_fails_leaves_nothing_to_find(home: Home):
    def fails(folder: Path) -> Draft:
        (folder / "file").write_text("half")
        raise CorpusError("no")

    with pytest.raises(CorpusError):
        keep(home, "corpus", "x", fails)
    assert not keep(home, "corpus", "x", write("whole")).reused


def test_two_processes_that_want_the_same_build_it_once(home: Home):
    argv = [sys.executable, "-c", TWICE]
    both = [
        subprocess.Popen(argv, cwd=home.checkout, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    assert said[0] == said[1] != ""
    assert (home.checkout / "builds").read_text() == "x"


def test_a_benchmark_whose_items_moved_is_refused_with_the_digest_found(home: Home):
    toy = home.customization("toy")
    benchmark = toy.benchmark.model_dump(mode="json") | {"digest": "0" * 64}
    with pytest.raises(EvaluationError, match="is not the frozen one: its items have digest") as no:
        build_benchmark(changed(toy, benchmark=benchmark), home)
    found = str(no.value).split("have digest ")[1].split(" ")[0]
    pinned = changed(toy, benchmark=benchmark | {"digest": found})
    assert build_benchmark(pinned, home).artifact.meta["items/unseen"] == 10


def test_a_corpus_is_built_again_when_a_file_changes_its_name_or_content(home: Home):
    toy, rows = home.customization("toy"), home.checkout / "data/train.jsonl"
    folder = changed(toy, sources={"rows": {"kind": "jsonl", "path": "data/rows"}})
    (home.checkout / "data/rows").mkdir()
    rows.rename(home.checkout / "data/rows/a.jsonl")
    first = build_corpus(folder, home)
    (home.checkout / "data/rows/a.jsonl").rename(home.checkout / "data/rows/b.jsonl")
    renamed = build_corpus(folder, home)
    assert (first.reused, renamed.reused) == (False, False)
    assert first.artifact == renamed.artifact  # the same records are the same version
    assert build_corpus(folder, home).reused


def test_a_source_that_is_not_there_is_named(home: Home):
    gone = {"rows": {"kind": "jsonl", "path": "data/nowhere.jsonl"}}
    with pytest.raises(CorpusError, match=r"Source `rows`: .*nowhere.jsonl does not exist"):
        build_corpus(changed(home.customization("toy"), sources=gone), home)


def test_nothing_of_the_benchmark_is_in_the_corpus_even_if_the_source_has_it(home: Home):
    unseen = home.checkout / "data/unseen.jsonl"
    train = home.checkout / "data/train.jsonl"
    train.write_text(train.read_text() + unseen.read_text())
    toy = home.customization("toy")
    corpus = build_corpus(toy, home).artifact
    assert corpus.meta["rejected"] == 10
    assert leaked_items(toy, home) == 0

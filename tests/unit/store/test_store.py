"""Claims about artifacts that hold for every file system."""

import pickle
import tempfile
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelops.errors import IntegrityError, StoreError
from modelops.store import Store

names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\", exclude_categories=("C", "Z")),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in {".", ".."} and name.isprintable())
trees = st.dictionaries(st.tuples(names, names), st.binary(max_size=200), min_size=1, max_size=6)


def write(folder: Path, tree, order) -> Path:
    for top, name in order:
        (folder / f"d{top}").mkdir(parents=True, exist_ok=True)
        (folder / f"d{top}" / name).write_bytes(tree[top, name])
    return folder


@pytest.mark.parametrize("scheme", ["local", "memory"])
@settings(max_examples=20, deadline=None)
@given(tree=trees, random=st.randoms(use_true_random=False))
def test_any_tree_comes_back_and_creation_order_does_not_matter(scheme, tree, random):
    with tempfile.TemporaryDirectory() as temporary:
        root, order = Path(temporary), list(tree)
        url = root / "store" if scheme == "local" else f"memory://{uuid4().hex}"
        store = Store(url, cache=root / "cache")
        first = store.put("corpus", write(root / "one", tree, order))
        random.shuffle(order)
        second = store.put("corpus", write(root / "two", tree, order))

        folder = store.get("corpus", first.digest).folder()
        found = {
            (path.parent.name[1:], path.name): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        assert second == first
        assert found == tree


def test_one_artifact_is_found_by_prefix_key_and_list(store, tree):
    put = store.put("corpus", tree, meta={"records": 3, "by": ("a", "b")})
    store.bind("corpus", "inputs-1", put.digest)

    assert store.get("corpus", put.digest[:8]) == put
    assert store.find("corpus", "inputs-1") == put
    assert store.list("corpus") == [put]
    assert put.meta == {"records": 3, "by": ["a", "b"]}
    assert put.path("a/b/notes.txt").read_text() == "hello\n"
    assert put.read_json("t.json") == [1]
    store.verify(put)


def test_what_was_never_put_is_an_error_or_nothing(store, tree):
    put = store.put("corpus", tree)

    assert store.find("corpus", "unknown") is None
    assert store.list("adapter") == []
    with pytest.raises(StoreError, match="no adapter"):
        store.get("adapter", put.digest)
    with pytest.raises(StoreError, match="at least 8"):
        store.get("corpus", put.digest[:7])
    with pytest.raises(StoreError, match=r"no file `lost.txt`; it has a/b/notes.txt, t.json"):
        put.path("lost.txt")
    with pytest.raises(StoreError, match="no corpus"):
        store.bind("corpus", "key", "0" * 64)


def test_a_key_can_be_moved_to_another_artifact(store, tree):
    first = store.put("corpus", tree)
    (tree / "more.txt").write_text("more")
    second = store.put("corpus", tree)
    store.bind("corpus", "inputs", first.digest)
    store.bind("corpus", "inputs", second.digest)

    assert store.find("corpus", "inputs") == second != first


def test_attachments_and_meta_are_kept_but_do_not_count(store, tree):
    first = store.put("eval_report", tree, attachments=["t.json"], meta={"seconds": 1})
    (tree / "t.json").write_text("[2]")
    second = store.put("eval_report", tree, attachments=["t.json"], meta={"seconds": 2})
    counted = store.put("eval_report", tree)

    assert second == first and first.read_json("t.json") == [1]
    assert [entry.path for entry in first.attachments] == ["t.json"]
    assert counted.digest != first.digest
    assert store.put("outcomes", tree, attachments=["t.json"]).digest != first.digest


def test_an_artifact_survives_pickling(store, tree):
    put = store.put("corpus", tree)
    if store.url.startswith("memory:"):
        return  # this file system lives in one process
    again = pickle.loads(pickle.dumps(put))
    assert again == put and again.path("t.json").read_text() == "[1]"


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "\x7f"])
def test_names_that_mean_something_elsewhere_are_refused(store, tree, name):
    (tree / name).write_text("x")
    with pytest.raises(StoreError, match="rename the file"):
        store.put("corpus", tree)
    assert store.list("corpus") == []


def test_links_devices_and_empty_folders_are_refused(store, tree, tmp_path):
    with pytest.raises(StoreError, match="not a folder"):
        store.put("corpus", tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="has no"):
        store.put("corpus", tmp_path / "empty")
    with pytest.raises(StoreError, match=r"has no plot.png"):
        store.put("corpus", tree, attachments=["plot.png"])
    (tmp_path / "link").symlink_to(tree)
    with pytest.raises(StoreError, match="not a folder"):
        store.put("corpus", tmp_path / "link")
    (tree / "inner").symlink_to("/etc")
    with pytest.raises(StoreError, match="link or a device"):
        store.put("corpus", tree)


@pytest.mark.parametrize("word", ["../corpus", "", "Corpus", "a/b", ".scratch"])
def test_kinds_and_keys_cannot_leave_the_store(store, tree, word):
    with pytest.raises(StoreError, match="no kind"):
        store.put(word, tree)
    with pytest.raises(StoreError, match="no kind"):
        store.get(word, "0" * 64)
    if word != "Corpus":
        with pytest.raises(StoreError, match="no key"):
            store.find("corpus", word)


@pytest.mark.parametrize("meta", [{"x": object()}, {"x": {1, 2}}])
def test_meta_has_to_be_json(store, tree, meta):
    with pytest.raises(StoreError, match="not JSON"):
        store.put("corpus", tree, meta=meta)


def test_a_store_that_is_not_local_needs_a_cache():
    with pytest.raises(StoreError, match="name a folder as its cache"):
        Store("memory://x")


def test_remote_damage_is_seen_and_repaired_by_the_next_put(tree, tmp_path):
    store = Store(f"memory://{uuid4().hex}", cache=tmp_path / "cache")
    put = store.put("corpus", tree)
    files = fsspec.filesystem("memory")
    blobs = files.glob(f"{store.url.removeprefix('memory:/')}/corpus/*/blobs/*")
    files.pipe_file(blobs[0], b"other bytes")
    with pytest.raises(IntegrityError, match="was changed, added or lost"):
        store.verify(put)
    with pytest.raises(IntegrityError):
        put.folder()
    files.rm_file(blobs[1])
    with pytest.raises(IntegrityError):
        Store(store.url, cache=tmp_path / "other").get("corpus", put.digest).folder()

    assert store.put("corpus", tree) == put
    store.verify(put)
    assert put.path("t.json").read_text() == "[1]"


def test_a_remote_put_without_its_manifest_is_invisible(tree, tmp_path):
    store = Store(f"memory://{uuid4().hex}", cache=tmp_path / "cache")
    put = store.put("corpus", tree)
    root = store.url.removeprefix("memory:/")
    fsspec.filesystem("memory").rm_file(f"{root}/corpus/{put.digest}/manifest.json")

    assert store.list("corpus") == []
    with pytest.raises(StoreError, match="no corpus"):
        store.get("corpus", put.digest)
    assert store.put("corpus", tree) == put


def test_a_damaged_cache_is_fetched_again(tree, tmp_path):
    url = f"memory://{uuid4().hex}"
    put = Store(url, cache=tmp_path / "cache").put("corpus", tree)
    cached = put.path("t.json")
    cached.write_text("[9]")

    again = Store(url, cache=tmp_path / "cache").get("corpus", put.digest)
    assert again.read_json("t.json") == [1]

"""Claims about a local store under damage, kills, rivals and a full disk."""

import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from modelops.errors import IntegrityError, StoreError
from modelops.store import Store
from modelops.store.scratch import scratch_folder


@pytest.fixture
def put(tree, tmp_path):
    return Store(tmp_path / "store").put("adapter", tree, attachments=["t.json"])


def home(put, tmp_path) -> Path:
    return tmp_path / "store" / "adapter" / put.digest


def truncate(folder):
    (folder / "files/weights.bin").write_bytes((folder / "files/weights.bin").read_bytes()[:-1])


def flip(name):
    def damage(folder):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return damage


def swap_for_a_link(folder):
    path = folder / "files/weights.bin"
    path.rename(folder.parent / "elsewhere.bin")
    path.symlink_to(folder.parent / "elsewhere.bin")


DAMAGE = {
    "truncated": truncate,
    "flipped byte": flip("files/weights.bin"),
    "flipped attachment": flip("files/t.json"),
    "flipped manifest": flip("manifest.json"),
    "missing file": lambda folder: (folder / "files/weights.bin").unlink(),
    "added file": lambda folder: (folder / "files/evil.bin").write_bytes(b"x"),
    "link": swap_for_a_link,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_found_on_reading_and_mended_by_the_next_put(damage, put, tree, tmp_path):
    damage(home(put, tmp_path))
    fresh = Store(tmp_path / "store")

    with pytest.raises(IntegrityError, match=r"restore it from a backup"):
        fresh.verify(fresh.get("adapter", put.digest))
    with pytest.raises(IntegrityError):
        fresh.get("adapter", put.digest).folder()

    assert fresh.put("adapter", tree, attachments=["t.json"]) == put
    fresh.verify(put)


@pytest.mark.parametrize("damage", ["truncated", "flipped byte", "missing file", "link"])
def test_damage_is_found_on_reading_one_file(damage, put, tmp_path):
    DAMAGE[damage](home(put, tmp_path))
    fresh = Store(tmp_path / "store").get("adapter", put.digest)

    assert fresh.path("t.json").read_text() == "[1]"
    with pytest.raises(IntegrityError, match=r"weights\.bin"):
        fresh.path("weights.bin")


def test_without_its_manifest_an_artifact_does_not_exist(put, tree, tmp_path):
    (home(put, tmp_path) / "manifest.json").unlink()
    fresh = Store(tmp_path / "store")

    assert fresh.list("adapter") == []
    with pytest.raises(StoreError, match="no adapter"):
        fresh.get("adapter", put.digest)
    assert fresh.put("adapter", tree, attachments=["t.json"]) == put


def test_a_manifest_moved_to_another_digest_is_refused(put, tmp_path):
    other = home(put, tmp_path).with_name("0" * 64)
    home(put, tmp_path).rename(other)
    with pytest.raises(IntegrityError, match="another's"):
        Store(tmp_path / "store").get("adapter", "0" * 64)


def put_many(root, folder, count):
    for _ in range(count):
        Store(root).put("adapter", folder)


def test_rivals_that_put_the_same_content_agree(tree, tmp_path):
    context = get_context("fork")
    rivals = [
        context.Process(target=put_many, args=(tmp_path / "store", tree, 5)) for _ in range(4)
    ]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()

    store = Store(tmp_path / "store")
    assert [rival.exitcode for rival in rivals] == [0] * 4
    (only,) = store.list("adapter")
    store.verify(only)
    assert list((tmp_path / "store" / ".scratch").iterdir()) == []


PUT = "import sys; from modelops.store import Store; print('go', flush=True); "
PUT += "Store(sys.argv[1]).put('adapter', __import__('pathlib').Path(sys.argv[2]))"


def test_a_put_killed_at_any_moment_leaves_nothing_visible(tmp_path):
    tree, root = tmp_path / "tree", tmp_path / "store"
    tree.mkdir()
    for number in range(12):
        (tree / f"{number}.bin").write_bytes(os.urandom(1 << 20))
    cut_short = 0
    for seed in range(6):
        victim = subprocess.Popen(
            [sys.executable, "-c", PUT, str(root), str(tree)], stdout=subprocess.PIPE
        )
        assert victim.stdout is not None and victim.stdout.readline() == b"go\n"
        time.sleep(random.Random(seed).uniform(0, 0.06))
        victim.send_signal(signal.SIGKILL)
        cut_short += victim.wait() == -signal.SIGKILL
        victim.stdout.close()
        for artifact in Store(root).list("adapter"):  # it was whole before the kill came
            Store(root).verify(artifact)
    assert cut_short

    store = Store(root)
    with store.scratch():
        assert len(list((root / ".scratch").glob("*.lock"))) == 1  # the dead ones' are gone
    store.verify(store.put("adapter", tree))


def test_the_scratch_of_the_living_is_left_alone(tmp_path):
    with scratch_folder(tmp_path) as mine:
        (mine / "half").write_text("written")
        with scratch_folder(tmp_path) as other:
            assert other != mine and (mine / "half").read_text() == "written"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_nothing_visible_and_says_what_to_do(small_disk, tree):
    store = Store(small_disk / "store")
    small = store.put("adapter", tree)
    (tree / "big.bin").write_bytes(bytes(1 << 20))

    with pytest.raises(StoreError, match=r"No space left on device.*free space"):
        store.put("adapter", tree)

    assert store.list("adapter") == [small]
    store.verify(small)
    assert list((small_disk / "store" / ".scratch").iterdir()) == []


def test_a_store_that_cannot_be_written_says_so(tmp_path, tree):
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StoreError, match=r"Cannot write to the store at .*store: Not a directory"):
        Store(tmp_path / "store").put("adapter", tree)

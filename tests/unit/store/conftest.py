from pathlib import Path
from uuid import uuid4

import pytest

from modelops.store import Store


def write_tree(folder: Path, tree: dict[str, bytes]) -> Path:
    for name, data in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture
def tree(tmp_path):
    """A small folder to store: one weight file, one text, one file of timings."""
    content = {"weights.bin": bytes(range(256)) * 64, "a/b/notes.txt": b"hello\n", "t.json": b"[1]"}
    return write_tree(tmp_path / "tree", content)


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    if request.param == "local":
        return Store(tmp_path / "store")
    return Store(f"memory://{uuid4().hex}", cache=tmp_path / "cache")

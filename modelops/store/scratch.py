"""Durable local writes: scratch folders that die with their process, copies that are synced."""

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from modelops.errors import IntegrityError, StoreError
from modelops.store.artifact import FileEntry, check_name

_BLOCK = 1 << 20


@contextmanager
def scratch_folder(parent: Path) -> Generator[Path]:
    """An empty folder under `parent`, removed at the end, or by the next one after a kill -9.

    Its owner holds a lock for as long as it lives, so nobody has to trust process ids.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    lock, handle = _own_lock(parent)
    folder = lock.with_suffix("")
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(handle)


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and force it to the disk."""
    with path.open("xb") as out:
        out.write(data)
        _sync(out)


def sync_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Force the names of a folder and of all below it to the disk."""
    for current, _, _ in os.walk(folder):
        sync_folder(Path(current))


def scan(folder: Path) -> list[FileEntry]:
    """Every regular file below `folder`, sorted by name. Raises StoreError for anything else."""
    if folder.is_symlink() or not folder.is_dir():
        raise StoreError(f"{folder} is not a folder: give the folder whose files to store.")
    entries = []
    for name in sorted(names(folder)):
        with open_plain(folder / name) as stream:
            size, sha256 = copy_hashed(stream, None)
        entries.append(FileEntry(name, size, sha256))
    return entries


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading, never through a symbolic link."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def copy_hashed(source: BinaryIO, out: BinaryIO | None) -> tuple[int, str]:
    """Size in bytes and SHA-256 of what is left in `source`, copied to `out` on the way."""
    size, digest = 0, hashlib.sha256()
    while block := source.read(_BLOCK):
        size += len(block)
        digest.update(block)
        if out is not None:
            out.write(block)
    return size, digest.hexdigest()


def receive(source: BinaryIO, entry: FileEntry, folder: Path) -> None:
    """Write `source` under `folder`, synced. Raises IntegrityError when it is not `entry`."""
    target = folder / entry.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as out:
        found = copy_hashed(source, out)
        _sync(out)
    if found != (entry.size_bytes, entry.sha256):
        raise IntegrityError(
            f"`{entry.path}` is not the file that was recorded, it changed or was cut short: "
            "leave it alone while it is stored, or put the artifact again."
        )


def names(folder: Path) -> Iterator[str]:
    """Relative posix names of the regular files below `folder`. Raises StoreError for links."""
    for current, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(current, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise StoreError(
                    f"{path} is a link or a device, and only regular files are stored: "
                    "replace it by a copy of the file."
                )
        for name in files:
            yield check_name(Path(current, name).relative_to(folder).as_posix())


def _own_lock(parent: Path) -> tuple[Path, int]:
    while True:
        lock = parent / f"{secrets.token_hex(8)}.lock"
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        if _try_lock(handle) and lock.exists():
            return lock, handle
        os.close(handle)  # a sweep came between the two lines and took it for a dead one


def _sweep(parent: Path) -> None:
    for lock in parent.glob("*.lock"):
        with suppress(FileNotFoundError):
            handle = os.open(lock, os.O_RDWR)
            try:
                if _try_lock(handle):
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                    lock.unlink()
            finally:
                os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync(out: BinaryIO) -> None:
    out.flush()
    os.fsync(out.fileno())

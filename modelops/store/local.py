"""Artifacts in a folder of this machine: placed by one rename, read in place."""

import errno
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from modelops.errors import IntegrityError, StoreError
from modelops.store.artifact import MANIFEST, Artifact, FileEntry, dump_manifest, is_digest
from modelops.store.scratch import (
    copy_hashed,
    names,
    open_plain,
    receive,
    scratch_folder,
    sync_folder,
    sync_tree,
    write_synced,
)

_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST)


class LocalShelf:
    """`root/kind/digest/{manifest.json, files/}` and `root/kind/keys/KEY`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: set[tuple[str, str, str]] = set()

    def scratch(self) -> AbstractContextManager[Path]:
        """A folder on the same file system, removed at the end."""
        return scratch_folder(self.root / ".scratch")

    def manifest(self, kind: str, digest: str) -> bytes | None:
        """Bytes of a manifest, or None when there is no such artifact."""
        return _read(self.root / kind / digest / MANIFEST)

    def digests(self, kind: str) -> list[str]:
        """Digests of all artifacts of a kind, sorted."""
        return sorted(
            path.parent.name
            for path in (self.root / kind).glob(f"*/{MANIFEST}")
            if is_digest(path.parent.name)
        )

    def add(self, artifact: Artifact, source: Callable[[FileEntry], BinaryIO]) -> None:
        """Copy, sync, then appear by one rename. A whole artifact in the way is left alone."""
        with writing(str(self.root)), self.scratch() as scratch:
            fresh = scratch / "artifact"
            (fresh / "files").mkdir(parents=True)
            for entry in artifact.entries:
                with source(entry) as stream:
                    receive(stream, entry, fresh / "files")
            write_synced(fresh / MANIFEST, dump_manifest(artifact))
            sync_tree(fresh)
            self._place(artifact, fresh, scratch)

    def key(self, kind: str, key: str) -> bytes | None:
        """What a key points to, or None."""
        return _read(self.root / kind / "keys" / key)

    def set_key(self, kind: str, key: str, value: bytes) -> None:
        """Point a key at a value, in one rename."""
        target = self.root / kind / "keys" / key
        with writing(str(self.root)), self.scratch() as scratch:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_synced(scratch / "key", value)
            (scratch / "key").replace(target)
            sync_folder(target.parent)

    def folder(self, artifact: Artifact) -> Path:
        """The artifact's own folder, verified once in this process."""
        if (artifact.kind, artifact.digest, "") not in self._verified:
            self.verify(artifact)
            self._verified.add((artifact.kind, artifact.digest, ""))
        return self._files(artifact)

    def path(self, artifact: Artifact, name: str) -> Path:
        """One file, verified once in this process."""
        entry = artifact.entry(name)
        known = {(artifact.kind, artifact.digest, ""), (artifact.kind, artifact.digest, name)}
        if not known & self._verified:
            self._check(artifact, entry)
            self._verified.add((artifact.kind, artifact.digest, name))
        return self._files(artifact) / name

    def verify(self, artifact: Artifact) -> None:
        """Read every byte. Raises IntegrityError for a changed, missing or additional file."""
        if self.manifest(artifact.kind, artifact.digest) != dump_manifest(artifact):
            raise damaged(artifact, MANIFEST)
        for entry in artifact.entries:
            self._check(artifact, entry)
        wanted = {entry.path for entry in artifact.entries}
        try:
            extra = set(names(self._files(artifact))) - wanted
        except StoreError as error:
            raise IntegrityError(f"{artifact.kind} {artifact.short}: {error}") from error
        if extra:
            raise damaged(artifact, min(extra))

    def _check(self, artifact: Artifact, entry: FileEntry) -> None:
        path = self._files(artifact) / entry.path
        try:
            inside = path.parent.resolve().is_relative_to(self._files(artifact).resolve())
            with open_plain(path) as stream:
                found = copy_hashed(stream, None)
        except OSError as error:
            raise damaged(artifact, entry.path) from error
        if found != (entry.size_bytes, entry.sha256) or not inside:
            raise damaged(artifact, entry.path)

    def _place(self, artifact: Artifact, fresh: Path, scratch: Path) -> None:
        target = self.root / artifact.kind / artifact.digest
        target.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(5):
            try:
                fresh.rename(target)
                break
            except OSError as error:
                if error.errno not in _OCCUPIED:
                    raise
            if self._whole(artifact):
                return
            with suppress(FileNotFoundError):  # another process may have just moved it away
                target.rename(scratch / f"damaged{attempt}")
        else:
            raise StoreError(f"{target} cannot be replaced: stop whoever else writes to it.")
        sync_folder(target.parent)
        sync_folder(self.root)

    def _whole(self, artifact: Artifact) -> bool:
        try:
            self.verify(artifact)
        except IntegrityError:
            return False
        return True

    def _files(self, artifact: Artifact) -> Path:
        return self.root / artifact.kind / artifact.digest / "files"


@contextmanager
def writing(where: str) -> Generator[None]:
    """Turn what the system refuses while writing into a StoreError; nothing became visible."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Cannot write to the store at {where}: {error.strerror or error}. Nothing of it is "
            "visible; free space or correct the permissions, then run the same command again."
        ) from error


def damaged(artifact: Artifact, name: str) -> IntegrityError:
    """The error for one file that is not what the manifest says."""
    return IntegrityError(
        f"`{name}` of {artifact.kind} {artifact.digest} was changed, added or lost: remove that "
        "artifact's folder and run again, or restore it from a backup."
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}. Correct that first.") from error

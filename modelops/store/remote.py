"""Artifacts behind any fsspec file system: blobs first, manifest last, read through a cache."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, cast

from fsspec import AbstractFileSystem

from modelops.errors import IntegrityError, StoreError
from modelops.store.artifact import MANIFEST, Artifact, FileEntry, dump_manifest, is_digest
from modelops.store.local import LocalShelf, damaged, writing
from modelops.store.scratch import copy_hashed


class RemoteShelf:
    """`root/kind/digest/{manifest.json, blobs/SHA256}` and `root/kind/keys/KEY`.

    Blobs are named by content, so two writers of one artifact can only write the same bytes; one
    object has to appear whole or not at all, as object stores guarantee.
    """

    def __init__(self, files: AbstractFileSystem, root: str, cache: LocalShelf) -> None:
        self._files, self._root, self._cache = files, root.rstrip("/"), cache

    def scratch(self) -> AbstractContextManager[Path]:
        """A local folder in the cache, removed at the end."""
        return self._cache.scratch()

    def manifest(self, kind: str, digest: str) -> bytes | None:
        """Bytes of a manifest, or None when there is no such artifact."""
        return self._read(f"{kind}/{digest}/{MANIFEST}")

    def digests(self, kind: str) -> list[str]:
        """Digests of all artifacts of a kind, sorted."""
        found = self._files.glob(f"{self._root}/{kind}/*/{MANIFEST}")
        return sorted(name for path in found if is_digest(name := str(path).split("/")[-2]))

    def add(self, artifact: Artifact, source: Callable[[FileEntry], BinaryIO]) -> None:
        """Upload the blobs, then the manifest that makes them visible."""
        with writing(self._root):
            for entry in artifact.entries:
                self._upload(artifact, entry, source)
            self._write(f"{artifact.kind}/{artifact.digest}/{MANIFEST}", dump_manifest(artifact))

    def key(self, kind: str, key: str) -> bytes | None:
        """What a key points to, or None."""
        return self._read(f"{kind}/keys/{key}")

    def set_key(self, kind: str, key: str, value: bytes) -> None:
        """Point a key at a value, by writing one object."""
        with writing(self._root):
            self._write(f"{kind}/keys/{key}", value)

    def folder(self, artifact: Artifact) -> Path:
        """The cached copy, fetched when it is missing or damaged, verified once."""
        self._fetch(artifact)
        return self._cache.folder(artifact)

    def path(self, artifact: Artifact, name: str) -> Path:
        """One file of the cached copy."""
        artifact.entry(name)
        return self.folder(artifact) / name

    def verify(self, artifact: Artifact) -> None:
        """Read every byte of the store, not of the cache. Raises IntegrityError."""
        if self.manifest(artifact.kind, artifact.digest) != dump_manifest(artifact):
            raise damaged(artifact, MANIFEST)
        for entry in artifact.entries:
            with self._open(artifact, entry) as stream:
                found = copy_hashed(stream, None)
            if found != (entry.size_bytes, entry.sha256):
                raise damaged(artifact, entry.path)

    def _fetch(self, artifact: Artifact) -> None:
        try:
            self._cache.folder(artifact)
        except IntegrityError:
            self._cache.add(artifact, lambda entry: self._open(artifact, entry))

    def _upload(
        self, artifact: Artifact, entry: FileEntry, source: Callable[[FileEntry], BinaryIO]
    ) -> None:
        blob = self._blob(artifact, entry)
        self._files.makedirs(blob.rsplit("/", 1)[0], exist_ok=True)
        with source(entry) as stream, self._files.open(blob, "wb") as out:
            found = copy_hashed(stream, cast(BinaryIO, out))
        if found != (entry.size_bytes, entry.sha256):
            self._files.rm_file(blob)
            raise IntegrityError(f"`{entry.path}` changed while it was being stored: put it again.")

    def _open(self, artifact: Artifact, entry: FileEntry) -> BinaryIO:
        try:
            return cast(BinaryIO, self._files.open(self._blob(artifact, entry), "rb"))
        except FileNotFoundError as error:
            raise damaged(artifact, entry.path) from error

    def _blob(self, artifact: Artifact, entry: FileEntry) -> str:
        return f"{self._root}/{artifact.kind}/{artifact.digest}/blobs/{entry.sha256}"

    def _read(self, name: str) -> bytes | None:
        try:
            return self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"Cannot read {self._root}/{name}: {error}. Is it up?") from error

    def _write(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        self._files.pipe_file(path, data)

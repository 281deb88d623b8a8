"""The store: artifacts by digest on any fsspec file system, every write atomic."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from modelops.errors import IntegrityError, StoreError
from modelops.store.artifact import (
    Artifact,
    check_key,
    check_kind,
    dump_manifest,
    identity,
    is_digest,
    load_manifest,
)
from modelops.store.local import LocalShelf
from modelops.store.remote import RemoteShelf
from modelops.store.scratch import open_plain, scan

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Store:
    """Immutable artifacts under one URL; an artifact is visible only when its manifest is.

    `cache` is the local folder through which a store that is not local is read.
    """

    def __init__(self, url: str | Path, cache: Path | None = None) -> None:
        files, root = url_to_fs(str(url), use_listings_cache=False)
        self.url = str(url)
        if isinstance(files, LocalFileSystem):
            self._shelf: LocalShelf | RemoteShelf = LocalShelf(Path(root))
        elif cache is None:
            raise StoreError(f"The store at {url} is not local: name a folder as its cache.")
        else:
            self._shelf = RemoteShelf(files, root, LocalShelf(cache.absolute()))

    def put(
        self,
        kind: str,
        folder: Path,
        *,
        attachments: Collection[str] = (),
        meta: Mapping[str, Any] = _NOTHING,
    ) -> Artifact:
        """Store every regular file under `folder`; what is already there is returned as it is.

        Files named in `attachments` and `meta` (JSON) are kept and verified but do not count for
        the digest, so the first put of equal content decides them. A damaged copy is replaced.
        Raises StoreError for links, odd names, a full disk; then nothing is visible.
        """
        artifact = self._describe(check_kind(kind), folder, frozenset(attachments), meta)
        existing = self._intact(kind, artifact.digest)
        if existing is not None:
            return existing
        self._shelf.add(artifact, lambda entry: open_plain(folder / entry.path))
        return self.get(kind, artifact.digest)

    def get(self, kind: str, digest: str) -> Artifact:
        """The artifact with this digest, or with the only digest that begins so (8 digits or more).

        Raises StoreError when there is none or several, IntegrityError for a changed manifest.
        """
        full = digest if is_digest(digest) else self._complete(check_kind(kind), digest)
        data = self._shelf.manifest(check_kind(kind), full)
        if data is None:
            raise StoreError(
                f"There is no {kind} {full[:12]} in {self.url}: build it again, "
                "or point MODELOPS_HOME at the store that has it."
            )
        return load_manifest(data, kind, full, self._shelf)

    def bind(self, kind: str, key: str, digest: str) -> None:
        """Let `key`, the digest of what made it, lead to an artifact that exists; atomic."""
        artifact = self.get(kind, digest)
        self._shelf.set_key(kind, check_key(key), artifact.digest.encode())

    def find(self, kind: str, key: str) -> Artifact | None:
        """The artifact that `key` leads to; None when nothing does, or when it was removed."""
        value = self._shelf.key(check_kind(kind), check_key(key))
        if value is None:
            return None
        digest = value.decode("ascii", "replace")
        if not is_digest(digest):
            raise IntegrityError(f"Key {key} of {kind} is no digest: remove it and run again.")
        return None if self._shelf.manifest(kind, digest) is None else self.get(kind, digest)

    def list(self, kind: str) -> list[Artifact]:
        """All artifacts of a kind, sorted by digest."""
        return [self.get(kind, digest) for digest in self._shelf.digests(check_kind(kind))]

    def verify(self, artifact: Artifact) -> None:
        """Read every byte again. Raises IntegrityError naming the first file that is wrong."""
        self._shelf.verify(artifact)

    def scratch(self) -> AbstractContextManager[Path]:
        """A local folder to build in, on the store's file system when that is local.

        It is removed at the end; after a kill -9, by the next one that is opened.
        """
        return self._shelf.scratch()

    def _describe(
        self, kind: str, folder: Path, attachments: frozenset[str], meta: Mapping[str, Any]
    ) -> Artifact:
        try:
            entries = scan(folder)
        except OSError as error:
            raise StoreError(f"Cannot read {folder}: {error.strerror}. Correct that.") from error
        files = tuple(entry for entry in entries if entry.path not in attachments)
        extra = tuple(entry for entry in entries if entry.path in attachments)
        missing = attachments - {entry.path for entry in extra}
        if not files or missing:
            wanted = min(missing, default="a file that is no attachment")
            raise StoreError(f"{folder} has no {wanted}: write it before it is stored.")
        artifact = Artifact(kind, identity(kind, files), files, extra, meta, self._shelf)
        try:
            return load_manifest(dump_manifest(artifact), kind, artifact.digest, self._shelf)
        except (TypeError, ValueError, IntegrityError) as error:
            raise StoreError(f"`meta` of this {kind} is not JSON: {error}") from error

    def _intact(self, kind: str, digest: str) -> Artifact | None:
        if self._shelf.manifest(kind, digest) is None:
            return None
        try:
            artifact = self.get(kind, digest)
            self.verify(artifact)
        except IntegrityError:
            return None
        return artifact

    def _complete(self, kind: str, prefix: str) -> str:
        if len(prefix) < 8:
            raise StoreError(f"`{prefix}` is too short for a digest: give at least 8 digits.")
        found = [digest for digest in self._shelf.digests(kind) if digest.startswith(prefix)]
        if len(found) > 1:
            raise StoreError(f"{len(found)} artifacts begin with {prefix}: give more digits.")
        return found[0] if found else prefix

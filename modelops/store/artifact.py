"""What an artifact is: its entries, its identity, its manifest; knows no file system."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelops.digests import canonical_json, digest_bytes, digest_json
from modelops.errors import IntegrityError, StoreError

MANIFEST = "manifest.json"
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,199}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One stored file; `path` is relative and posix."""

    path: str
    size_bytes: int
    sha256: str


class Reader(Protocol):
    """Hands out verified local copies of an artifact's files."""

    def folder(self, artifact: "Artifact") -> Path:
        """Local folder with every file of the artifact, each verified once in this process."""
        ...

    def path(self, artifact: "Artifact", name: str) -> Path:
        """Local path of one file, verified once in this process."""
        ...


@dataclass(frozen=True, slots=True)
class Artifact:
    """An immutable set of files; equal when kind, digest, attachments and meta are."""

    kind: str
    digest: str
    files: tuple[FileEntry, ...]
    attachments: tuple[FileEntry, ...]
    meta: Mapping[str, Any] = field(hash=False)
    _reader: Reader = field(repr=False, compare=False, hash=False)

    @property
    def short(self) -> str:
        """First 12 of the 64 digits, for people."""
        return self.digest[:12]

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Files and attachments."""
        return self.files + self.attachments

    def entry(self, name: str) -> FileEntry:
        """The entry called `name`. Raises StoreError when there is none."""
        for entry in self.entries:
            if entry.path == name:
                return entry
        raise StoreError(
            f"{self.kind} {self.short} has no file `{name}`; "
            f"it has {', '.join(entry.path for entry in self.entries)}."
        )

    def path(self, name: str) -> Path:
        """Local path of one file, verified once. Raises StoreError, IntegrityError."""
        return self._reader.path(self, name)

    def folder(self) -> Path:
        """Local folder of all files, verified once; read only. Raises IntegrityError."""
        return self._reader.folder(self)

    def read_json(self, name: str) -> Any:
        """Content of one JSON file."""
        return json.loads(self.path(name).read_text(encoding="utf-8"))


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: str = Field(min_length=1)
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    digest: str
    files: tuple[_Entry, ...]
    attachments: tuple[_Entry, ...]
    meta: dict[str, Any]


def identity(kind: str, files: Collection[FileEntry]) -> str:
    """Digest of the kind and the files, in whatever order they come."""
    rows = sorted((entry.path, entry.size_bytes, entry.sha256) for entry in files)
    return digest_json({"kind": kind, "files": rows})


def dump_manifest(artifact: Artifact) -> bytes:
    """The manifest's bytes; the last line seals the first, so no byte can change unseen."""
    body = canonical_json(
        {
            "kind": artifact.kind,
            "digest": artifact.digest,
            "files": [_row(entry) for entry in artifact.files],
            "attachments": [_row(entry) for entry in artifact.attachments],
            "meta": dict(artifact.meta),
        }
    )
    return f"{body}\n{digest_bytes(body.encode())}\n".encode()


def load_manifest(data: bytes, kind: str, digest: str, reader: Reader) -> Artifact:
    """The artifact that a manifest describes. Raises IntegrityError for any changed byte."""
    body, _, seal = data.partition(b"\n")
    remedy = "put the artifact again, or restore it from a backup."
    if seal.decode("ascii", "replace") != digest_bytes(body) + "\n":
        raise IntegrityError(f"The manifest of {kind} {digest[:12]} was changed: {remedy}")
    try:
        found = _Manifest.model_validate_json(body)
    except ValidationError as error:
        raise IntegrityError(f"The manifest of {kind} {digest[:12]} is unreadable: {remedy}") from (
            error
        )
    files = tuple(_entry(row) for row in found.files)
    if (found.kind, found.digest, identity(kind, files)) != (kind, digest, digest):
        raise IntegrityError(f"The manifest at {kind} {digest[:12]} is another's: {remedy}")
    attachments = tuple(_entry(row) for row in found.attachments)
    return Artifact(kind, digest, files, attachments, found.meta, reader)


def check_kind(kind: str) -> str:
    """`kind` when it may name a folder. Raises StoreError."""
    if not _KIND.fullmatch(kind):
        raise StoreError(f"`{kind}` is no kind of artifact: use a-z, 0-9 and _, at most 40.")
    return kind


def check_key(key: str) -> str:
    """`key` when it may name a file. Raises StoreError."""
    if not _KEY.fullmatch(key):
        raise StoreError(
            f"`{key}` is no key: use letters, digits, `.`, `_`, `@`, `-`; at most 200."
        )
    return key


def is_digest(text: str) -> bool:
    """True for 64 lowercase hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def check_name(name: str) -> str:
    """`name` when it stays inside its folder on every system. Raises StoreError."""
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and path.as_posix() == name
    if not plain or path.is_absolute() or {"..", "."} & {*path.parts, name} or not name:
        raise StoreError(
            f"`{name!r}` cannot be stored: rename the file to a plain relative path, "
            "without `..`, backslashes or control characters."
        )
    return name


def _row(entry: FileEntry) -> dict[str, Any]:
    return {"path": entry.path, "size_bytes": entry.size_bytes, "sha256": entry.sha256}


def _entry(row: _Entry) -> FileEntry:
    return FileEntry(check_name(row.path), row.size_bytes, row.sha256)

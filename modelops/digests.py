"""SHA-256 digests of bytes, files and JSON values; knows no storage."""

import hashlib
import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel


def digest_bytes(data: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """64 hexadecimal digits of the file's content, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def digest_package(package: ModuleType) -> str:
    """Digest of every Python module of an imported package, by relative path and content.

    Taken once in a process, so that a file edited while it runs does not change its name for it.
    """
    folder = Path(package.__path__[0])
    modules = sorted(folder.rglob("*.py"))
    return digest_json({path.relative_to(folder).as_posix(): digest_file(path) for path in modules})


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no spaces, models by their JSON form."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain
    )


def digest_json(value: Any) -> str:
    """Digest of `canonical_json(value)`; pydantic models and tuples are welcome."""
    return digest_bytes(canonical_json(value).encode())


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no canonical JSON form")

"""Build once: an artifact is found by the digest of everything that decides it."""

import fcntl
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelops.digests import digest_json
from modelops.home import Home
from modelops.store import Artifact, Store


@dataclass(frozen=True, slots=True)
class Draft:
    """What a builder left in its folder."""

    attachments: Collection[str] = ()
    """Files that are kept but are no part of the identity: plots, timings."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Plain numbers and words for people."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An artifact, and whether it was there already."""

    artifact: Artifact
    reused: bool
    seconds: float

    @property
    def metadata(self) -> dict[str, Any]:
        """What an asset shows: the artifact's own words, its digest, whether it was reused."""
        return {
            **self.artifact.meta,
            "digest": self.artifact.digest,
            "reused": self.reused,
            "seconds": round(self.seconds, 2),
        }


def keep(home: Home, kind: str, inputs: Any, build: Callable[[Path], Draft]) -> Kept:
    """The artifact that `inputs` (a JSON value) made before, or the one that `build` makes now.

    Two processes that want the same one build it once: the second waits, then finds it.
    """
    started, key = time.monotonic(), digest_json(inputs)
    found = home.store.find(kind, key)
    if found is None:
        with _alone(home.root / "locks" / f"{kind}-{key}"):
            found = home.store.find(kind, key)
            if found is None:
                made = _make(home.store, kind, key, build)
                return Kept(made, reused=False, seconds=time.monotonic() - started)
    return Kept(found, reused=True, seconds=time.monotonic() - started)


def _make(store: Store, kind: str, key: str, build: Callable[[Path], Draft]) -> Artifact:
    with store.scratch() as folder:
        draft = build(folder)
        artifact = store.put(kind, folder, attachments=draft.attachments, meta=draft.meta)
    store.bind(kind, key, artifact.digest)
    return artifact


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """Hold the lock at `path`; the kernel gives it back when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

"""Build once: an artifact is found by the digest of everything that decides it."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelops.digests import digest_json
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


def keep(store: Store, kind: str, inputs: Any, build: Callable[[Path], Draft]) -> Kept:
    """The artifact that `inputs` (a JSON value) made before, or the one that `build` makes now."""
    started, key = time.monotonic(), digest_json(inputs)
    found = store.find(kind, key)
    if found:
        return Kept(found, reused=True, seconds=time.monotonic() - started)
    with store.scratch() as folder:
        draft = build(folder)
        artifact = store.put(kind, folder, attachments=draft.attachments, meta=draft.meta)
    store.bind(kind, key, artifact.digest)
    return Kept(artifact, reused=False, seconds=time.monotonic() - started)

"""Content-addressed artifacts; `from modelops.store import Store, Artifact` is the one way in."""

from modelops.store.artifact import Artifact, FileEntry
from modelops.store.store import Store

__all__ = ["Artifact", "FileEntry", "Store"]

"""Checkpoints: written beside, flushed, marked complete, renamed; the newest complete one wins."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelops.digests import digest_file
from modelops.errors import TrainingError

if TYPE_CHECKING:
    import torch

TENSORS, PROGRESS, COMPLETE = "state.safetensors", "progress.json", "complete.json"
KEPT = 2
"""Checkpoints on disk: the newest, and one to fall back to."""


@dataclass(frozen=True)
class Checkpoint:
    """A run as it was after some step."""

    step: int
    """Steps done."""
    tensors: dict[str, torch.Tensor]
    progress: dict[str, Any]
    """Plain numbers that go on growing: tokens, seconds, the loss curve."""


def save(folder: Path, fingerprint: str, checkpoint: Checkpoint) -> Path:
    """Write `checkpoint` into `folder`; a kill at any moment leaves a complete one behind."""
    from safetensors.torch import save_file

    final = folder / f"step-{checkpoint.step:08d}"
    draft = folder / f".{final.name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    save_file(checkpoint.tensors, draft / TENSORS)
    head = {"step": checkpoint.step, "fingerprint": fingerprint}
    (draft / PROGRESS).write_text(json.dumps(head | checkpoint.progress), "utf-8")
    digests = {name: digest_file(draft / name) for name in (TENSORS, PROGRESS)}
    for name in digests:
        _flush(draft / name)
    (draft / COMPLETE).write_text(json.dumps(digests), "utf-8")
    _flush(draft / COMPLETE)
    _flush(draft)
    shutil.rmtree(final, ignore_errors=True)
    draft.rename(final)
    _flush(folder)
    for old in _complete(folder)[KEPT:]:
        shutil.rmtree(old)
    return final


def load(folder: Path, fingerprint: str) -> Checkpoint | None:
    """The newest complete checkpoint in `folder` whose bytes are what was written, or None.

    Raises TrainingError when it belongs to a run with other inputs.
    """
    from safetensors.torch import load_file

    for path in _complete(folder):
        digests = json.loads((path / COMPLETE).read_text("utf-8"))
        if any(digest_file(path / name) != digest for name, digest in digests.items()):
            continue
        progress = json.loads((path / PROGRESS).read_text("utf-8"))
        if progress.pop("fingerprint") != fingerprint:
            raise TrainingError(
                f"{path} is a checkpoint of a run with another base, corpus, adaptation or code: "
                "give a folder of its own, or remove it."
            )
        return Checkpoint(progress.pop("step"), load_file(path / TENSORS), progress)
    return None


def _complete(folder: Path) -> list[Path]:
    """Complete checkpoints, newest first."""
    found = folder.glob("step-*") if folder.exists() else ()
    return sorted((path for path in found if (path / COMPLETE).exists()), reverse=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

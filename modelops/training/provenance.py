"""What made an adapter, written beside its weights: digests, versions, machine, cost."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import modelops
from modelops.bases.card import Base
from modelops.digests import digest_file, digest_json
from modelops.inference.hardware import describe_hardware
from modelops.training.recipe import Adaptation

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy")

CODE = (
    "training/*.py",
    "inference/adapters.py",
    "inference/attention.py",
    "inference/chat.py",
    "inference/fuse.py",
    "inference/hardware.py",
    "inference/lora.py",
    "inference/network.py",
    "bases/architecture.py",
    "bases/loading.py",
)
"""Modules that decide an adapter's bytes, as patterns inside the package."""


@cache
def code_digest() -> str:
    """Digest of the code that turns a corpus into an adapter."""
    root = Path(modelops.__file__).parent
    paths = sorted(path for pattern in CODE for path in root.glob(pattern))
    return digest_json({path.relative_to(root).as_posix(): digest_file(path) for path in paths})


def inputs(base: Base, corpus: Path, adaptation: Adaptation) -> dict[str, Any]:
    """Everything that an adapter's bytes depend on, the machine apart; its digest is a key."""
    splits = [corpus / name for name in ("train.parquet", "dev.parquet")]
    return {
        "base": {"id": base.id, "digest": base.digest},
        "corpus": {path.name: digest_file(path) for path in splits if path.exists()},
        "adaptation": adaptation.model_dump(mode="json"),
        "adaptation_digest": digest_json(adaptation),
        "code_digest": code_digest(),
        "packages": {package: version(package) for package in PACKAGES},
        "seed": adaptation.seed,
    }


def machine(device: str, dtype: str, world: int) -> dict[str, Any]:
    """The machine, and how it was used."""
    return {"hardware": describe_hardware(device), "dtype": dtype, "processes": world}


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Digest of `inputs` and what of `machine` decides the result: whose checkpoints may go on."""
    hardware = {name: facts["hardware"][name] for name in ("processor", "threads", "device")}
    return digest_json({**facts, "hardware": hardware})


def peak_memory_bytes() -> int:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

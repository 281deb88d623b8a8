"""Fit an adapter: from base, corpus and adaptation to a folder of weights and provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelops import progress
from modelops.bases.card import Base
from modelops.bases.loading import load_tokenizer
from modelops.errors import AdapterError, TrainingError
from modelops.inference.adapters import AdapterSpec, refuse_without_effect, write_adapter
from modelops.inference.chat import Chat
from modelops.inference.hardware import best_device, best_dtype
from modelops.inference.network import open_network
from modelops.training import provenance
from modelops.training.curve import PICTURE, TABLE, write_curve
from modelops.training.energy import EnergyMeter
from modelops.training.examples import check_lengths, read_examples
from modelops.training.loop import Loop
from modelops.training.parallel import join_world
from modelops.training.recipe import Adaptation

PROVENANCE = "provenance.json"
ATTACHMENTS = (PROVENANCE, TABLE, PICTURE)
"""Files beside the weights that tell of the run and are no part of the adapter's identity."""

DEV_TOKENS = 16_384
"""Most tokens of the dev split that the closing loss is measured on."""


@dataclass(frozen=True)
class Fitted:
    """A fitted adapter on disk."""

    folder: Path
    """Weights, configuration and attachments."""
    summary: dict[str, Any]
    """Plain numbers for people: steps, tokens, tokens_per_s, seconds, loss, dev_loss and more."""
    attachments: tuple[str, ...] = field(default=ATTACHMENTS)


def fit(  # noqa: PLR0913 - three inputs, where to work, whom to tell, and what to compute with
    base: Base,
    corpus: Path,
    adaptation: Adaptation,
    *,
    work: Path,
    report: progress.Report = progress.silent,
    device: str | None = None,
    dtype: str | None = None,
    notes: Mapping[str, str] = MappingProxyType({}),
) -> Fitted:
    """Fit `adaptation` to the folder `corpus` (train.parquet, dev.parquet) on `base`.

    Checkpoints and the result live under `work`, in a folder named by everything the result depends
    on: a killed call that is repeated goes on from its last checkpoint and ends with the same
    bytes, and other inputs never meet it. Started by torchrun, processes share each batch.

    `notes` go into the provenance as they are and decide nothing. Raises TrainingError when there
    is nothing to learn, the loss is not finite, or the adapter ends without effect.
    """
    device = device or best_device()
    dtype = dtype or best_dtype(device)
    facts = provenance.inputs(base, corpus, adaptation)
    with join_world(device) as world, _repeatable(adaptation.seed):
        facts |= provenance.machine(device, dtype, world.size)
        fingerprint = provenance.fingerprint(facts)
        chat = Chat(load_tokenizer(base))
        train = read_examples(corpus / "train.parquet", chat)
        network = open_network(base, device=device, dtype=dtype)
        check_lengths(train, network.positions)
        folder = work / f"run-{fingerprint[:16]}"
        loop = Loop(
            network,
            train,
            adaptation,
            folder=folder / "checkpoints",
            fingerprint=fingerprint,
            world=world,
        )
        meter = EnergyMeter()
        loop.run(report)
        told = report if world.leads else progress.silent
        facts |= {"notes": dict(notes), "run": _outcome(loop, _dev_loss(loop, corpus, chat, told))}
        facts["run"]["energy"] = meter.reading()
        if world.leads:
            _write(folder / "adapter", loop, facts)
        world.wait()
    return Fitted(folder / "adapter", facts["run"])


@contextmanager
def _repeatable(seed: int) -> Generator[None]:
    """Seeds and settings under which the same inputs give the same bytes; put back afterwards."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what CUDA needs to repeat itself
    memory: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    memory.fill_uninitialized_memory = False  # nothing reads it, and filling costs 8 %
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        memory.fill_uninitialized_memory = before[1]


def _dev_loss(loop: Loop, corpus: Path, chat: Chat, report: progress.Report) -> float | None:
    """Mean loss per supervised token on the first DEV_TOKENS of the dev split; None without one."""
    import pyarrow.parquet as pq
    import torch

    path = corpus / "dev.parquet"
    if not path.exists() or pq.read_metadata(path).num_rows == 0:
        return None
    total = supervised = tokens = 0.0
    report("dev loss", 0, DEV_TOKENS, {})
    with torch.no_grad():
        for example in read_examples(path, chat):
            if tokens + example.length > DEV_TOKENS and tokens:
                break
            total += float(loop.objective(loop.network, [example]))
            supervised += len(example.tokens.completion)
            tokens += example.length
            report("dev loss", tokens, DEV_TOKENS, {})
    report("dev loss", DEV_TOKENS, DEV_TOKENS, {"loss": total / supervised})
    return total / supervised


def _outcome(loop: Loop, dev_loss: float | None) -> dict[str, Any]:
    """The run in plain numbers."""
    last = loop.rows[-1]
    tail = [row["loss"] for row in loop.rows[-10:]]
    return {
        "steps": len(loop.rows),
        "tokens": int(last["tokens"]),
        "supervised_tokens": loop.supervised,
        "seconds": round(loop.seconds, 3),
        "tokens_per_s": round(last["tokens"] / loop.seconds, 1),
        "peak_memory_bytes": provenance.peak_memory_bytes(),
        "loss": sum(tail) / len(tail),
        "dev_loss": dev_loss,
    }


def _write(folder: Path, loop: Loop, facts: dict[str, Any]) -> None:
    """Weights and configuration, then what tells of the run."""
    adaptation, pairs = loop.adaptation, loop.learner.pairs()
    try:
        refuse_without_effect(pairs)
    except AdapterError as error:
        raise TrainingError(str(error)) from error
    spec = AdapterSpec(
        base_id=loop.network.base.id,
        rank=adaptation.lora.rank,
        alpha=adaptation.lora.alpha,
        targets=tuple(loop.network.targets(adaptation.lora.targets)),
        dropout=adaptation.lora.dropout,
    )
    write_adapter(folder, spec, pairs)
    (folder / PROVENANCE).write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", "utf-8")
    title = f"{adaptation.method}, rank {spec.rank}, on {loop.network.base.name}"
    write_curve(folder, loop.rows, title=title, dev_loss=facts["run"]["dev_loss"])

"""Records as token ids, and batches of them as tensors; right-padded, labels on answers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelops.errors import TrainingError
from modelops.inference.chat import Chat, Tokens

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Example:
    """One record, tokenized."""

    id: str
    tokens: Tokens

    @property
    def length(self) -> int:
        """Tokens of prompt and completion."""
        return len(self.tokens.prompt) + len(self.tokens.completion)


@dataclass(frozen=True, slots=True)
class Tensors:
    """A batch as the model reads it."""

    ids: torch.Tensor
    """Shape (rows, longest), padded on the right."""
    where: torch.Tensor
    """Positions, in the flattened batch, whose next token is supervised; shape (supervised,)."""
    targets: torch.Tensor
    """Those next tokens, shape (supervised,)."""


def read_examples(path: Path, chat: Chat) -> list[Example]:
    """Every record of the Parquet file at `path`, in its order.

    Raises TrainingError when there is no record, or none has a token to learn.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["id", "prompt", "completion"]).to_pydict()
    tokens = chat.pairs(table["prompt"], table["completion"])
    if not any(text.strip() for text in table["completion"]):
        raise TrainingError(
            f"{path.name} has no supervised token: {len(tokens)} records, every completion "
            "empty. Check the sources and the rejects table of the corpus."
        )
    return [Example(id_, pair) for id_, pair in zip(table["id"], tokens, strict=True)]


def check_lengths(examples: Sequence[Example], limit: int) -> None:
    """TrainingError when a record has more tokens than the base has positions."""
    longest = max(examples, key=lambda example: example.length)
    if longest.length > limit:
        raise TrainingError(
            f"Record {longest.id[:12]} has {longest.length} tokens and the base reads {limit}: "
            "set a length limit in the `corpus` section."
        )


def collate(examples: Sequence[Example], device: str) -> Tensors:
    """Tensors of a batch; a pad repeats id 0, and no real token ever sees one."""
    import numpy as np
    import torch

    longest = max(example.length for example in examples)
    ids = np.zeros((len(examples), longest), dtype=np.int64)
    where = []
    for row, example in enumerate(examples):
        ids[row, : example.length] = example.tokens.ids
        first = row * longest + len(example.tokens.prompt) - 1
        where.append(np.arange(first, first + len(example.tokens.completion)))
    positions = np.concatenate(where)
    targets = ids.reshape(-1)[positions + 1]
    parts = (torch.from_numpy(part).to(device) for part in (ids, positions, targets))
    return Tensors(*parts)

"""How likely given answers are: their log-probabilities, in batches of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelops.inference.chat import Tokens
from modelops.inference.network import Network

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 4096
"""Most tokens of one batch, padding included."""


@dataclass(frozen=True, slots=True)
class Score:
    """Log-probability of one answer."""

    total: float
    """Sum over its tokens, in nats."""
    tokens: int

    @property
    def mean(self) -> float:
        """Per token, in nats."""
        return self.total / self.tokens


def score(network: Network, pairs: Sequence[Tokens]) -> list[Score]:
    """The score of each pair, in the order of `pairs`; call it under `torch.inference_mode`."""
    scores: dict[int, Score] = {}
    for rows in _batches([len(pair.ids) for pair in pairs]):
        for row, total in zip(rows, _totals(network, [pairs[r] for r in rows]), strict=True):
            scores[row] = Score(total, len(pairs[row].completion))
    return [scores[row] for row in range(len(pairs))]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    while order:
        size = max(1, BATCH_TOKENS // lengths[order[0]])
        yield order[:size]
        order = order[size:]


def _totals(network: Network, pairs: Sequence[Tokens]) -> list[float]:
    import torch

    longest = max(len(pair.ids) for pair in pairs)
    padded = torch.tensor([pair.ids + [0] * (longest - len(pair.ids)) for pair in pairs])
    hidden = network.trunk(input_ids=padded.to(network.device), use_cache=False).last_hidden_state
    return [_total(network, row, pair) for row, pair in zip(hidden, pairs, strict=True)]


def _total(network: Network, hidden: torch.Tensor, pair: Tokens) -> float:
    """Sum of log p(token) over the completion; `hidden` is (length, width) of the whole row."""
    import torch

    first, count = len(pair.prompt) - 1, len(pair.completion)
    logits = (hidden[first : first + count] @ network.head.t()).float()
    wanted = torch.tensor(pair.completion, device=logits.device).unsqueeze(1)
    return float((logits.gather(1, wanted).squeeze(1) - logits.logsumexp(-1)).sum())

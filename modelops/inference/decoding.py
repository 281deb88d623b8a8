"""Greedy decoding of many prompts: a full batch at every step, until no prompt is left.

Prompts share the computation of the tokens they all begin with. The longest prompts come first, a
finished answer leaves the batch at once, and waiting prompts take the places that become free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelops.errors import BaseModelError
from modelops.inference.network import Network

if TYPE_CHECKING:
    import torch

    from modelops.inference.kvcache import Slots

REFILL = 8
"""Free places after which waiting prompts are read together: a pass over one alone is slow."""

PREFILL_TOKENS = 4096
"""Most tokens of prompts, padding included, that are read in one pass."""


@dataclass
class Answer:
    """An answer in progress."""

    index: int
    """Place of its prompt among the prompts."""
    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0


class Decoder:
    """One call's worth of decoding."""

    def __init__(self, network: Network, stop_ids: frozenset[int], rows: int) -> None:
        self._network, self._stop_ids, self._capacity = network, stop_ids, rows
        self._active: list[Answer] = []
        self.generated = 0
        """Tokens generated so far."""

    def run(self, prompts: Sequence[list[int]], limit: int) -> Iterator[tuple[int, Answer]]:
        """Yield (index of the prompt, answer) as answers end; `limit` is the most tokens of one."""
        if not prompts:
            return
        self._check_room(prompts, limit)
        shared = _shared(prompts)
        waiting = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        slots = self._open_slots(prompts[0][:shared], len(prompts))
        while waiting or self._active:
            free = slots.capacity - len(self._active)
            if waiting and (free >= min(REFILL, len(waiting)) or not self._active):
                group = _group(waiting, prompts, shared, free)
                self._prefill(slots, group, [prompts[index][shared:] for index in group])
            else:
                self._advance(slots)
            yield from self._finished(slots, limit)

    def _check_room(self, prompts: Sequence[list[int]], limit: int) -> None:
        longest, room = max(map(len, prompts)), self._network.positions
        if longest + limit > room:
            raise BaseModelError(
                f"A prompt of {longest} tokens and an answer of up to {limit} do not fit into the "
                f"{room} tokens that {self._network.base.name} reads: ask for a shorter answer, "
                "show fewer examples, or shorten the prompt."
            )

    def _open_slots(self, prefix: list[int], prompts: int) -> Slots:
        from modelops.inference.kvcache import Slots

        capacity = min(self._capacity, prompts)
        if not prefix:
            return Slots(capacity, self._network.device)
        slots = Slots(1, self._network.device)
        slots.begin_prefill([len(prefix)])
        self._forward([prefix], slots, 0)
        slots.keep_as_prefix(capacity)
        return slots

    def _prefill(self, slots: Slots, group: list[int], prompts: list[list[int]]) -> None:
        """Read the prompts of `group` and choose the first token of each answer."""
        import torch

        slots.begin_prefill([len(ids) for ids in prompts])
        hidden = self._forward(prompts, slots, slots.prefix)
        last = torch.tensor([len(ids) - 1 for ids in prompts], device=hidden.device)
        new = [Answer(index) for index in group]
        self._active += new
        rows = torch.arange(len(prompts), device=hidden.device)
        self._choose(hidden[rows, last], new)

    def _forward(self, prompts: list[list[int]], slots: Slots, offset: int) -> torch.Tensor:
        import torch

        longest = max(len(ids) for ids in prompts)
        device = self._network.device
        rows = [ids + [0] * (longest - len(ids)) for ids in prompts]
        padded = torch.tensor(rows, device=device)
        positions = torch.arange(offset, offset + longest, device=device).unsqueeze(0)
        return self._network.trunk(
            input_ids=padded, position_ids=positions, use_cache=False, slots=slots
        ).last_hidden_state

    def _advance(self, slots: Slots) -> None:
        """One more token for every active answer."""
        import torch

        last = [[answer.ids[-1]] for answer in self._active]
        ids = torch.tensor(last, device=self._network.device)
        positions = slots.begin_decode(self._network.head.dtype)
        hidden = self._network.trunk(
            input_ids=ids, position_ids=positions, use_cache=False, slots=slots
        ).last_hidden_state
        self._choose(hidden[:, 0], self._active)

    def _choose(self, hidden: torch.Tensor, answers: list[Answer]) -> None:
        """Append the most likely token to each of `answers`; `hidden` is (answers, width)."""
        logits = (hidden @ self._network.head.t()).float()
        best, ids = logits.max(-1)
        logprobs = (best - logits.logsumexp(-1)).tolist()
        for answer, token, logprob in zip(answers, ids.tolist(), logprobs, strict=True):
            answer.ids.append(token)
            answer.logprob += logprob
        self.generated += len(answers)

    def _finished(self, slots: Slots, limit: int) -> Iterator[tuple[int, Answer]]:
        """Yield and drop the answers that have ended."""
        for row in range(len(self._active) - 1, -1, -1):
            answer = self._active[row]
            if answer.ids[-1] in self._stop_ids or len(answer.ids) >= limit:
                slots.drop(row)
                last = self._active.pop()
                if row < len(self._active):
                    self._active[row] = last
                yield answer.index, answer


def _shared(prompts: Sequence[list[int]]) -> int:
    """Tokens that all prompts begin with; at least one token of each prompt stays its own."""
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)  # all others lie between these two
    limit = min(len(ids) for ids in prompts) - 1
    return next((i for i in range(limit) if first[i] != last[i]), limit)


def _group(waiting: list[int], prompts: Sequence[list[int]], shared: int, free: int) -> list[int]:
    """Take the longest waiting prompts that fit into `free` places and one pass."""
    longest = len(prompts[waiting[-1]]) - shared
    size = max(1, min(free, PREFILL_TOKENS // longest))
    return [waiting.pop() for _ in range(min(size, len(waiting)))]

"""Which records meet in which step: a function of lengths, seed and step."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from modelops.training.recipe import Budget


class Plan:
    """The batches of a whole run.

    An epoch is shuffled, sorted by length (ties stay shuffled), cut into batches of at most
    `batch_tokens` tokens after padding, and the batches are shuffled. A record longer than that
    is a batch of its own.
    """

    def __init__(
        self, lengths: Sequence[int], *, batch_tokens: int, budget: Budget, seed: int
    ) -> None:
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._batch_tokens = batch_tokens
        self._seed = seed
        self._epoch = lru_cache(maxsize=2)(self._batches)
        self._ends: list[int] = []
        self.steps = self._count(budget)
        """Optimizer steps of the whole run."""

    def batch(self, step: int) -> tuple[int, ...]:
        """Rows of the batch of `step`, longest first; 0 <= step < steps."""
        epoch = next(e for e, end in enumerate(self._ends) if step < end)
        return self._epoch(epoch)[step - (self._ends[epoch - 1] if epoch else 0)]

    def tokens(self, step: int) -> int:
        """Tokens seen in `step`, padding not counted."""
        return int(self._lengths[list(self.batch(step))].sum())

    def _count(self, budget: Budget) -> int:
        """Walk epochs until the budget is met, remembering where each of them ends."""
        steps = tokens = epoch = 0
        while True:
            for batch in self._epoch(epoch):
                steps += 1
                tokens += int(self._lengths[list(batch)].sum())
                if steps == budget.steps or (budget.tokens and tokens >= budget.tokens):
                    self._ends.append(steps)
                    return steps
            self._ends.append(steps)
            epoch += 1

    def _batches(self, epoch: int) -> list[tuple[int, ...]]:
        draw = np.random.default_rng([self._seed, epoch])
        shuffled = draw.permutation(len(self._lengths))
        order = shuffled[np.argsort(-self._lengths[shuffled], kind="stable")]
        batches: list[tuple[int, ...]] = []
        start = 0
        while start < len(order):
            fit = max(1, self._batch_tokens // int(self._lengths[order[start]]))
            batches.append(tuple(int(row) for row in order[start : start + fit]))
            start += fit
        return [batches[i] for i in draw.permutation(len(batches))]

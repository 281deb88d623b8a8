"""The training loop: one batch, one loss, one step; stops, continues and reports on itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelops import progress
from modelops.errors import TrainingError
from modelops.inference.network import Network
from modelops.training import checkpoint
from modelops.training.checkpoint import Checkpoint
from modelops.training.examples import Example, collate
from modelops.training.learner import Learner
from modelops.training.parallel import World
from modelops.training.plan import Plan
from modelops.training.recipe import Adaptation
from modelops.training.schedule import learning_rate

if TYPE_CHECKING:
    import torch

STEP = "training"
"""Name of the step in reports."""


class Loop:
    """One run: the plan, the learner, and how far they have come."""

    def __init__(  # noqa: PLR0913 - what to fit, and where this process stands
        self,
        network: Network,
        examples: Sequence[Example],
        adaptation: Adaptation,
        *,
        folder: Path,
        fingerprint: str,
        world: World,
    ) -> None:
        self.network, self.examples, self.adaptation = network, examples, adaptation
        self.objective = OBJECTIVES[adaptation.objective]
        self.learner = Learner(network, adaptation)
        self.plan = Plan(
            [example.length for example in examples],
            batch_tokens=adaptation.batch_tokens,
            budget=adaptation.budget,
            seed=adaptation.seed,
        )
        self.rows: list[dict[str, float]] = []
        """The loss curve so far."""
        self.supervised = 0
        """Supervised tokens seen so far."""
        self._folder, self._fingerprint, self._world = folder, fingerprint, world

    @property
    def seconds(self) -> float:
        """Time spent in steps, over all processes that worked on this run one after another."""
        return self.rows[-1]["seconds"] if self.rows else 0.0

    def run(self, report: progress.Report) -> None:
        """Take every step that is left; checkpoints on the way and at the end.

        Raises TrainingError, naming the records, when a loss or a gradient is not finite; the last
        checkpoint stays.
        """
        first = self._resume()
        start = time.perf_counter() - self.seconds
        saved = time.perf_counter()
        for step in range(first, self.plan.steps):
            row = self._step(step)
            row["seconds"] = time.perf_counter() - start
            self.rows.append(row)
            if self._world.leads:
                self._report(report, first)
            if time.perf_counter() - saved > self.adaptation.checkpoint_every_s:
                self._save()
                saved = time.perf_counter()
        if self.plan.steps > first:
            self._save()

    def _step(self, step: int) -> dict[str, float]:
        """One optimizer step; returns its row of the curve."""
        batch = self.plan.batch(step)
        supervised = sum(len(self.examples[row].tokens.completion) for row in batch)
        mine = [self.examples[row] for row in self._world.share(batch)]
        loss = self._accumulate(mine, supervised)
        rate = learning_rate(
            step,
            self.plan.steps,
            peak=self.adaptation.learning_rate,
            warmup=self.adaptation.warmup,
        )
        norm = self.learner.norm()
        if not (abs(loss) < float("inf") and norm < float("inf")):
            raise self._not_finite(step, batch, loss)
        self.learner.step(rate, norm, self.adaptation.clip)
        self.supervised += supervised
        seen = self.rows[-1]["tokens"] if self.rows else 0
        tokens = seen + sum(self.examples[row].length for row in batch)
        return {"step": step + 1, "loss": loss, "lr": rate, "grad_norm": norm, "tokens": tokens}

    def _accumulate(self, mine: list[Example], supervised: int) -> float:
        """Mean loss of the whole batch; its gradient is in the learner afterwards."""
        loss = 0.0
        if mine:
            total = self.objective(self.network, mine) / supervised
            total.backward()
            loss = float(total.detach())
        message = self.learner.collect(loss)
        self._world.add_up(message)
        return float(message[-1])

    def _not_finite(self, step: int, batch: tuple[int, ...], loss: float) -> TrainingError:
        ids = ", ".join(self.examples[row].id[:12] for row in batch)
        return TrainingError(
            f"The loss is {loss} in step {step + 1}, or its gradient is not finite; nothing was "
            f"learnt from it and the last checkpoint stays. Records of the batch: {ids}. "
            "Lower `adaptation.learning_rate`, or look at these records."
        )

    def _resume(self) -> int:
        """Go back to the last checkpoint; returns the first step to take."""
        import torch

        found = checkpoint.load(self._folder, self._fingerprint)
        if found is None:
            return 0
        tensors = dict(found.tensors)
        torch.set_rng_state(tensors.pop("rng"))
        self.learner.restore(tensors)
        self.rows, self.supervised = found.progress["rows"], found.progress["supervised"]
        return found.step

    def _save(self) -> None:
        import torch

        if self._world.leads:
            tensors = self.learner.state() | {"rng": torch.get_rng_state()}
            plain: dict[str, Any] = {"rows": self.rows, "supervised": self.supervised}
            point = Checkpoint(len(self.rows), tensors, plain)
            checkpoint.save(self._folder, self._fingerprint, point)
        self._world.wait()

    def _report(self, report: progress.Report, first: int) -> None:
        row, done = self.rows[-1], len(self.rows)
        before = self.rows[first - 1] if first else {"tokens": 0.0, "seconds": 0.0}
        seconds = row["seconds"] - before["seconds"]
        pace = seconds / (done - first)
        numbers = {
            "loss": row["loss"],
            "tokens_per_s": (row["tokens"] - before["tokens"]) / seconds,
            "lr": row["lr"],
            "eta_s": pace * (self.plan.steps - done),
        }
        report(STEP, done, self.plan.steps, numbers)


def batch_loss(network: Network, examples: Sequence[Example]) -> torch.Tensor:
    """Sum of -log p over the supervised tokens of `examples`, in nats; a float32 scalar."""
    from modelops.training.loss import HeadLoss

    batch = collate(examples, network.device)
    hidden = network.trunk(input_ids=batch.ids, use_cache=False).last_hidden_state
    flat = hidden.flatten(0, 1)
    return HeadLoss.apply(flat, network.head, batch.where, batch.targets)


OBJECTIVES: Mapping[str, Callable[[Network, Sequence[Example]], torch.Tensor]] = {
    "supervised": batch_loss
}
"""What is learned, by the name a customization gives it: the summed loss of some examples."""

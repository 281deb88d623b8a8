"""The adapter while it learns: live weights in the model's type, fp32 masters in the optimizer.

All of it lies in flat tensors, so that clipping, the optimizer, the exchange between processes and
a checkpoint are one operation each.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

from modelops.inference.adapters import Pairs
from modelops.inference.network import Network
from modelops.training.recipe import Adaptation, Lora

if TYPE_CHECKING:
    import torch

    from modelops.inference.lora import LoraLinear


class Learner:
    """A new adapter on some layers of a network, and the AdamW that trains it."""

    def __init__(self, network: Network, adaptation: Adaptation) -> None:
        import torch

        self.layers = network.layers_of(network.targets(adaptation.lora.targets))
        self._rank = adaptation.lora.rank
        first = _first_weights(self.layers, self._rank, adaptation.seed)
        self.master = torch.nn.Parameter(first.to(network.device))
        self._live = self.master.detach().to(getattr(torch, network.dtype))
        self._parameters = self._attach(adaptation.lora)
        self._message = torch.zeros(len(first) + 1, device=network.device)
        self._slots = self._views(self._message)
        self.optimizer = torch.optim.AdamW(
            [self.master],
            lr=adaptation.learning_rate,
            weight_decay=adaptation.weight_decay,
            fused=True,
        )

    def collect(self, loss: float) -> torch.Tensor:
        """Move the gradients of the last backward pass into one flat fp32 tensor, `loss` last.

        The tensor is the learner's own: what is added to it is what `step` uses.
        """
        for parameter, slot in zip(self._parameters, self._slots, strict=True):
            if parameter.grad is None:
                slot.zero_()
            else:
                slot.copy_(parameter.grad)
            parameter.grad = None
        self._message[-1] = loss
        return self._message

    def norm(self) -> float:
        """Length of the gradient."""
        return float(self._message[:-1].norm())

    def step(self, rate: float, norm: float, clip: float) -> None:
        """One optimizer step at learning rate `rate`, the gradient scaled down to `clip`."""
        import torch

        gradient = self._message[:-1]
        if norm > clip:
            gradient.mul_(clip / norm)
        self.master.grad = gradient
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        with torch.no_grad():
            self._live.copy_(self.master)

    def pairs(self) -> Pairs:
        """The adapter's tensors by layer, fp32."""
        views = iter(self._views(self.master.detach()))
        return {name: (next(views), next(views)) for name in self.layers}

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that the next step depends on, as flat tensors."""
        import torch

        kept: dict[str, Any] = self.optimizer.state.get(self.master, {})
        zero = torch.zeros_like(self.master)
        return {
            "master": self.master.detach(),
            "exp_avg": kept.get("exp_avg", zero),
            "exp_avg_sq": kept.get("exp_avg_sq", zero),
            "step": kept.get("step", torch.zeros(())).reshape(1),
        }

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from what `state` returned."""
        import torch

        device = self.master.device
        with torch.no_grad():
            self.master.copy_(state["master"])
            self._live.copy_(self.master)
        self.optimizer.state[self.master] = {
            "step": state["step"].reshape(()).clone(),
            "exp_avg": state["exp_avg"].to(device).clone(),
            "exp_avg_sq": state["exp_avg_sq"].to(device).clone(),
        }

    def _attach(self, lora: Lora) -> list[torch.nn.Parameter]:
        """Give every layer its update: parameters that are views of the flat live weights."""
        import torch

        from modelops.inference.lora import Update

        parameters = [torch.nn.Parameter(view) for view in self._views(self._live)]
        for index, layer in enumerate(self.layers.values()):
            a, b = parameters[2 * index : 2 * index + 2]
            layer.update = Update(a, b, lora.alpha / lora.rank, lora.dropout)
        return parameters

    def _views(self, flat: torch.Tensor) -> list[torch.Tensor]:
        views, start = [], 0
        for layer in self.layers.values():
            outputs, inputs = layer.weight.shape
            for shape in ((self._rank, inputs), (outputs, self._rank)):
                stop = start + shape[0] * shape[1]
                views.append(flat[start:stop].view(shape))
                start = stop
        return views


def _first_weights(layers: dict[str, LoraLinear], rank: int, seed: int) -> torch.Tensor:
    """A uniform within 1 / sqrt(inputs), as PEFT draws it, and B zero; flat, fp32."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    parts = []
    for layer in layers.values():
        outputs, inputs = layer.weight.shape
        a = torch.empty(rank * inputs).uniform_(-1 / sqrt(inputs), 1 / sqrt(inputs), generator=draw)
        parts += [a, torch.zeros(outputs * rank)]
    return torch.cat(parts)

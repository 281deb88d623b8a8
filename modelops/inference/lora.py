"""The layer that carries an adapter: a frozen linear layer and, when one is set, a low-rank update.

Training and inference use this one layer, so what is trained is what answers. Imported inside
functions only, because it needs torch to define its classes.
"""

from dataclasses import dataclass
from typing import Any

import torch  # noqa: TID253
from torch.nn import functional as F  # noqa: TID253


@dataclass
class Update:
    """The low-rank update of one layer: y += scale * (x A') B'."""

    a: torch.Tensor
    """Shape (rank, inputs)."""
    b: torch.Tensor
    """Shape (outputs, rank)."""
    scale: float
    """alpha / rank."""
    dropout: float = 0.0
    """On the input of the update, while gradients are recorded."""


class LoraLinear(torch.nn.Linear):
    """A linear layer whose update can be set, exchanged and removed at any time."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        torch.nn.Module.__init__(self)  # the weights exist; Linear would draw new ones
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = linear.weight
        self.bias = linear.bias
        self.update: Update | None = None

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(..., inputs) to (..., outputs)."""
        x, update = input, self.update
        if update is None:
            return F.linear(x, self.weight, self.bias)
        if not torch.is_grad_enabled():
            return _forward(x, self.weight, self.bias, update.a, update.b, update.scale)[0]
        if update.dropout:
            dropped = F.dropout(x, update.dropout)
            low = F.linear(F.linear(dropped, update.a), update.b)
            return F.linear(x, self.weight, self.bias) + update.scale * low
        return FusedLora.apply(x, self.weight, self.bias, update.a, update.b, update.scale)


def _forward(  # noqa: PLR0913 - the layer and its update, spelled out for autograd
    x: torch.Tensor, weight: torch.Tensor, bias: Any, a: torch.Tensor, b: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    y = F.linear(x, weight, bias)
    low = F.linear(x, a)
    y.view(-1, y.shape[-1]).addmm_(low.view(-1, low.shape[-1]), b.t(), alpha=scale)
    return y, low


class FusedLora(torch.autograd.Function):
    """The update added in place, both ways: no tensor of the layer's size is made twice."""

    @staticmethod
    def forward(  # noqa: PLR0913 - autograd wants tensors as arguments of their own
        ctx: Any, x: Any, weight: Any, bias: Any, a: Any, b: Any, scale: float
    ) -> torch.Tensor:
        """x W' + bias + scale * (x A') B'."""
        y, low = _forward(x, weight, bias, a, b, scale)
        ctx.save_for_backward(x, weight, a, b, low)
        ctx.scale = scale
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """Gradients of x, A and B; the layer itself is frozen."""
        x, weight, a, b, low = ctx.saved_tensors
        g = grads[0].flatten(0, -2)
        dlow = torch.mm(g, b).mul_(ctx.scale)
        db = torch.mm(g.t(), low.view(-1, low.shape[-1])).mul_(ctx.scale)
        da = torch.mm(dlow.t(), x.reshape(-1, x.shape[-1]))
        dx = None
        if ctx.needs_input_grad[0]:
            dx = torch.mm(g, weight).addmm_(dlow, a).view(x.shape)
        return dx, None, None, da, db, None


def install(model: torch.nn.Module, names: list[str]) -> dict[str, LoraLinear]:
    """Replace the linear layers called `names` by LoraLinear, in place; returns them by name."""
    layers = {}
    for name in names:
        parent, _, leaf = name.rpartition(".")
        holder = model.get_submodule(parent)
        layer = LoraLinear(getattr(holder, leaf))
        setattr(holder, leaf, layer)
        layers[name] = layer
    return layers

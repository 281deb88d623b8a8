"""Small computations of a layer, with their gradients written out: fewer passes over memory.

A module is exchanged only when it computes the same as the formula here on a random probe, so an
architecture that differs keeps its own code. Imported inside functions only: it needs torch.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch  # noqa: TID253
from torch.nn import functional as F  # noqa: TID253

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}
"""Largest difference on the probe, relative to the largest value."""


class RootMeanSquare(torch.autograd.Function):
    """x / sqrt(mean(x^2) + eps) * weight over the last dimension; the weight is frozen."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        """Statistics in fp32; rounded to x's type before the weight, as transformers does."""
        wide = x.float()
        inverse = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        inverse.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        normal = (wide * inverse).to(x.dtype)
        ctx.save_for_backward(normal, inverse, weight)
        return normal * weight

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """Gradient of x."""
        normal, inverse, weight = ctx.saved_tensors
        grad = grads[0] * weight
        along = (grad * normal).sum(-1, keepdim=True, dtype=torch.float32)
        along.div_(-normal.shape[-1])
        dx = torch.addcmul(grad.float(), normal.float(), along).mul_(inverse)
        return dx.to(normal.dtype), None, None


class Gate(torch.autograd.Function):
    """silu(gate) * up; keeps its inputs and nothing between."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        """Elementwise."""
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """Gradients of gate and up."""
        gate, up = ctx.saved_tensors
        return torch.ops.aten.silu_backward(grads[0] * up, gate), F.silu(gate).mul_(grads[0])


def fuse(model: torch.nn.Module) -> int:
    """Exchange what can be exchanged in `model`, in place; returns the number of modules."""
    return sum(_exchange(module) for module in model.modules())


def _exchange(module: Any) -> bool:
    forward, width = _fused(module)
    if forward is None:
        return False
    weight = next(module.parameters())
    draw = torch.Generator().manual_seed(0)
    probe = torch.randn(2, 3, width, generator=draw).to(weight)
    with torch.no_grad():
        ours, theirs = forward(probe), module(probe)
    if (ours - theirs).abs().max() > TOLERANCE[weight.dtype] * theirs.abs().max():
        return False
    module.forward = forward
    return True


def _fused(module: Any) -> tuple[Callable[[torch.Tensor], torch.Tensor] | None, int]:
    """Our way to compute `module` and the width of its input; None for modules left alone."""
    if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
        return partial(_normalise, module), module.weight.shape[-1]
    if all(hasattr(module, part) for part in ("gate_proj", "up_proj", "down_proj", "act_fn")):
        return partial(_feed_forward, module), module.gate_proj.in_features
    return None, 0


def _normalise(module: Any, x: torch.Tensor) -> torch.Tensor:
    return RootMeanSquare.apply(x, module.weight, module.variance_epsilon)


def _feed_forward(module: Any, x: torch.Tensor) -> torch.Tensor:
    return module.down_proj(Gate.apply(module.gate_proj(x), module.up_proj(x)))

"""Attention and low-rank layers written out by hand agree with torch's own, gradients included."""

from collections.abc import Callable

import pytest
import torch  # noqa: TID253
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: TID253

from modelops.errors import BaseModelError
from modelops.inference import attention
from modelops.inference.attention import CausalAttention, attend
from modelops.inference.fuse import fuse
from modelops.inference.lora import LoraLinear, Update


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def reference(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    return out.transpose(1, 2)


@settings(max_examples=20, deadline=None)
@given(
    batch=st.integers(1, 3),
    groups=st.integers(1, 3),
    repeat=st.integers(1, 3),
    length=st.integers(1, 210),
)
def test_attention_and_its_gradients_are_torchs(batch: int, groups: int, repeat: int, length: int):
    q = draw(batch, groups * repeat, length, 8, seed=1)
    k, v = (draw(batch, groups, length, 8, seed=s) for s in (2, 3))
    grad = torch.randn(batch, length, groups * repeat, 8)

    ours, theirs = CausalAttention.apply(q, k, v, 0.4), reference(q, k, v, 0.4)

    assert torch.allclose(ours, theirs, atol=1e-5)
    mine, wanted = (torch.autograd.grad(out, (q, k, v), grad) for out in (ours, theirs))
    for one, other in zip(mine, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_long_sequences_compute_their_weights_again(monkeypatch: pytest.MonkeyPatch):
    q, k, v = draw(1, 4, 150, 8, seed=1), draw(1, 2, 150, 8, seed=2), draw(1, 2, 150, 8, seed=3)
    kept = torch.autograd.grad(CausalAttention.apply(q, k, v, 0.4).sum(), (q, k, v))
    monkeypatch.setattr(attention, "KEEP_UP_TO", 100)

    again = torch.autograd.grad(CausalAttention.apply(q, k, v, 0.4).sum(), (q, k, v))

    assert all(torch.equal(one, other) for one, other in zip(kept, again, strict=True))


def test_transposed_views_are_welcome():
    q = draw(2, 30, 4, 8, seed=1).transpose(1, 2)
    k, v = (draw(2, 30, 2, 8, seed=s).transpose(1, 2) for s in (2, 3))

    assert torch.allclose(CausalAttention.apply(q, k, v, 1.0), reference(q, k, v, 1.0), atol=1e-5)


@pytest.mark.parametrize("strange", [{"softcap": 50.0}, {"sliding_window": 4}, {"dropout": 0.1}])
def test_attention_it_cannot_compute_is_refused(strange):
    q, k, v = draw(1, 2, 6, 4), draw(1, 2, 6, 4), draw(1, 2, 6, 4)

    with pytest.raises(BaseModelError, match=next(iter(strange))):
        attend(torch.nn.Module(), q, k, v, None, scaling=1.0, **strange)


def test_a_window_longer_than_the_text_is_no_window():
    q, k, v = draw(1, 2, 6, 4), draw(1, 2, 6, 4, seed=1), draw(1, 2, 6, 4, seed=2)
    windowed, _ = attend(torch.nn.Module(), q, k, v, None, scaling=1.0, sliding_window=6)

    assert torch.allclose(windowed, reference(q, k, v, 1.0), atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
def test_the_low_rank_layer_and_its_gradients_are_the_formula(bias: bool):
    layer = LoraLinear(torch.nn.Linear(12, 20, bias=bias))
    x, a, b = draw(2, 5, 12, seed=1), draw(3, 12, seed=2), draw(20, 3, seed=3)
    layer.update = Update(a, b, 2.0)
    grad = torch.randn(2, 5, 20)

    ours = layer(x)
    theirs = F.linear(x, layer.weight, layer.bias) + 2.0 * F.linear(F.linear(x, a), b)

    assert torch.allclose(ours, theirs, atol=1e-5)
    mine, wanted = (torch.autograd.grad(out, (x, a, b), grad) for out in (ours, theirs))
    for one, other in zip(mine, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    with torch.no_grad():
        assert torch.allclose(layer(x), theirs, atol=1e-5)


def test_dropout_acts_on_the_update_alone():
    layer = LoraLinear(torch.nn.Linear(12, 20))
    x = draw(4, 12, seed=1)
    layer.update = Update(draw(3, 12, seed=2), draw(20, 3, seed=3), 2.0, dropout=0.5)
    torch.manual_seed(1)
    first, second = layer(x), layer(x)
    layer.update.b = torch.zeros(20, 3)

    assert not torch.equal(first, second)
    assert torch.allclose(layer(x), F.linear(x, layer.weight, layer.bias))


class RMSNorm(torch.nn.Module):
    """As transformers writes it; `shift` is what Gemma adds to the weight."""

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(0.5, 2, 12))
        self.variance_epsilon, self.shift = 1e-5, shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return (self.weight + self.shift) * (x * scale)


class FeedForward(torch.nn.Module):
    """A gated feed-forward layer."""

    def __init__(self, act_fn: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = torch.nn.Linear(12, 20), torch.nn.Linear(12, 20)
        self.down_proj, self.act_fn = torch.nn.Linear(20, 12), act_fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


@pytest.mark.parametrize("module", [RMSNorm(), FeedForward(F.silu)])
def test_a_fused_module_and_its_gradient_are_the_original(module: torch.nn.Module):
    x, grad = draw(3, 5, 12, seed=4), torch.randn(3, 5, 12)
    wanted = module(x)
    (wanted_dx,) = torch.autograd.grad(wanted, x, grad)

    assert fuse(module) == 1

    assert torch.allclose(module(x), wanted, atol=1e-5)
    (dx,) = torch.autograd.grad(module(x), x, grad)
    assert torch.allclose(dx, wanted_dx, atol=1e-5)


@pytest.mark.parametrize("module", [RMSNorm(shift=1.0), FeedForward(F.gelu)])
def test_a_module_that_computes_something_else_keeps_its_own_code(module: torch.nn.Module):
    assert fuse(module) == 0


def test_without_an_update_it_is_the_layer_it_was():
    linear = torch.nn.Linear(12, 20)

    assert torch.equal(LoraLinear(linear)(draw(3, 12)), linear(draw(3, 12)))

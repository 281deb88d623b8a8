"""A base in memory with a place for an adapter on every linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelops.bases.architecture import resolve_targets
from modelops.bases.card import Base
from modelops.bases.loading import load_model
from modelops.errors import AdapterError, BaseModelError
from modelops.inference.hardware import best_device, best_dtype

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from modelops.inference.lora import LoraLinear

TOLERANCE = 1e-2
"""Largest difference of our logits from the model's own, relative to the largest logit."""


@dataclass
class Network:
    """A frozen base model, its layers that can carry an update, and its parts used one by one."""

    base: Base
    model: PreTrainedModel
    layers: dict[str, LoraLinear]
    """Linear layers by name, the output layer excepted."""
    device: str
    dtype: str

    @property
    def positions(self) -> int:
        """Most tokens that the base reads at once, the answer included."""
        return self.model.config.max_position_embeddings

    @property
    def trunk(self) -> torch.nn.Module:
        """Everything before the output layer; gives the last hidden state."""
        return self.model.base_model

    @property
    def head(self) -> torch.Tensor:
        """Weight of the output layer, shape (vocabulary, hidden)."""
        return self.model.get_output_embeddings().weight

    def targets(self, role: str) -> list[str]:
        """Endings of the layer names that play `role`, as PEFT's configuration lists them."""
        return resolve_targets(self.model, role)

    def layers_of(self, endings: list[str]) -> dict[str, LoraLinear]:
        """The layers whose names have one of `endings`; AdapterError when an ending has none."""
        chosen = {
            name: layer
            for name, layer in self.layers.items()
            if any(name == end or name.endswith(f".{end}") for end in endings)
        }
        for end in endings:
            if not any(name == end or name.endswith(f".{end}") for name in chosen):
                raise AdapterError(
                    f"{self.base.name} has no linear layer called {end}: the adapter was made for "
                    "another base; fit it again on this one."
                )
        return chosen


def open_network(base: Base, *, device: str | None = None, dtype: str | None = None) -> Network:
    """Load `base` frozen; `device` and `dtype` default to the best this machine has.

    Raises BaseModelError when the base computes its logits in a way that is not supported.
    """
    import torch

    from modelops.inference.attention import register
    from modelops.inference.fuse import fuse
    from modelops.inference.lora import install

    device = device or best_device()
    dtype = dtype or best_dtype(device)
    model = load_model(base, dtype=dtype, device=device)
    model.requires_grad_(False)
    model.set_attn_implementation(register())
    head = model.get_output_embeddings()
    linear = [n for n, m in model.named_modules() if type(m) is torch.nn.Linear and m is not head]
    network = Network(base, model, install(model, linear), device, dtype)
    fuse(model)
    _check_head(network)
    return network


def _check_head(network: Network) -> None:
    """The output layer must be a plain product: no bias, scale or cap is applied elsewhere."""
    import torch

    ids = torch.arange(1, 9, device=network.device).unsqueeze(0)
    with torch.inference_mode():
        hidden = network.trunk(input_ids=ids, use_cache=False).last_hidden_state
        ours = (hidden @ network.head.t()).float()
        theirs = network.model(input_ids=ids, use_cache=False).logits.float()
    if (ours - theirs).abs().max() > TOLERANCE * theirs.abs().max():
        raise BaseModelError(
            f"{network.base.name} scales, shifts or caps its logits after the output layer, which "
            "is not supported: choose another base."
        )

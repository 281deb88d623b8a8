"""The names that one architecture gives to layers of a role; a customization knows roles only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from modelops.errors import BaseModelError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

Role = Literal["all-linear", "attention", "mlp"]
Names = tuple[str, ...]

_SPLIT: Names = ("q_proj", "k_proj", "v_proj", "o_proj")
_GATED: Names = ("gate_proj", "up_proj", "down_proj")

KNOWN: Mapping[str, tuple[Names, Names]] = {
    **dict.fromkeys(
        ("llama", "mistral", "qwen2", "qwen3", "smollm3", "olmo", "olmo2", "granite", "cohere"),
        (_SPLIT, _GATED),
    ),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "stablelm"), (_SPLIT, _GATED)),
    "phi": (("q_proj", "k_proj", "v_proj", "self_attn.dense"), ("fc1", "fc2")),
    "phi3": (("qkv_proj", "o_proj"), ("gate_up_proj", "down_proj")),
    "starcoder2": (_SPLIT, ("c_fc", "c_proj")),
    "gpt2": (("c_attn", "attn.c_proj"), ("c_fc", "mlp.c_proj")),
    "gpt_neox": (("query_key_value", "attention.dense"), ("dense_h_to_4h", "dense_4h_to_h")),
    "opt": (("q_proj", "k_proj", "v_proj", "out_proj"), ("fc1", "fc2")),
}
"""Model type -> module names of the attention and of the feed-forward layers."""

ATTENTION_WORDS = ("attn", "attention")
MLP_WORDS = ("mlp", "feed_forward", "ffn", "expert", "fc")


@dataclass(frozen=True, slots=True)
class _Layers:
    """The modules of one architecture, by name."""

    model_type: str
    every: frozenset[str]
    linear: frozenset[str]
    """Linear layers except the output layer."""


def resolve_targets(model: PreTrainedModel | PretrainedConfig, role: str) -> list[str]:
    """Endings of the names of the modules that play `role`, as PEFT's `target_modules` wants them.

    Every ending matches linear layers only, and never embeddings or the output layer. The table
    is used where it covers the model's linear layers exactly; any other architecture is read off
    its module names. Raises BaseModelError when `role` is unknown or nothing plays it.
    """
    if role not in get_args(Role):
        raise BaseModelError(f"`{role}` is no role of layers; use {_either(get_args(Role))}.")
    layers = _layers(model)
    roles = _roles_from_table(layers) or _roles_from_names(layers)
    chosen = {"attention": roles[0], "mlp": roles[1], "all-linear": layers.linear}[role]
    if not chosen:
        others = [other for other in get_args(Role) if other != role]
        raise BaseModelError(
            f"No layer of a {layers.model_type} model plays the role `{role}`; "
            f"use {_either(others)}."
        )
    return sorted({_ending(name, chosen, layers.every) for name in chosen})


def _layers(model: PreTrainedModel | PretrainedConfig) -> _Layers:
    import torch
    from transformers import AutoModelForCausalLM, PretrainedConfig
    from transformers.pytorch_utils import Conv1D

    if isinstance(model, PretrainedConfig):
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(model, trust_remote_code=False)
    output = model.get_output_embeddings()
    modules = {name: module for name, module in model.named_modules() if name}
    return _Layers(
        model_type=model.config.model_type,
        every=frozenset(modules),
        linear=frozenset(
            name
            for name, module in modules.items()
            if isinstance(module, torch.nn.Linear | Conv1D) and module is not output
        ),
    )


def _roles_from_table(layers: _Layers) -> tuple[frozenset[str], frozenset[str]] | None:
    """Attention and feed-forward layers, if the table accounts for every linear layer."""
    attention, mlp = (
        frozenset(name for name in layers.linear if any(_ends(name, end) for end in endings))
        for endings in KNOWN.get(layers.model_type, ((), ()))
    )
    exact = attention and mlp and not attention & mlp and attention | mlp == layers.linear
    return (attention, mlp) if exact else None


def _roles_from_names(layers: _Layers) -> tuple[frozenset[str], frozenset[str]]:
    attention = frozenset(name for name in layers.linear if _speaks_of(name, ATTENTION_WORDS))
    mlp = frozenset(name for name in layers.linear - attention if _speaks_of(name, MLP_WORDS))
    return attention, mlp


def _ending(name: str, chosen: frozenset[str], every: frozenset[str]) -> str:
    """The shortest ending of `name` that selects chosen modules only."""
    parts = name.split(".")
    endings = (".".join(parts[-length:]) for length in range(1, len(parts)))
    unmistakable = (
        end for end in endings if all(other in chosen for other in every if _ends(other, end))
    )
    return next(unmistakable, name)


def _ends(name: str, ending: str) -> bool:
    return name == ending or name.endswith(f".{ending}")


def _speaks_of(name: str, words: Names) -> bool:
    return any(word in part for part in name.split(".") for word in words)


def _either(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)

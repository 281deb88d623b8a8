"""The adapter on disk, in PEFT's format, written and read strictly: every tensor has its place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelops.errors import AdapterError

if TYPE_CHECKING:
    import torch

    from modelops.inference.network import Network

WEIGHTS_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"

PLAIN: dict[str, Any] = {
    "bias": "none",
    "fan_in_fan_out": False,
    "modules_to_save": None,
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "use_dora": False,
    "use_rslora": False,
}
"""The settings of PEFT that change what an adapter computes, as ours always are."""

VARIANTS = ("alpha_pattern", "rank_pattern", "layers_to_transform", "layer_replication")
"""Settings of PEFT that must be absent or empty."""


@dataclass(frozen=True)
class AdapterSpec:
    """What an adapter's configuration says."""

    base_id: str
    """Id of the base it was fitted on."""
    rank: int
    alpha: float
    targets: tuple[str, ...]
    """Endings of the names of the layers it changes."""
    dropout: float = 0.0
    """Used while fitting, recorded here, without effect on answers."""

    @property
    def scale(self) -> float:
        """Factor of the update."""
        return self.alpha / self.rank


Pairs = dict[str, tuple["torch.Tensor", "torch.Tensor"]]
"""Layer name -> (A, B), shapes (rank, inputs) and (outputs, rank)."""


def write_adapter(folder: Path, spec: AdapterSpec, pairs: Pairs) -> None:
    """Write configuration and weights into `folder`; the same values give the same bytes."""
    from safetensors.torch import save_file

    config = PLAIN | {
        "base_model_name_or_path": spec.base_id,
        "inference_mode": True,
        "lora_alpha": spec.alpha,
        "lora_dropout": spec.dropout,
        "r": spec.rank,
        "target_modules": sorted(spec.targets),
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / CONFIG_FILE).write_text(text, "utf-8")
    tensors = {}
    for name, (a, b) in pairs.items():
        tensors[_key(name, "A")] = a.detach().cpu().contiguous()
        tensors[_key(name, "B")] = b.detach().cpu().contiguous()
    save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})


def read_spec(folder: Path) -> AdapterSpec:
    """The configuration in `folder`; AdapterError when it is missing or not plain LoRA."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
        strange = [k for k, v in PLAIN.items() if config.get(k, v) != v]
        strange += [k for k in VARIANTS if config.get(k)]
        spec = AdapterSpec(
            base_id=str(config["base_model_name_or_path"]),
            rank=int(config["r"]),
            alpha=float(config["lora_alpha"]),
            targets=tuple(sorted(config["target_modules"])),
            dropout=float(config.get("lora_dropout", 0.0)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AdapterError(
            f"{CONFIG_FILE} cannot be read ({type(error).__name__}: {error}); "
            "fit the adapter again."
        ) from error
    if strange:
        raise AdapterError(
            f"{CONFIG_FILE} sets {', '.join(strange)}; only plain LoRA is supported."
        )
    return spec


def read_adapter(folder: Path, network: Network) -> tuple[AdapterSpec, Pairs]:
    """The adapter in `folder`, checked against the base in memory.

    Raises AdapterError when it was made for another base, a tensor is missing, left over, of a
    wrong shape or not finite, or when the adapter would change nothing.
    """
    spec = read_spec(folder)
    if spec.base_id != network.base.id:
        raise AdapterError(
            f"The adapter was fitted on {spec.base_id} and the base is {network.base.id}: "
            "load it on its own base, or fit it again."
        )
    tensors = _tensors(folder)
    layers = network.layers_of(list(spec.targets))
    _check_names(tensors, [_key(name, part) for name in layers for part in "AB"])
    pairs: Pairs = {}
    for name, layer in layers.items():
        outputs, inputs = layer.weight.shape
        a = _checked(tensors, _key(name, "A"), (spec.rank, inputs))
        b = _checked(tensors, _key(name, "B"), (outputs, spec.rank))
        pairs[name] = (a, b)
    refuse_without_effect(pairs)
    return spec, pairs


def refuse_without_effect(pairs: Pairs) -> None:
    """AdapterError unless some layer's update is different from zero."""
    if not any(bool(a.any()) and bool(b.any()) for a, b in pairs.values()):
        raise AdapterError(
            "Every update of the adapter is zero, so it would answer like the bare base: "
            "fit it for more steps or with a higher learning rate."
        )


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS_FILE)
    except (OSError, SafetensorError) as error:
        raise AdapterError(
            f"{WEIGHTS_FILE} cannot be read: {error}; fit the adapter again."
        ) from error


def _check_names(found: Iterable[str], wanted: Iterable[str]) -> None:
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    faults = [f"{len(missing)} missing, for example {missing[0]}"] if missing else []
    faults += [f"{len(extra)} unexpected, for example {extra[0]}"] if extra else []
    if faults:
        raise AdapterError(
            f"The adapter's tensors do not fit this base: {'; '.join(faults)}. Fit it again."
        )


def _checked(tensors: dict[str, Any], key: str, shape: tuple[int, ...]) -> torch.Tensor:
    tensor = tensors[key]
    if tuple(tensor.shape) != shape:
        raise AdapterError(
            f"{key} has shape {tuple(tensor.shape)} and the base with this rank needs {shape}: "
            "the configuration and the weights belong to different adapters."
        )
    if not bool(tensor.isfinite().all()):
        raise AdapterError(f"{key} holds values that are not finite: fit the adapter again.")
    return tensor


def _key(layer: str, part: str) -> str:
    return f"base_model.model.{layer}.lora_{part}.weight"

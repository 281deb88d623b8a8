"""Adapters are PEFT's to the letter, and read strictly."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch  # noqa: TID253
from safetensors.torch import load_file, save_file

from modelops.bases.loading import load_model
from modelops.digests import digest_file
from modelops.errors import AdapterError
from modelops.inference.adapters import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    AdapterSpec,
    Pairs,
    read_adapter,
    write_adapter,
)
from modelops.inference.engine import Engine
from modelops.inference.lora import Update
from modelops.inference.network import Network
from tests.factories import make_tiny_base

IDS = torch.tensor([[5, 9, 40, 77, 120, 3, 8]])


def test_what_is_written_is_what_is_read(
    network: Network, spec: AdapterSpec, pairs: Pairs, adapter: Path
):
    read_spec, read_pairs = read_adapter(adapter, network)

    assert read_spec == spec
    for name, (a, b) in pairs.items():
        assert torch.equal(read_pairs[name][0], a)
        assert torch.equal(read_pairs[name][1], b)


def test_the_same_adapter_is_the_same_bytes(tmp_path: Path, spec: AdapterSpec, pairs: Pairs):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        write_adapter(folder, spec, pairs)

    for name in (CONFIG_FILE, WEIGHTS_FILE):
        assert len({digest_file(folder / name) for folder in folders}) == 1


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_peft_loads_it_strictly_and_computes_the_same(
    network: Network, spec: AdapterSpec, pairs: Pairs, adapter: Path
):
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    theirs = get_peft_model(
        load_model(network.base, dtype="float32"), LoraConfig.from_pretrained(str(adapter))
    )
    loaded = set_peft_model_state_dict(theirs, load_file(adapter / WEIGHTS_FILE))
    for name, (a, b) in pairs.items():
        network.layers[name].update = Update(a, b, spec.scale)
    with torch.inference_mode():
        wanted = theirs(input_ids=IDS).logits
        ours = network.trunk(input_ids=IDS, use_cache=False).last_hidden_state @ network.head.t()

    assert [key for key in loaded.missing_keys if "lora_" in key] == []
    assert loaded.unexpected_keys == []
    assert torch.allclose(ours, wanted, atol=1e-4)


def damage(adapter: Path, change) -> None:
    tensors = load_file(adapter / WEIGHTS_FILE)
    change(tensors, sorted(tensors)[0])
    save_file(tensors, adapter / WEIGHTS_FILE)


def test_a_missing_tensor_is_refused(network: Network, adapter: Path):
    damage(adapter, lambda tensors, key: tensors.pop(key))

    with pytest.raises(AdapterError, match="1 missing, for example base_model"):
        read_adapter(adapter, network)


def test_an_unexpected_tensor_is_refused(network: Network, adapter: Path):
    damage(adapter, lambda tensors, key: tensors.update({"stray": torch.ones(1)}))

    with pytest.raises(AdapterError, match="1 unexpected, for example stray"):
        read_adapter(adapter, network)


def test_a_value_that_is_not_finite_is_refused(network: Network, adapter: Path):
    damage(adapter, lambda tensors, key: tensors[key].fill_(float("nan")))

    with pytest.raises(AdapterError, match="not finite"):
        read_adapter(adapter, network)


def test_an_adapter_that_changes_nothing_is_refused(network: Network, adapter: Path):
    damage(adapter, lambda tensors, key: [t.zero_() for n, t in tensors.items() if "lora_B" in n])

    with pytest.raises(AdapterError, match="would answer like the bare base"):
        read_adapter(adapter, network)


def test_a_rank_that_the_weights_do_not_have_is_refused(
    network: Network, spec: AdapterSpec, pairs: Pairs, tmp_path: Path
):
    write_adapter(tmp_path, replace(spec, rank=8), pairs)

    with pytest.raises(AdapterError, match="belong to different adapters"):
        read_adapter(tmp_path, network)


def test_an_adapter_of_another_base_is_refused(adapter: Path, tmp_path: Path):
    other = Engine(make_tiny_base(tmp_path, "other", seed=3), dtype="float32")

    with pytest.raises(AdapterError, match="was fitted on tiny@"):
        other.attach(adapter, "foreign")


def test_layers_that_the_base_does_not_have_are_refused(
    network: Network, spec: AdapterSpec, pairs: Pairs, tmp_path: Path
):
    write_adapter(tmp_path, replace(spec, targets=("wq",)), pairs)

    with pytest.raises(AdapterError, match="no linear layer called wq"):
        read_adapter(tmp_path, network)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("use_dora", True), ("use_rslora", True), ("rank_pattern", {"q_proj": 2}), ("bias", "all")],
)
def test_variants_of_lora_are_refused_by_name(network: Network, adapter: Path, setting, value):
    config = json.loads((adapter / CONFIG_FILE).read_text("utf-8")) | {setting: value}
    (adapter / CONFIG_FILE).write_text(json.dumps(config), "utf-8")

    with pytest.raises(AdapterError, match=f"sets {setting}"):
        read_adapter(adapter, network)


@pytest.mark.parametrize("text", ["", "[]", '{"r": 4}'])
def test_a_broken_configuration_is_refused(network: Network, adapter: Path, text: str):
    (adapter / CONFIG_FILE).write_text(text, "utf-8")

    with pytest.raises(AdapterError, match="cannot be read"):
        read_adapter(adapter, network)


def test_broken_weights_are_refused(network: Network, adapter: Path):
    (adapter / WEIGHTS_FILE).write_bytes(b"half a file")

    with pytest.raises(AdapterError, match="cannot be read"):
        read_adapter(adapter, network)

"""Roles of layers, on tiny models of many architectures made from their configurations."""

import pytest

from modelops.bases.architecture import KNOWN, resolve_targets
from modelops.errors import BaseModelError

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 128,
    "pad_token_id": 0,
}
SPLIT = ["k_proj", "o_proj", "q_proj", "v_proj"]
GATED = ["down_proj", "gate_proj", "up_proj"]
EXPECTED = {
    "llama": (SPLIT, GATED),
    "mistral": (SPLIT, GATED),
    "qwen2": (SPLIT, GATED),
    "qwen3": (SPLIT, GATED),
    "gemma2": (SPLIT, GATED),
    "gemma3_text": (SPLIT, GATED),
    "olmo2": (SPLIT, GATED),
    "phi3": (["o_proj", "qkv_proj"], ["down_proj", "gate_up_proj"]),
    "gpt2": (["attn.c_proj", "c_attn"], ["c_fc", "mlp.c_proj"]),
    "gpt_neox": (["dense", "query_key_value"], ["dense_4h_to_h", "dense_h_to_4h"]),
}


def tiny_config(model_type: str):
    from transformers import AutoConfig

    if model_type == "gpt2":
        return AutoConfig.for_model("gpt2", n_embd=32, n_layer=2, n_head=4, vocab_size=128)
    return AutoConfig.for_model(model_type, **TINY)


@pytest.mark.parametrize("model_type", EXPECTED)
def test_each_role_becomes_the_names_of_that_architecture(model_type: str):
    config = tiny_config(model_type)
    attention, mlp = EXPECTED[model_type]

    assert resolve_targets(config, "attention") == attention
    assert resolve_targets(config, "mlp") == mlp


@pytest.mark.parametrize("model_type", [*EXPECTED, *sorted(set(KNOWN) - set(EXPECTED)), "bloom"])
def test_all_linear_selects_every_linear_layer_but_the_output_layer(model_type: str):
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(tiny_config(model_type))
    targets = resolve_targets(model, "all-linear")
    selected = {
        name
        for name, _ in model.named_modules()
        if any(name == end or name.endswith(f".{end}") for end in targets)
    }
    linear = {
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D)
    }

    assert linear - selected <= {"lm_head", "embed_out"}
    assert selected <= linear - {"lm_head", "embed_out"}
    assert selected


@pytest.mark.parametrize("model_type", sorted(KNOWN))
def test_the_table_accounts_for_every_linear_layer_of_what_it_lists(model_type: str):
    from modelops.bases.architecture import _layers, _roles_from_names, _roles_from_table

    layers = _layers(tiny_config(model_type))

    assert _roles_from_table(layers) == _roles_from_names(layers)


def test_an_architecture_outside_the_table_is_read_off_its_module_names():
    config = tiny_config("bloom")

    assert resolve_targets(config, "attention") == ["dense", "query_key_value"]
    assert resolve_targets(config, "mlp") == ["dense_4h_to_h", "dense_h_to_4h"]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_peft_accepts_the_names_and_leaves_embeddings_alone():
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(tiny_config("gpt_neox"))
    targets = resolve_targets(model, "all-linear")
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=targets))
    names = [name for name, _ in adapted.named_parameters() if "lora_A" in name]

    assert len(names) == 2 * 4
    assert not [name for name in names if "embed" in name]


def test_an_unknown_role_is_refused_with_the_roles_there_are():
    with pytest.raises(BaseModelError, match="use `all-linear`, `attention`, `mlp`"):
        resolve_targets(tiny_config("llama"), "everything")


def test_a_role_that_nobody_plays_is_refused():
    from transformers import AutoConfig

    config = AutoConfig.for_model("mamba", hidden_size=32, num_hidden_layers=1, vocab_size=64)

    with pytest.raises(BaseModelError, match="No layer of a mamba model plays the role `mlp`"):
        resolve_targets(config, "mlp")

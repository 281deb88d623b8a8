"""Small real things for tests: a customization, a tiny random chat model, a base made of it."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from modelops.bases.card import CARD_FILE, Base
from modelops.bases.describe import describe
from modelops.customization import Customization

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
SAMPLE = (
    "interface GigabitEthernet0/1\n description uplink\n ip address 10.0.0.1 255.255.255.0\n"
    " no shutdown\nvlan 20\n name staff\nhostname edge-1\nrouter ospf 1\n the answer is a word\n"
)
LAYERS, HIDDEN, FEED_FORWARD, HEADS, KV_HEADS = 2, 64, 128, 4, 2


def make_customization(name: str = "toy", **overrides: Any) -> Customization:
    """A valid customization of one JSONL source; nested mappings in `overrides` are merged in."""
    plain: dict[str, Any] = {
        "name": name,
        "purpose": "Answer the questions of a test, briefly.",
        "owner": "team:tests",
        "bases": ["tiny"],
        "sources": {"rows": {"kind": "jsonl", "path": "rows.jsonl", "licence": "Apache-2.0"}},
        "benchmark": {
            "slices": {"unseen": {"kind": "jsonl", "path": "unseen.jsonl"}},
            "headline": "unseen",
        },
    }
    return Customization.model_validate(_merge(plain, overrides))


def make_tiny_base(
    bases: Path,
    name: str = "tiny",
    *,
    seed: int = 0,
    dtype: Literal["float32", "bfloat16"] = "float32",
) -> Base:
    """A tiny base in `bases / name`, as `load_base(name, bases)` finds it; without torch."""
    folder = make_tiny_model(bases / name, seed=seed, dtype=dtype)
    card = describe(
        folder, name=name, source={"kind": "test"}, licence="Apache-2.0", quantization=()
    )
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2), "utf-8")
    return Base(folder, card)


def make_tiny_model(
    folder: Path, *, seed: int = 0, dtype: Literal["float32", "bfloat16"] = "float32"
) -> Path:
    """A random 2-layer Llama with a byte-level ChatML tokenizer, the same bytes for a seed."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _write_tokenizer(folder)
    _write_json(folder / "config.json", _config(vocabulary, dtype))
    _write_json(
        folder / "generation_config.json", {"eos_token_id": 2, "pad_token_id": 0, "bos_token_id": 1}
    )
    _write_weights(folder / "model.safetensors", vocabulary, seed=seed, dtype=dtype)
    return folder


def _config(vocabulary: int, dtype: str) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": 2048,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "vocab_size": vocabulary,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "dtype": dtype,
    }


def _write_tokenizer(folder: Path) -> int:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([SAMPLE], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
    }
    _write_json(folder / "tokenizer_config.json", settings)
    (folder / "chat_template.jinja").write_text(CHATML, "utf-8")
    return tokenizer.get_vocab_size()


def _write_weights(path: Path, vocabulary: int, *, seed: int, dtype: str) -> None:
    draw = np.random.default_rng(seed)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, shape in _shapes(vocabulary).items():
        values = np.ones(shape) if "norm" in name else draw.normal(0.0, 0.1, shape)
        single = values.astype("<f4")
        start, data = (
            len(data),
            data + (_bfloat16(single) if dtype == "bfloat16" else bytes(single)),
        )
        code = "BF16" if dtype == "bfloat16" else "F32"
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the format wants its data aligned
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    kv = HIDDEN // HEADS * KV_HEADS
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocabulary, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    for layer in range(LAYERS):
        block = {
            "input_layernorm": (HIDDEN,),
            "post_attention_layernorm": (HIDDEN,),
            "self_attn.q_proj": (HIDDEN, HIDDEN),
            "self_attn.k_proj": (kv, HIDDEN),
            "self_attn.v_proj": (kv, HIDDEN),
            "self_attn.o_proj": (HIDDEN, HIDDEN),
            "mlp.gate_proj": (FEED_FORWARD, HIDDEN),
            "mlp.up_proj": (FEED_FORWARD, HIDDEN),
            "mlp.down_proj": (HIDDEN, FEED_FORWARD),
        }
        shapes |= {f"model.layers.{layer}.{n}.weight": shape for n, shape in block.items()}
    return shapes


def _bfloat16(values: np.ndarray) -> bytes:
    return (values.view("<u4") >> 16).astype("<u2").tobytes()  # cut, not rounded: random anyway


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True), "utf-8")


def _merge(plain: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(plain)
    for key, value in overrides.items():
        old = merged.get(key)
        nested = isinstance(value, Mapping) and isinstance(old, Mapping)
        merged[key] = _merge(old, value) if nested else value
    return merged

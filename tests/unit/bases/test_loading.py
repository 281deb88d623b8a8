"""Loading an imported base, and the tiny one that other tests use."""

import os
import sys
from pathlib import Path

import pytest

from modelops.bases.loading import load_model, load_tokenizer
from modelops.bases.shelf import load_base
from tests.factories import make_tiny_base


def test_a_tiny_base_is_the_same_in_every_process_and_differs_by_seed(tmp_path: Path):
    import subprocess

    code = (
        "import sys; from pathlib import Path; from tests.factories import make_tiny_base\n"
        "print(make_tiny_base(Path(sys.argv[1])).digest)"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "child")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONHASHSEED": "7"},
    )

    assert make_tiny_base(tmp_path / "a").digest == elsewhere.stdout.strip()
    assert make_tiny_base(tmp_path / "b", seed=1).digest != elsewhere.stdout.strip()
    assert load_base("tiny", tmp_path / "a").name == "tiny"


@pytest.mark.parametrize("stored", ["float32", "bfloat16"])
@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_a_base_loads_in_the_type_that_is_asked_for(tmp_path: Path, stored, wanted):
    import torch

    base = make_tiny_base(tmp_path, dtype=stored)
    model = load_model(base, dtype=wanted)

    assert base.card.dtype == stored
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, wanted)}
    assert not model.training


def test_loading_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture):
    base = make_tiny_base(tmp_path)
    load_model(base)
    load_tokenizer(base)

    assert capfd.readouterr() == ("", "")


def test_the_tokenizer_speaks_chatml_and_any_bytes(tmp_path: Path):
    tokenizer = load_tokenizer(make_tiny_base(tmp_path))
    text = "vlan 20 é 中\n"

    chat = tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False)
    assert isinstance(chat, str)

    assert tokenizer.eos_token == "<|im_end|>"
    assert chat == f"<|im_start|>user\n{text}<|im_end|>\n"
    assert tokenizer.decode(tokenizer(chat)["input_ids"]) == chat

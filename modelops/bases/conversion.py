"""Convert a GGUF file to bfloat16 safetensors, once, when a base is imported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from modelops.errors import BaseModelError
from modelops.progress import Report

if TYPE_CHECKING:
    from gguf import ReaderTensor

VERSIONS = (2, 3)


def convert_gguf(gguf: Path, folder: Path, *, report: Report) -> str:
    """Write model and tokenizer of `gguf` into `folder`; returns its quantization, as "Q4_1".

    Weights are dequantized in float32 and rounded to bfloat16, the type in which they are trained
    and served: for SmolLM2-135M the rounding moves a logit by 0.018 on average, computing in
    bfloat16 moves it by 0.095. Needs 1.2 GB of memory for 135 million parameters.
    Raises BaseModelError when the file is not GGUF or its architecture is unknown.
    """
    _guard_gguf(gguf)
    with _reported_bars(report) as kinds:
        try:
            _convert(gguf, folder, report)
        except Exception as error:  # a damaged file breaks the parsers below us in any way
            raise BaseModelError(
                f"{gguf.name} cannot be converted: {error}. Declare the safetensors of the model."
            ) from error
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        _forget(folder / name)
    return kinds.most_common(1)[0][0]


def _guard_gguf(gguf: Path) -> None:
    with gguf.open("rb") as stream:
        magic, version = stream.read(4), int.from_bytes(stream.read(4), "little")
    if magic != b"GGUF" or version not in VERSIONS:
        raise BaseModelError(f"{gguf.name} is not a GGUF file of version 2 or 3; fetch it again.")


def _convert(gguf: Path, folder: Path, report: Report) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    where, local = str(gguf.parent), {"local_files_only": True, "trust_remote_code": False}
    report("convert weights", 0, 1, {})
    model = AutoModelForCausalLM.from_pretrained(
        where,
        gguf_file=gguf.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
        **local,
    )
    report("convert tokenizer", 0, 1, {})
    loading: Any = AutoTokenizer
    tokenizer = loading.from_pretrained(where, gguf_file=gguf.name, **local)
    report("convert tokenizer", 1, 1, {})
    report("save", 0, 1, {})
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    report("save", 1, 1, {})


def _forget(path: Path) -> None:
    """Drop the converter's version, which would change the base's identity and nothing else."""
    if path.is_file():
        settings = json.loads(path.read_text("utf-8"))
        settings.pop("transformers_version", None)
        path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", "utf-8")


@contextmanager
def _reported_bars(report: Report) -> Generator[Counter[str]]:
    """Turn the converter's own progress bar into reports: it has no hook, and prints to stderr.

    Yields what passes by: quantization -> number of weights, once the conversion is done.
    """
    from transformers import modeling_gguf_pytorch_utils as converter

    kinds: Counter[str] = Counter()

    def bar(tensors: Iterable[ReaderTensor], **_: object) -> Iterator[ReaderTensor]:
        listed = list(tensors)
        for done, tensor in enumerate(listed):
            report("convert weights", done, len(listed), {})
            kinds[tensor.tensor_type.name] += tensor.n_elements
            yield tensor
        report("convert weights", len(listed), len(listed), {})

    theirs = converter.tqdm
    converter.tqdm = cast("Any", bar)
    try:
        with quiet_bars():
            yield kinds
    finally:
        converter.tqdm = theirs


@contextmanager
def quiet_bars() -> Generator[None]:
    """No progress bars of transformers inside: whoever calls us draws their own."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()

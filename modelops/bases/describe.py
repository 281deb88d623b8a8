"""Describe a folder of model files as a card; reads headers and JSON, imports no framework."""

import json
import struct
from collections import Counter
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any

from modelops.bases.card import CARD_FILE, Card, CardFile
from modelops.digests import digest_bytes, digest_file, digest_json
from modelops.errors import BaseModelError

MAX_HEADER_BYTES = 100_000_000
"""The safetensors format's own limit."""

DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}
TOKENIZER_PARTS = ("tokenizer", "vocab", "merges", "special_tokens", "added_tokens", "spiece")


def describe(
    folder: Path, *, name: str, source: dict[str, str], licence: str, quantization: tuple[str, ...]
) -> Card:
    """The card of the model in `folder`; BaseModelError when it is not a complete chat model."""
    files = card_files(folder)
    sizes = _parameters_by_dtype(folder)
    tokenizer = {f.path: f.sha256 for f in files if f.path.startswith(TOKENIZER_PARTS)}
    if not tokenizer:
        raise BaseModelError(f"{folder}: there is no tokenizer; add tokenizer.json.")
    return Card(
        name=name,
        source=source,
        licence=licence,
        architecture=_architecture(folder),
        parameter_count=sum(sizes.values()),
        dtype=max(sizes, key=lambda dtype: sizes[dtype]),
        quantization=quantization,
        tokenizer_digest=digest_json(tokenizer),
        chat_template_digest=digest_bytes(_chat_template(folder).encode()),
        files=files,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def card_files(folder: Path) -> tuple[CardFile, ...]:
    """Size and digest of every file under `folder` except the card, sorted by path."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != CARD_FILE)
    return tuple(
        CardFile(
            path=path.relative_to(folder).as_posix(),
            size_bytes=path.stat().st_size,
            sha256=digest_file(path),
        )
        for path in paths
    )


def safetensors_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, checked against the file's size before it is parsed.

    Raises BaseModelError when the file is something else, cut short, or longer than declared.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
            raise _not_safetensors(path, "its header length does not fit the file")
        try:
            header = json.loads(stream.read(length))
        except ValueError as error:
            raise _not_safetensors(path, "its header is not JSON") from error
    try:
        _check_offsets(header, size - 8 - length)
    except (KeyError, TypeError, ValueError) as error:
        raise _not_safetensors(path, "its tensors do not fill the file") from error
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def _check_offsets(header: dict[str, Any], data_bytes: int) -> None:
    if not isinstance(header, dict):
        raise TypeError("no mapping")
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    if not all(isinstance(e["dtype"], str) and prod(e["shape"]) >= 0 for e in entries):
        raise ValueError("no shapes")
    spans = sorted(entry["data_offsets"] for entry in entries)
    ends = [0, *(end for _, end in spans)]
    if [start for start, _ in spans] != ends[:-1] or ends[-1] != data_bytes or not spans:
        raise ValueError("gaps or overlaps")


def _not_safetensors(path: Path, why: str) -> BaseModelError:
    return BaseModelError(
        f"{path.name} is not a sound safetensors file: {why}. Fetch it again, or save the model "
        "with `save_pretrained(safe_serialization=True)`."
    )


def _parameters_by_dtype(folder: Path) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for path in sorted(folder.glob("*.safetensors")):
        for entry in safetensors_header(path).values():
            sizes[DTYPES.get(entry["dtype"], entry["dtype"])] += prod(entry["shape"])
    if not sizes:
        raise BaseModelError(f"{folder}: there are no weights; add a *.safetensors file.")
    return sizes


def _architecture(folder: Path) -> str:
    config = read_json(folder / "config.json")
    names = config.get("architectures") or []
    if not names:
        raise BaseModelError(f"{folder}/config.json names no `architectures`; add the class name.")
    return str(names[0])


def _chat_template(folder: Path) -> str:
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text("utf-8")
    config = folder / "tokenizer_config.json"
    template = read_json(config).get("chat_template") if config.is_file() else None
    if not isinstance(template, str):
        raise BaseModelError(
            f"{folder}: there is no chat template; add chat_template.jinja in the format the "
            "model was tuned with."
        )
    return template


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; BaseModelError names the file when it is anything else."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BaseModelError(f"{path} is missing; a base needs it.") from error
    except (ValueError, RecursionError) as error:
        raise BaseModelError(f"{path} is not JSON: {error}. Fetch it again.") from error
    if not isinstance(value, dict):
        raise BaseModelError(f"{path} is not a JSON object. Fetch it again.")
    return value

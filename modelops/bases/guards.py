"""What is refused before a model file is opened: code, pickles, links, and files that differ."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from modelops.bases.card import CARD_FILE
from modelops.bases.declarations import FilePin
from modelops.bases.describe import read_json, safetensors_header
from modelops.digests import digest_file
from modelops.errors import BaseModelError

PICKLES = frozenset(
    {".bin", ".pt", ".pth", ".pkl", ".pickle", ".p", ".ckpt", ".joblib", ".dill", ".npy", ".npz"}
    | {".cloudpickle", ".pdparams", ".t7", ".h5", ".keras", ".mar", ".nemo"}
)
CODE = frozenset(
    {".py", ".pyc", ".pyd", ".pyo", ".so", ".dll", ".dylib", ".exe", ".sh", ".js", ".ipynb"}
    | {".whl", ".egg", ".zip"}
)
KEPT = frozenset({".safetensors", ".json", ".jinja", ".model", ".txt"})
"""Endings of the files a base is made of; licences are kept too, everything else is left behind."""

REMOTE_CODE = frozenset({"auto_map", "custom_pipelines", "custom_generate"})
KERNELS = frozenset({"attn_implementation", "_attn_implementation", "experts_implementation"})
PLAIN_JSON = frozenset({"tokenizer.json", "vocab.json", "added_tokens.json"})
"""Vocabularies: any word may be a key in them."""

MAX_JSON_BYTES = 256 * 2**20


def guard_folder(folder: Path, pins: Mapping[str, FilePin]) -> list[Path]:
    """The files of `folder` that make a base, sorted; nothing has been loaded from them.

    Raises BaseModelError, naming the file: links, special files, pickles and code anywhere below
    `folder`; a file that is not what `pins` says, is missing, or is not pinned although others
    are; damaged safetensors; settings that run code or point elsewhere.
    """
    for path in _walk(folder):
        _guard_kind(path)
    kept = [path for path in sorted(folder.iterdir()) if _is_kept(path)]
    guard_pins(folder, kept, pins)
    for path in kept:
        guard_content(path)
    return kept


def guard_pins(folder: Path, files: list[Path], pins: Mapping[str, FilePin]) -> None:
    """Compare sizes, then digests, with the declaration; no pins, no comparison."""
    if not pins:
        return
    found = {path.relative_to(folder).as_posix(): path for path in files}
    for name in sorted(pins.keys() ^ found.keys()):
        wrong = "is declared in bases.yaml and missing" if name in pins else "is not declared"
        raise BaseModelError(f"{folder / name} {wrong}; correct `files` or fetch the base again.")
    for name, path in found.items():
        guard_pin(path, pins[name])


def guard_pin(path: Path, pin: FilePin) -> None:
    """Raise BaseModelError unless `path` has the size and the digest of `pin`."""
    size = path.stat().st_size
    if size != pin.size_bytes:
        raise BaseModelError(
            f"{path.name} has {size} bytes, bases.yaml says {pin.size_bytes}: it is not the "
            "declared file. Fetch it again, or correct bases.yaml if the new file is wanted."
        )
    digest = digest_file(path)
    if digest != pin.sha256:
        raise BaseModelError(
            f"{path.name} has SHA-256 {digest}, bases.yaml says {pin.sha256}: it is not the "
            "declared file. Do not use it; find out who changed it."
        )


def guard_content(path: Path) -> None:
    """Check a kept file by reading headers and JSON only."""
    if path.suffix == ".safetensors":
        safetensors_header(path)
    elif path.suffix == ".json" and path.name not in PLAIN_JSON:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise BaseModelError(f"{path} is larger than any model's settings; remove it.")
        _guard_settings(path, read_json(path))


def guard_member(name: str) -> PurePosixPath:
    """A path inside an archive or index that stays inside; BaseModelError otherwise."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise BaseModelError(f"`{name}` points outside its archive or folder; do not use it.")
    return path


def _walk(folder: Path) -> Iterator[Path]:
    if folder.is_symlink() or not folder.is_dir():
        raise BaseModelError(f"{folder} is not a folder; declare the folder itself, not a link.")
    yield from sorted(folder.rglob("*"))


def _guard_kind(path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise BaseModelError(f"{path} is a symbolic link; replace it by the file it points to.")
    if stat.S_ISDIR(mode):
        return
    if not stat.S_ISREG(mode):
        raise BaseModelError(f"{path} is not a regular file; remove it.")
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise BaseModelError(
            f"{path} may hold a pickle, which runs code when it is opened; save the model as "
            "safetensors and remove this file."
        )
    if suffix in CODE:
        raise BaseModelError(
            f"{path} is code; modelops runs only architectures that transformers ships. Remove it."
        )
    if path.name == "adapter_config.json":
        raise BaseModelError(f"{path}: this is an adapter, not a base; declare the merged model.")


def _is_kept(path: Path) -> bool:
    named = path.suffix in KEPT or path.name.upper().startswith(("LICENSE", "NOTICE"))
    return path.is_file() and named and path.name != CARD_FILE and not path.name.startswith(".")


def _guard_settings(path: Path, settings: dict[str, Any]) -> None:
    for key, value in _entries(settings):
        if key in REMOTE_CODE:
            raise BaseModelError(
                f"{path} has `{key}`, which loads code from the model; remove the entry, or choose "
                "an architecture that transformers ships."
            )
        if key in KERNELS and "/" in str(value):
            raise BaseModelError(f"{path}: `{key}: {value}` fetches a kernel; remove the entry.")
        if key == "quantization_config":
            raise BaseModelError(f"{path} has `{key}`; declare the model before quantization.")
    for shard in _values(settings.get("weight_map")):
        if not (path.parent / guard_member(str(shard))).is_file():
            raise BaseModelError(f"{path} lists {shard}, which is missing; fetch the base again.")


def _values(mapping: object) -> set[object]:
    return set(mapping.values()) if isinstance(mapping, dict) else set()


def _entries(value: object) -> Iterator[tuple[str, object]]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield from value.items()
    for item in inner:
        yield from _entries(item)

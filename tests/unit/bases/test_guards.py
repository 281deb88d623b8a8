"""What is refused before a model file is opened."""

import json
import os
import pickle
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelops.bases.declarations import FilePin
from modelops.bases.describe import safetensors_header
from modelops.bases.guards import guard_folder, guard_member
from modelops.digests import digest_file
from modelops.errors import BaseModelError
from tests.factories import make_tiny_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "model")


def change(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_a_sound_folder_passes_and_leaves_other_files_behind(model: Path):
    (model / "picture.png").write_bytes(b"not needed")
    (model / "LICENSE").write_text("Apache")
    (model / "notes").mkdir()
    (model / "notes" / "more.json").write_text("no JSON, and never read")

    assert [path.name for path in guard_folder(model, {})] == [
        "LICENSE",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("pytorch_model.bin", "model.pt", "model.pth", "state.pkl", "x.pickle", "last.ckpt"),
        *("W.PTH", "training_args.bin", "scaler.joblib", "array.npy", "sub/folder/optimizer.pt"),
    ],
)
def test_pickles_are_refused_by_name_wherever_they_lie(model: Path, name: str):
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_bytes(pickle.dumps({}))

    with pytest.raises(BaseModelError, match=f"{Path(name).name} may hold a pickle"):
        guard_folder(model, {})


@pytest.mark.parametrize("name", ["modeling_x.py", "sub/hook.PY", "kernel.so", "setup.sh"])
def test_code_is_refused(model: Path, name: str):
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("print('hello')")

    with pytest.raises(BaseModelError, match=f"{Path(name).name} is code"):
        guard_folder(model, {})


@pytest.mark.parametrize("target", ["tokenizer.json", "/etc/passwd", "nowhere", ".."])
def test_symbolic_links_are_refused_wherever_they_point(model: Path, target: str):
    (model / "sub").mkdir()
    (model / "sub" / "link.json").symlink_to(target)

    with pytest.raises(BaseModelError, match=r"link\.json is a symbolic link"):
        guard_folder(model, {})


def test_a_folder_that_is_a_link_itself_is_refused(model: Path):
    link = model.parent / "link"
    link.symlink_to(model)

    with pytest.raises(BaseModelError, match="not a link"):
        guard_folder(link, {})


def test_special_files_are_refused(model: Path):
    os.mkfifo(model / "pipe.json")

    with pytest.raises(BaseModelError, match=r"pipe\.json is not a regular file"):
        guard_folder(model, {})


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize(
    "entries",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"text_config": {"auto_map": {"AutoConfig": "someone/else--x.Y"}}},
        {"parts": [{"custom_pipelines": {}}]},
        {"attn_implementation": "someone/kernels"},
        {"quantization_config": {"quant_method": "gguf"}},
    ],
)
def test_settings_that_run_or_fetch_code_are_refused(model: Path, name: str, entries: dict):
    change(model / name, **entries)

    with pytest.raises(BaseModelError, match=name):
        guard_folder(model, {})


def test_a_vocabulary_may_hold_any_word(model: Path):
    change(model / "tokenizer.json", auto_map=7)

    assert guard_folder(model, {})


def test_an_adapter_is_not_a_base(model: Path):
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')

    with pytest.raises(BaseModelError, match="an adapter, not a base"):
        guard_folder(model, {})


def pins_of(model: Path) -> dict[str, FilePin]:
    return {
        path.name: FilePin(sha256=digest_file(path), size_bytes=path.stat().st_size)
        for path in model.iterdir()
    }


def test_declared_files_have_to_be_exactly_those(model: Path):
    pins = pins_of(model)
    assert len(guard_folder(model, pins)) == len(pins)

    weights = model / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BaseModelError, match=r"model\.safetensors has SHA-256"):
        guard_folder(model, pins)
    weights.write_bytes(data[:-1])
    with pytest.raises(BaseModelError, match=r"model\.safetensors has \d+ bytes, bases.yaml says"):
        guard_folder(model, pins)
    weights.unlink()
    with pytest.raises(BaseModelError, match=r"model\.safetensors is declared .* and missing"):
        guard_folder(model, pins)
    weights.write_bytes(data)
    (model / "extra.json").write_text("{}")
    with pytest.raises(BaseModelError, match=r"extra\.json is not declared"):
        guard_folder(model, pins)


def test_an_index_may_only_list_files_beside_it(model: Path):
    index = model / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
    with pytest.raises(BaseModelError, match="points outside"):
        guard_folder(model, {})
    index.write_text(json.dumps({"weight_map": {"a": "model-00002.safetensors"}}))
    with pytest.raises(BaseModelError, match=r"model-00002\.safetensors, which is missing"):
        guard_folder(model, {})


def test_broken_json_is_told_by_name(model: Path):
    (model / "config.json").write_text("{")
    with pytest.raises(BaseModelError, match=r"config\.json is not JSON"):
        guard_folder(model, {})
    (model / "config.json").write_text("[" * 100_000)
    with pytest.raises(BaseModelError, match=r"config\.json is not JSON"):
        guard_folder(model, {})


@pytest.mark.parametrize("name", ["/etc/x.gguf", "../x.gguf", "a/../../x", "a\\b", "", "a\0b"])
def test_names_in_archives_stay_inside(name: str):
    with pytest.raises(BaseModelError, match="points outside"):
        guard_member(name)


def write_safetensors(path: Path, header: bytes, data: bytes = b"", length: int | None = None):
    size = len(header) if length is None else length
    path.write_bytes(struct.pack("<Q", size) + header + data)
    return path


def entry(start: int, end: int) -> dict:
    return {"dtype": "F32", "shape": [(end - start) // 4], "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        (b"{}", b"", 2**63),
        (b"{}", b"", 50),
        (b"{}", b"", 0),
        (b"{}", b"", None),
        (b"not json", b"", None),
        (b"[]", b"", None),
        (json.dumps({"a": entry(0, 8)}).encode(), b"1234", None),
        (json.dumps({"a": entry(0, 4), "b": entry(0, 4)}).encode(), b"1234", None),
        (json.dumps({"a": entry(4, 8)}).encode(), b"12345678", None),
        (json.dumps({"a": {"dtype": "F32"}}).encode(), b"", None),
        (json.dumps({"a": {"dtype": "F32", "data_offsets": [0, 4]}}).encode(), b"1234", None),
        (json.dumps({"a": entry(0, 4) | {"shape": "x"}}).encode(), b"1234", None),
        (json.dumps({"a": "b"}).encode(), b"", None),
    ],
)
def test_headers_that_do_not_fit_the_file_are_refused(
    tmp_path: Path, header: bytes, data: bytes, length: int | None
):
    path = write_safetensors(tmp_path / "w.safetensors", header, data, length)

    with pytest.raises(BaseModelError, match=r"w\.safetensors is not a sound safetensors file"):
        safetensors_header(path)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_either_a_header_or_refused(tmp_path_factory, data: bytes):
    path = tmp_path_factory.mktemp("any") / "w.safetensors"
    path.write_bytes(data)

    with pytest.raises(BaseModelError):
        safetensors_header(path)


def test_a_pointer_file_instead_of_weights_is_refused(model: Path):
    (model / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid x\n")

    with pytest.raises(BaseModelError, match="not a sound safetensors file"):
        guard_folder(model, {})

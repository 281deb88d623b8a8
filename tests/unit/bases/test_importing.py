"""Importing a base: from every source, atomically, and what is refused on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from modelops.bases.card import CARD_FILE
from modelops.bases.declarations import Declaration
from modelops.bases.importing import add_base
from modelops.bases.loading import load_model, load_tokenizer
from modelops.bases.shelf import list_bases, load_base
from modelops.digests import digest_file
from modelops.errors import BaseModelError
from tests.factories import make_tiny_model


def from_path(path: Path, name: str = "tiny", **fields: Any) -> Declaration:
    source = {"kind": "path", "path": path} | fields.pop("source", {})
    entry = {"name": name, "source": source, "licence": "Apache-2.0", **fields}
    return Declaration.model_validate(entry)


def from_wheel(wheel: Path, **changes: Any) -> Declaration:
    source = {
        "kind": "wheel",
        "package": "tiny-weights",
        "version": "1.0",
        "sha256": digest_file(wheel),
        "size_bytes": wheel.stat().st_size,
        "file": "tiny_weights/tiny.gguf",
    }
    return Declaration.model_validate(
        {"name": "tiny", "source": source | changes, "licence": "Apache-2.0"}
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "model")


@pytest.fixture
def bases(tmp_path: Path) -> Path:
    return tmp_path / "home" / "bases"


@pytest.fixture
def wheel(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny wheel; pip, configured as its owner would, finds it and asks no index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return next(wheels.glob("*.whl"))


def visible(bases: Path) -> list[str]:
    return sorted(path.name for path in bases.iterdir() if not path.name.startswith(".lock"))


def test_a_folder_becomes_a_base_with_a_card(model: Path, bases: Path):
    base = add_base(from_path(model, quantization=["trained in float32"]), bases)

    assert base == load_base("tiny", bases)
    assert base.id == f"tiny@{base.digest[:12]}"
    assert base.card.architecture == "LlamaForCausalLM"
    assert base.card.dtype == "float32"
    assert base.card.licence == "Apache-2.0"
    assert base.card.quantization == ("trained in float32",)
    assert base.card.parameter_count == sum(p.numel() for p in load_model(base).parameters())
    assert {file.path: file.sha256 for file in base.card.files} == {
        path.name: digest_file(path) for path in model.iterdir()
    }
    assert visible(bases) == ["tiny"]


def test_the_same_files_have_the_same_digest_under_any_name(model: Path, bases: Path):
    one, two = (add_base(from_path(model, name), bases) for name in ("one", "two"))

    assert one.digest == two.digest
    assert [base.name for base in list_bases(bases)] == ["one", "two"]


def test_a_second_import_changes_nothing_and_says_so(model: Path, bases: Path):
    first = add_base(from_path(model), bases)
    steps: list[str] = []

    second = add_base(from_path(model), bases, report=lambda step, *_: steps.append(step))

    assert second == first
    assert steps == ["already imported"]


def test_a_name_is_not_given_to_another_source(model: Path, bases: Path, tmp_path: Path):
    add_base(from_path(model), bases)
    other = make_tiny_model(tmp_path / "other", seed=1)

    with pytest.raises(BaseModelError, match="from another source"):
        add_base(from_path(other), bases)


def test_a_gguf_in_a_wheel_becomes_safetensors_and_nothing_is_installed(wheel: Path, bases: Path):
    steps: dict[str, tuple[float, float]] = {}

    base = add_base(
        from_wheel(wheel),
        bases,
        report=lambda step, done, total, _: steps.update({step: (done, total)}),
    )

    assert {file.path for file in base.card.files} == {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert base.card.dtype == "bfloat16"
    assert base.card.quantization[0] == "stored as Q4_1 in GGUF"
    assert "transformers_version" not in json.loads((base.folder / "config.json").read_text())
    assert list(steps) == [
        "download",
        "unpack",
        "convert weights",
        "convert tokenizer",
        "save",
        "try",
    ]
    assert all(done == total for done, total in steps.values())
    chat = load_tokenizer(base).apply_chat_template(
        [{"role": "user", "content": "a"}], tokenize=False
    )
    assert chat == "<|im_start|>user\na<|im_end|>\n"
    assert visible(bases) == ["tiny"]


def test_converting_twice_gives_the_same_base(tiny_gguf: Path, tmp_path: Path):
    one, two = (add_base(from_path(tiny_gguf), tmp_path / place) for place in ("a", "b"))

    assert one.digest == two.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "has SHA-256"),
        ({"size_bytes": 5}, "bases.yaml says 5"),
        ({"file": "tiny_weights/other.gguf"}, "holds 0 plain files named"),
        ({"file": "../tiny.gguf"}, "points outside"),
        ({"version": "2.0"}, "tiny-weights==2.0 could not be downloaded"),
        ({"file": "tiny_weights/__init__.py"}, "is not a GGUF file"),
    ],
)
def test_another_wheel_than_declared_is_refused(
    wheel: Path, bases: Path, changes: dict, message: str
):
    with pytest.raises(BaseModelError, match=message):
        add_base(from_wheel(wheel, **changes), bases)

    assert visible(bases) == []


def test_a_link_inside_a_wheel_is_refused(
    tmp_path: Path, bases: Path, monkeypatch: pytest.MonkeyPatch
):
    info = zipfile.ZipInfo("tiny_weights/tiny.gguf")
    info.external_attr = 0o120777 << 16
    wheel = tmp_path / "links" / "tiny_weights-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(info, "/etc/passwd")
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        )
        archive.writestr("tiny_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))

    with pytest.raises(BaseModelError, match="plain files named"):
        add_base(from_wheel(wheel), bases)


def damage_gguf(data: bytes) -> bytes:
    return data[:2000]


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda data: b"PK\x03\x04" + data[4:], "is not a GGUF file"),
        (lambda data: data[:4] + b"\x63" + data[5:], "is not a GGUF file"),
        (damage_gguf, "cannot be converted"),
        (lambda data: data.replace(b"llama", b"lxyma"), "cannot be converted"),
    ],
)
def test_a_damaged_gguf_is_refused(
    tiny_gguf: Path, bases: Path, tmp_path: Path, harm, message: str
):
    path = tmp_path / "harmed.gguf"
    path.write_bytes(harm(tiny_gguf.read_bytes()))

    with pytest.raises(BaseModelError, match=message):
        add_base(from_path(path), bases)

    assert visible(bases) == []


def drop_tensor(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))


def widen(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"intermediate_size": 256}))


def unknown_type(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"model_type": "no_such_model"}))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (drop_tensor, "missing keys, for example"),
        (widen, "mismatched keys, for example"),
        (unknown_type, "cannot be loaded"),
        (lambda model: (model / "tokenizer.json").unlink(), "cannot be loaded|no tokenizer"),
        (lambda model: (model / "chat_template.jinja").unlink(), "no chat template"),
        (lambda model: (model / "model.safetensors").unlink(), "no weights"),
        (lambda model: (model / "config.json").unlink(), r"config\.json is missing"),
        (lambda model: (model / "x.bin").write_bytes(b""), "may hold a pickle"),
    ],
)
def test_a_folder_that_is_no_complete_model_is_refused(
    model: Path, bases: Path, harm, message: str
):
    harm(model)

    with pytest.raises(BaseModelError, match=message):
        add_base(from_path(model), bases)

    assert visible(bases) == []


def test_the_number_of_parameters_has_to_be_the_declared_one(model: Path, bases: Path):
    with pytest.raises(BaseModelError, match=r"parameters, bases\.yaml says 7"):
        add_base(from_path(model, parameters=7), bases)


def test_a_missing_path_is_told(tmp_path: Path, bases: Path):
    for name in ("nowhere", "nowhere.gguf"):
        with pytest.raises(BaseModelError, match=name):
            add_base(from_path(tmp_path / name), bases)


SLOW_IMPORT = """
import sys, time
from pathlib import Path
from modelops.bases.declarations import Declaration
from modelops.bases.importing import add_base

def report(step, done, total, numbers):
    if step == "try":
        print("everything is written", flush=True)
        time.sleep(60)

source = {"kind": "path", "path": sys.argv[1]}
add_base(Declaration.model_validate({"name": "tiny", "source": source, "licence": "MIT"}),
         Path(sys.argv[2]), report=report)
"""


def test_an_import_killed_at_its_last_step_leaves_nothing_visible(model: Path, bases: Path):
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW_IMPORT, str(model), str(bases)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"everything is written\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()

    assert visible(bases) == [f".importing-{child.pid}"]
    assert list_bases(bases) == []
    with pytest.raises(BaseModelError, match="run `modelops base add tiny`"):
        load_base("tiny", bases)

    add_base(from_path(model), bases)
    assert visible(bases) == ["tiny"]


def test_a_second_importer_waits_for_the_first(model: Path, bases: Path):
    """The first is refused after a second, before it loads anything, which frees the lock."""
    code = SLOW_IMPORT.replace('"try"', '"copy" and not done').replace("sleep(60)", "sleep(1)")
    code = code.replace('"licence"', '"parameters": 7, "licence"')
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(model), str(bases)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline()
        before = time.monotonic()
        started: list[float] = []
        add_base(from_path(model), bases, report=lambda *_: started.append(time.monotonic()))
        assert child.wait() == 1  # refused: 7 parameters

    assert started[0] - before > 0.8
    assert visible(bases) == ["tiny"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.parametrize("kilobytes", [40, 400])
def test_a_full_disk_is_told_with_a_remedy(tiny_gguf: Path, tmp_path: Path, kilobytes: int):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (disk / "filler").write_bytes(b"x" * (kilobytes * 512))
        with pytest.raises(BaseModelError, match=r"is full \(\d+ MB free\): tiny was not imported"):
            add_base(from_path(tiny_gguf), disk / "bases")
        assert visible(disk / "bases") == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "config.json").write_text("{}"), r"config\.json is not the file that was"),
        (lambda f: (f / "config.json").unlink(), r"config\.json is missing"),
        (lambda f: (f / "modeling.py").write_text(""), r"modeling\.py is not on the card"),
        (lambda f: (f / CARD_FILE).write_text("{}"), "is not a base's card"),
        (lambda f: f.rename(f.parent / "moved") and None, "is not imported"),
    ],
)
def test_a_base_that_changed_after_import_is_refused(model: Path, bases: Path, harm, message: str):
    base = add_base(from_path(model), bases)
    harm(base.folder)

    with pytest.raises(BaseModelError, match=message):
        load_base("tiny", bases)


def test_a_card_under_another_name_is_refused(model: Path, bases: Path):
    base = add_base(from_path(model), bases)
    base.folder.rename(bases / "other")

    with pytest.raises(BaseModelError, match="is the card of tiny"):
        load_base("other", bases)

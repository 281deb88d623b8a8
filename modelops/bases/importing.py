"""Import a declared base: fetch, guard, convert, describe, try, and only then make it visible."""

import errno
import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from modelops.bases.card import CARD_FILE, Base, Card
from modelops.bases.conversion import convert_gguf
from modelops.bases.declarations import Declaration
from modelops.bases.describe import describe
from modelops.bases.fetching import fetch
from modelops.bases.guards import guard_folder
from modelops.bases.loading import load_model, load_tokenizer
from modelops.bases.shelf import has_base, load_base
from modelops.errors import BaseModelError
from modelops.progress import Report, silent

HIDDEN = ".importing-"


def add_base(
    declaration: Declaration, bases: Path, *, online: bool = False, report: Report = silent
) -> Base:
    """The declared base, imported into `bases / declaration.name` unless it is there already.

    A killed import leaves only a hidden folder, which the next one removes; imports into one
    folder wait for each other. Raises BaseModelError for everything that is refused, for a full
    disk, and when a base of this name was imported from another source.
    """
    bases.mkdir(parents=True, exist_ok=True)
    with _alone(bases):
        for left_over in bases.glob(f"{HIDDEN}*"):
            shutil.rmtree(left_over)
        if has_base(declaration.name, bases):
            report("already imported", 1, 1, {})
            return _same_source(load_base(declaration.name, bases), declaration)
        work = bases / f"{HIDDEN}{os.getpid()}"
        work.mkdir()
        try:
            with _named_faults(declaration.name, bases):
                return _import(declaration, work, online=online, report=report)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _import(declaration: Declaration, work: Path, *, online: bool, report: Report) -> Base:
    fetched = fetch(declaration.source, work, online=online, report=report)
    folder, history = fetched, declaration.quantization
    if fetched.is_file():
        folder = work / "model"
        folder.mkdir()
        history = (*history, f"stored as {convert_gguf(fetched, folder, report=report)} in GGUF")
        history = (*history, "dequantized to bfloat16 at import")
        guard_folder(folder, {})
    card = _describe(declaration, folder, history)
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", "utf-8")
    report("try", 0, 1, {})
    _try(Base(folder, card))
    report("try", 1, 1, {})
    _flush(folder)
    target = work.parent / declaration.name
    folder.rename(target)
    _flush_entry(work.parent)
    return Base(target, card)


def _describe(declaration: Declaration, folder: Path, history: tuple[str, ...]) -> Card:
    card = describe(
        folder,
        name=declaration.name,
        source=_plain_source(declaration),
        licence=declaration.licence,
        quantization=history,
    )
    if declaration.parameters not in (None, card.parameter_count):
        raise BaseModelError(
            f"{declaration.name} has {card.parameter_count} parameters, bases.yaml says "
            f"{declaration.parameters}: it is not the declared model, or the number is wrong."
        )
    return card


def _try(base: Base) -> None:
    """Load it once, and render a chat: what cannot be used is not imported."""
    turn = [{"role": "user", "content": "ready?"}]
    try:
        load_model(base)
        rendered = load_tokenizer(base).apply_chat_template(turn, add_generation_prompt=True)
    except BaseModelError:
        raise
    except Exception as error:  # whatever is wrong with the files, this is where it shows
        raise BaseModelError(
            f"{base.name} cannot be loaded: {error}. Correct its files, or choose an architecture "
            "that transformers ships."
        ) from error
    if not rendered:
        raise BaseModelError(f"{base.name}: its chat template renders nothing; correct it.")


def _plain_source(declaration: Declaration) -> dict[str, str]:
    source = declaration.source.model_dump(mode="json", exclude={"files"})
    return {key: str(value) for key, value in source.items()}


def _same_source(base: Base, declaration: Declaration) -> Base:
    if base.card.source != _plain_source(declaration):
        raise BaseModelError(
            f"{base.name} is already imported, from another source than bases.yaml declares now; "
            f"give the new one another name, or delete {base.folder} first."
        )
    return base


@contextmanager
def _alone(bases: Path) -> Generator[None]:
    """One import at a time; the lock ends with the process, however it ends."""
    with (bases / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _named_faults(name: str, bases: Path) -> Generator[None]:
    """Tell a full disk from other faults: frameworks below wrap it in errors of their own."""
    try:
        yield
    except Exception as error:
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        if full:
            free = shutil.disk_usage(bases).free // 2**20
            raise BaseModelError(
                f"The disk of {bases} is full ({free} MB free): {name} was not imported. Free "
                "some space, or set MODELOPS_HOME to another disk."
            ) from error
        if isinstance(error, OSError):
            raise BaseModelError(f"{name} was not imported: {error}") from error
        raise


def _flush(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        _flush_entry(path)


def _flush_entry(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""The folder of imported bases: what is there, and whether it is still what its card says."""

from pathlib import Path

from pydantic import ValidationError

from modelops.bases.card import CARD_FILE, Base, Card, CardFile
from modelops.digests import digest_file
from modelops.errors import BaseModelError


def list_bases(folder: Path) -> list[Base]:
    """Every imported base in `folder`, by name; digests are not compared."""
    cards = sorted(folder.glob(f"[!.]*/{CARD_FILE}"))
    return [_read_base(card.parent) for card in cards]


def has_base(name: str, folder: Path) -> bool:
    """Whether `name` was imported into `folder`."""
    return (folder / name / CARD_FILE).is_file()


def load_base(name: str, folder: Path, *, verify: bool = True) -> Base:
    """The imported base `name`; `verify` compares every file with the card, 0.3 s for 270 MB.

    Raises BaseModelError when it was not imported, or a file was changed, added or removed.
    """
    if not has_base(name, folder):
        raise BaseModelError(f"Base {name} is not imported; run `modelops base add {name}`.")
    base = _read_base(folder / name)
    if base.name != name:
        raise BaseModelError(
            f"{base.folder}/{CARD_FILE} is the card of {base.name}. {_again(base)}"
        )
    if verify:
        _verify(base)
    return base


def _read_base(folder: Path) -> Base:
    try:
        card = Card.model_validate_json((folder / CARD_FILE).read_bytes())
    except ValidationError as error:
        raise BaseModelError(
            f"{folder}/{CARD_FILE} is not a base's card: {error.errors()[0]['msg']}. Delete the "
            f"folder and run `modelops base add {folder.name}`."
        ) from error
    return Base(folder, card)


def _verify(base: Base) -> None:
    listed = {file.path: file for file in base.card.files}
    found = {
        path.relative_to(base.folder).as_posix(): path
        for path in base.folder.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and path != base.folder / CARD_FILE
    }
    for name in sorted(listed.keys() ^ found.keys()):
        fault = "is missing" if name in listed else "is not on the card"
        raise BaseModelError(f"{base.folder / name} {fault}. {_again(base)}")
    for name, path in found.items():
        if path.is_symlink() or not _matches(path, listed[name]):
            raise BaseModelError(f"{path} is not the file that was imported. {_again(base)}")


def _matches(path: Path, file: CardFile) -> bool:
    return path.stat().st_size == file.size_bytes and digest_file(path) == file.sha256


def _again(base: Base) -> str:
    return f"Delete {base.folder} and run `modelops base add {base.folder.name}`."

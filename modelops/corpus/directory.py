"""Pairs of text files, prompt beside completion."""

from collections.abc import Iterator
from pathlib import Path

from modelops.corpus.records import Record
from modelops.corpus.rows import MAX_TEXT_BYTES, RowFault, Unreadable
from modelops.corpus.settings import DirectorySource
from modelops.errors import CorpusError


def scan_directory(section: DirectorySource, root: Path) -> Iterator[Record | Unreadable]:
    """Every pair, in the order of the names; a file without its partner is unreadable.

    Raises CorpusError when the folder is missing or holds neither ending.
    """
    folder = root / section.path
    if not folder.is_dir():
        raise CorpusError(f"{section.path} is no folder under {root}; correct the source's `path`.")
    endings = (section.prompt_suffix, section.completion_suffix)
    stems = {
        file.relative_to(root).as_posix().removesuffix(ending)
        for ending in endings
        for file in folder.rglob(f"*{ending}")
        if file.is_file()
    }
    if not stems:
        raise CorpusError(f"{section.path} has no file ending in {' or '.join(endings)}.")
    for stem in sorted(stems):
        try:
            prompt, completion = (
                _read(root / (stem + ending), stem + ending) for ending in endings
            )
            yield Record(prompt=prompt, completion=completion)
        except RowFault as fault:
            yield Unreadable(stem, str(fault))


def _read(path: Path, name: str) -> str:
    if not path.is_file():
        raise RowFault(f"{name} is missing")
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise RowFault(f"{name} is longer than {MAX_TEXT_BYTES} bytes")
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise RowFault(f"{name} is not UTF-8 at byte {error.start + 1}") from error

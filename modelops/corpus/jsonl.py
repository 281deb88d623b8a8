"""JSON lines, plain or gzip-compressed, read a line at a time."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from modelops.corpus.records import Record
from modelops.corpus.rows import (
    MAX_TEXT_BYTES,
    RowFault,
    Unreadable,
    files_of,
    missing_columns,
    record_from,
)
from modelops.corpus.settings import JsonlSource
from modelops.errors import CorpusError

ENDINGS = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_BOM = b"\xef\xbb\xbf"


def scan_jsonl(section: JsonlSource, root: Path) -> Iterator[Record | Unreadable]:
    """Every row of every file; raises CorpusError for a cut file or a column nowhere in a file."""
    for path, name in files_of(section.path, root, ENDINGS):
        seen: set[str] = set()
        for number, line in _lines(path, name):
            try:
                row = _parse(line)
                seen.update(row)
                yield record_from(row, section)
            except RowFault as fault:
                excerpt = line[:200].decode(errors="replace")
                yield Unreadable(f"{name}:{number}", str(fault), excerpt)
        if seen and (error := missing_columns(section, name, seen)):
            raise error


def _lines(path: Path, name: str) -> Iterator[tuple[int, bytes]]:
    """Non-blank lines with their numbers; an overlong one comes as its first 16 MiB."""
    number = 0
    try:
        with path.open("rb") as plain, _unpacked(plain) as stream:
            while line := stream.readline(MAX_TEXT_BYTES + 1):
                number += 1
                rest = line
                while len(rest) > MAX_TEXT_BYTES and not rest.endswith(b"\n"):
                    rest = stream.readline(MAX_TEXT_BYTES + 1)
                if number == 1:
                    line = line.removeprefix(_BOM)
                if not line.isspace() and line:
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(
            f"{name} breaks off after line {number}: {error}. Copy the file again, whole."
        ) from error


def _unpacked(stream: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
    """The stream itself, or what it holds when it begins as gzip does."""
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    return gzip.open(stream) if packed else stream


def _parse(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_TEXT_BYTES:
        raise RowFault(f"longer than {MAX_TEXT_BYTES} bytes")
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise RowFault(f"not UTF-8 at byte {error.start + 1}") from error
    except RecursionError as error:
        raise RowFault("JSON nested too deeply") from error
    except ValueError as error:
        raise RowFault(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise RowFault(f"a JSON {type(row).__name__}, not an object")
    return row

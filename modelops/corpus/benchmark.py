"""The frozen benchmark: one Parquet file for each slice, no item twice."""

import json
from collections.abc import Mapping
from pathlib import Path

from modelops.corpus.curate import cleaned
from modelops.corpus.files import read_records, write_records
from modelops.corpus.protocols import Blueprint, Source
from modelops.corpus.records import Record
from modelops.errors import CorpusError

INDEX = "index.json"


def write_benchmark(
    slices: Mapping[str, Source], folder: Path, blueprint: Blueprint | None = None
) -> dict[str, dict[str, int]]:
    """Write `<slice>.parquet`, sorted by id, and index.json; returns the index.

    The index says of each slice how many `items` it has and how many `repeated` ones were left
    out: items with the text or the identity of another, in the slice itself or in one written
    before it. Slices are taken in the order of their names, items in the order of their ids.
    Raises CorpusError when a slice is left without an item.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    index = {}
    for name in sorted(slices):
        read = sorted(map(cleaned, slices[name].read()), key=_order)
        items = [item for item in read if _new(item, seen, blueprint)]
        if not items:
            raise CorpusError(
                f"Slice `{name}` of the benchmark has no item of its own ({len(read)} read): "
                "point it at items that no other slice has."
            )
        write_records(folder / f"{name}.parquet", items)
        index[name] = {"items": len(items), "repeated": len(read) - len(items)}
    (folder / INDEX).write_text(json.dumps({"slices": index}, indent=2, sort_keys=True) + "\n")
    return index


def read_benchmark(folder: Path) -> dict[str, list[Record]]:
    """Slice name -> its items.

    Raises CorpusError when the folder is no benchmark or a slice has not the items it had.
    """
    try:
        index = json.loads((folder / INDEX).read_text())["slices"]
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(f"{folder} is no benchmark: {INDEX} cannot be read ({error}).") from error
    slices = {name: list(read_records(folder / f"{name}.parquet")) for name in index}
    for name, items in slices.items():
        if len(items) != index[name]["items"]:
            raise CorpusError(
                f"{folder / name}.parquet has {len(items)} items and {INDEX} says "
                f"{index[name]['items']}: the benchmark is not the frozen one; build it again."
            )
    return slices


def _order(item: Record) -> tuple[str, ...]:
    return (item.id, item.source, item.subject, item.created, str(sorted(item.attributes.items())))


def _new(item: Record, seen: set[str], blueprint: Blueprint | None) -> bool:
    """Whether neither text nor identity was seen; remembers both."""
    identity = blueprint.identity(item) if blueprint else None
    keys = {f"text:{item.id}"} | ({f"identity:{identity}"} if identity is not None else set())
    if keys & seen:
        return False
    seen |= keys
    return True

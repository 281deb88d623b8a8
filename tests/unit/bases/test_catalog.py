"""bases.yaml: what may be declared, and what a person is told about what may not."""

from pathlib import Path

import pytest

from modelops.bases.catalog import catalog_schema, load_catalog, read_catalog
from modelops.bases.declarations import PathSource, WheelSource
from modelops.errors import CustomizationError

WHEEL = """\
tiny:
  source:
    kind: wheel
    package: tiny-weights
    version: 1.0.0
    sha256: {sha}
    size_bytes: 1000
    file: tiny_weights/tiny.gguf
  licence: Apache-2.0
""".format(sha="ab" * 32)


def faults(tmp_path: Path, text: str) -> list[tuple[int, str, str, str]]:
    path = tmp_path / "bases.yaml"
    path.write_text(text)
    return [(p.line, p.field, p.fact, p.remedy) for p in read_catalog(path)[1]]


def test_declared_bases_are_named_by_their_keys(tmp_path: Path):
    path = tmp_path / "bases.yaml"
    path.write_text(WHEEL)

    declared = load_catalog(path)

    assert list(declared) == ["tiny"]
    assert declared["tiny"].name == "tiny"
    assert isinstance(declared["tiny"].source, WheelSource)


def test_paths_are_relative_to_the_file(tmp_path: Path):
    path = tmp_path / "bases.yaml"
    path.write_text("own: {source: {kind: path, path: models/own}, licence: ours}\n")

    source = load_catalog(path)["own"].source
    assert isinstance(source, PathSource)
    assert source.path == tmp_path / "models" / "own"


@pytest.mark.parametrize(
    ("old", "new", "where", "remedy"),
    [
        ("tiny:", "Tiny:", (1, "Tiny.name"), "small letters and digits"),
        ("tiny:", "a..b:", (1, "a..b.name"), "small letters and digits"),
        ("tiny:", '"../x":', (1, "../x.name"), "small letters and digits"),
        ("ab" * 32, "abc", (6, "tiny.source.sha256"), "^[0-9a-f]{64}$"),
        ("1.0.0", "latest", (5, "tiny.source.version"), "Exact version"),
        ("1.0.0", "1.0", (5, "tiny.source.version"), 'in quotes: "1.0"'),
        ("size_bytes: 1000", "size_bytes: 0", (7, "tiny.source.size_bytes"), "whole number from 1"),
        ("file:", "flie:", (8, "tiny.source.flie"), "Did you mean `file`?"),
        ("kind: wheel", "kind: weel", (2, "tiny.source"), "Did you mean `wheel`?"),
        ("  licence: Apache-2.0\n", "", (1, "tiny.licence"), "Add `licence:`"),
        ("package: tiny-weights", "package: '-r evil'", (4, "tiny.source.package"), "index"),
    ],
)
def test_faults_have_line_field_and_remedy(
    tmp_path: Path, old: str, new: str, where: tuple[int, str], remedy: str
):
    found = faults(tmp_path, WHEEL.replace(old, new, 1))

    assert any(where == (line, field) and remedy in told for line, field, _, told in found), found


@pytest.mark.parametrize("revision", ["main", "v1.0", "abc123", "A" * 40])
def test_a_hub_revision_that_may_move_is_refused(tmp_path: Path, revision: str):
    text = f"x: {{source: {{kind: hub, repo: a/b, revision: {revision}}}, licence: MIT}}\n"

    [(_, field, _, remedy)] = faults(tmp_path, text)

    assert field == "x.source.revision"
    assert "40 hexadecimal digits" in remedy


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(CustomizationError, match=r"bases\.yaml:1: does not exist"):
        load_catalog(tmp_path / "bases.yaml")


def test_the_schema_requires_what_the_loader_requires():
    entry = catalog_schema()["additionalProperties"]

    assert set(entry["required"]) == {"source", "licence"}
    assert "name" not in entry["properties"]
    assert "WheelSource" in catalog_schema()["$defs"]


def test_the_shipped_bases_are_sound_and_pinned():
    declared = load_catalog(Path(__file__).parents[3] / "bases.yaml")

    assert declared["smollm2-135m"].parameters == 134515008

"""Reading YAML with lines: any text is either a mapping or told what is wrong with it."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelops.documents.tree import Tree, locate, read_tree

words = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=12)
keys = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
scalars = words | st.integers(-(10**9), 10**9) | st.booleans() | st.none()
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents") / "file.yaml"


def quote_words(value: object) -> object:
    """Strings in quotes, so that they stay strings in YAML 1.1 and 1.2 alike."""

    class Quoted(str):
        pass

    yaml.SafeDumper.add_representer(
        Quoted,
        lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'),
    )
    if isinstance(value, dict):
        return {key: quote_words(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [quote_words(inner) for inner in value]
    return Quoted(value) if isinstance(value, str) else value


@given(value=st.dictionaries(keys, values, min_size=1, max_size=4))
def test_what_a_dumper_writes_is_read_back(path: Path, value: dict):
    path.write_text(yaml.safe_dump(quote_words(value), allow_unicode=True), "utf-8")

    tree, problems = read_tree(path)

    assert problems == []
    assert tree is not None
    assert tree.plain() == value


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_a_mapping_or_a_problem_on_one_of_its_lines(path: Path, data: bytes):
    path.write_bytes(data)

    tree, problems = read_tree(path)

    assert tree is not None or problems
    assert all(1 <= p.line <= data.count(b"\n") + data.count(b"\r") + 2 for p in problems)


@given(text=st.text(st.sampled_from("ab:-[]{},&*!|>'\"#%@ \t\n"), max_size=40))
def test_any_punctuation_is_a_mapping_or_a_problem(path: Path, text: str):
    path.write_text(text, "utf-8")

    tree, problems = read_tree(path)

    assert tree is not None or problems


@given(value=st.dictionaries(keys, st.integers(), min_size=1, max_size=8))
def test_every_entry_knows_its_line(path: Path, value: dict[str, int]):
    rows = [f"{key}: {number}" for key, number in value.items()]
    path.write_text("\n\n".join(rows), "utf-8")

    tree, _ = read_tree(path)

    assert tree is not None
    for index, key in enumerate(value):
        assert locate(tree, (key,)) == (2 * index + 1, key)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("", None),
        ("012", 12),
        ("10_000", 10000),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1:30", "1:30"),
        ("2030-01-02", "2030-01-02"),
        ("0x1F", "0x1F"),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_plain_scalars_mean_what_they_look_like(path: Path, text: str, value: object):
    path.write_text(f"a: {text}\n", "utf-8")

    tree, problems = read_tree(path)

    assert (tree, problems) == (Tree({"a": Tree(value, 1)}, 1), [])


def test_a_billion_laughs_are_refused_before_anything_is_built(path: Path):
    rows = ["a0: &a0 [x, x, x, x]"]
    rows += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    path.write_text("\n".join(rows), "utf-8")

    tree, [problem] = read_tree(path)

    assert tree is None
    assert (problem.line, problem.fact) == (1, "uses an anchor or alias")


def test_the_tag_of_a_union_is_not_part_of_the_field(path: Path):
    path.write_text("source:\n  kind: path\n  path: x\n  files: {a: 1}\n", "utf-8")
    tree, _ = read_tree(path)
    assert tree is not None

    assert locate(tree, ("source", "path", "path")) == (3, "source.path")
    assert locate(tree, ("source", "path", "files", "a")) == (4, "source.files.a")
    assert locate(tree, ("source", "path", "missing")) == (1, "source.missing")

"""Read a YAML file into values that know their lines; plain YAML 1.2 data, no tags or anchors."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelops.documents.problem import Problem

MAX_BYTES = 2**20
MAX_DEPTH = 32
STR_TAG = "tag:yaml.org,2002:str"
NO_WORDS = frozenset({"", "~", "null", "Null", "NULL"})
TRUE, FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
INTEGER = re.compile(r"[-+]?[0-9](_?[0-9])*")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9](_?[0-9])*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)", re.IGNORECASE)

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A value and the line of its key; mappings and lists hold trees."""

    value: Any
    line: int

    def plain(self) -> object:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, key: str | int) -> "Tree | None":
        """The entry under `key`, if there is one."""
        if isinstance(self.value, dict):
            return self.value.get(key)
        inside = isinstance(self.value, list) and isinstance(key, int) and key < len(self.value)
        return self.value[key] if inside else None


def read_tree(path: Path) -> tuple[Tree | None, list[Problem]]:
    """The mapping in a file, or None, and what is wrong with it as YAML."""
    try:
        data = path.read_bytes()
    except OSError as error:
        fact = f"cannot be read: {error.strerror}"
        return None, [_problem(path, 1, fact, "Make it a file that you may read.")]
    if len(data) > MAX_BYTES:
        return None, [_problem(path, 1, "is longer than 1 MB", "Move data into files of its own.")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [_problem(path, line, "is not UTF-8", "Save the file as UTF-8.")]
    faults = _composition_faults(path, text)
    if faults:
        return None, faults
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        fact = "is empty" if node is None else "does not hold a mapping"
        return None, [_problem(path, 1, fact, "Write one `field: value` a line.")]
    problems: list[Problem] = []
    return _Builder(path, problems).build(node, 1, ()), problems


def locate(tree: Tree, place: Place) -> tuple[int, str]:
    """Line and dotted field of a pydantic location, whose union tags are not in the file."""
    line, field, here, previous = tree.line, "", tree, None
    for key in place:
        kind = here.child("kind") if here is not None else None
        if kind is not None and kind.value == key and previous is not here:
            previous = here  # the tag of a union, once for each mapping
            continue
        field += f"[{key}]" if isinstance(key, int) else f".{key}" if field else key
        here = here.child(key) if here is not None else None
        line = here.line if here is not None else line
    return line, field


@dataclass(frozen=True, slots=True)
class _Builder:
    path: Path
    problems: list[Problem]

    def build(self, node: yaml.Node, line: int, place: tuple[str, ...]) -> Tree:
        if isinstance(node, yaml.MappingNode):
            return Tree(self._mapping(node, place), line)
        if isinstance(node, yaml.SequenceNode):
            return Tree(self._list(node, place), line)
        return Tree(self._scalar(node, line, place), line)

    def _mapping(self, node: yaml.MappingNode, place: tuple[str, ...]) -> dict[str, Tree]:
        entries: dict[str, Tree] = {}
        for key_node, child in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(line, place, "has a key that is no word", "Write `field: value`.")
                continue
            key = key_node.value
            if key in entries:
                earlier = entries[key].line
                self._add(line, (*place, key), f"stands twice, first on line {earlier}",
                          "Keep one of them.")  # fmt: skip
            entries[key] = self.build(child, line, (*place, key))
        return entries

    def _list(self, node: yaml.SequenceNode, place: tuple[str, ...]) -> list[Tree]:
        return [
            self.build(child, child.start_mark.line + 1, (*place, str(index)))
            for index, child in enumerate(node.value)
        ]

    def _scalar(self, node: yaml.Node, line: int, place: tuple[str, ...]) -> object:
        text = str(node.value)
        if not isinstance(node, yaml.ScalarNode) or node.style is not None:
            return text
        if NOT_FINITE.fullmatch(text):
            self._add(line, place, f"is {text}", "Write a number; in quotes it is a word.")
        return _plain_scalar(text)

    def _add(self, line: int, place: tuple[str, ...], fact: str, remedy: str) -> None:
        self.problems.append(Problem(self.path.as_posix(), line, ".".join(place), fact, remedy))


def _plain_scalar(text: str) -> object:
    """YAML 1.2's core schema, in decimals: `no` is a word, a date is a word, 1e-3 is a number."""
    if text in NO_WORDS:
        return None
    if text in TRUE or text in FALSE:
        return text in TRUE
    convert: Callable[[str], object] = str
    if INTEGER.fullmatch(text) and len(text) < 20:
        convert = int
    elif NUMBER.fullmatch(text) and not INTEGER.fullmatch(text):
        convert = float
    return convert(text)


def _composition_faults(path: Path, text: str) -> list[Problem]:
    """What the parser refuses, and what we refuse before anything is built from it."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if getattr(event, "anchor", None):
                return [_problem(path, line, "uses an anchor or alias", "Write the value out.")]
            if tag := getattr(event, "tag", None):
                return [_problem(path, line, f"uses the tag {tag}", "Remove the tag.")]
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                return [_problem(path, line, "is nested too deeply", "Flatten it.")]
            if isinstance(event, yaml.DocumentStartEvent) and event.explicit and line > 1:
                return _second_document(path, text, line)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return [_problem(path, line, "holds a control character", "Delete it.")]
    except yaml.MarkedYAMLError as error:
        return [_syntax_problem(path, text, error)]
    return []


def _second_document(path: Path, text: str, line: int) -> list[Problem]:
    before = [row for row in text.splitlines()[: line - 1] if row.split("#")[0].strip()]
    if not before or before == ["---"]:
        return []
    return [_problem(path, line, "starts a second document", "Remove the `---`.")]


def _syntax_problem(path: Path, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    row = (text.splitlines() or [""])[min(line, text.count("\n") + 1) - 1 : line]
    if "\t" in "".join(row):
        return _problem(path, line, "has a tab", "Indent with spaces.")
    fact = f"is not YAML: {error.problem or error.context}"
    return _problem(
        path, line, fact, "Check indentation, colons and quotes on this line and the one above."
    )


def _problem(path: Path, line: int, fact: str, remedy: str) -> Problem:
    return Problem(path.as_posix(), line, "", fact, remedy)

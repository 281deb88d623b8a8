"""Every field of every section is read by something: a setting that nothing reads is a promise."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
READERS = ("modelops", "assets", "sensors")


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for folder in READERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text("utf-8"))


def section_classes(trees: list[ast.Module]) -> list[ast.ClassDef]:
    """Section and every class that inherits from it, however far."""
    classes = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    known = {"Section"}
    while True:
        found = {
            c.name for c in classes if known & {b.id for b in c.bases if isinstance(b, ast.Name)}
        }
        if found <= known:
            return [c for c in classes if c.name in known - {"Section"}]
        known |= found


def fields_of(section: ast.ClassDef) -> list[str]:
    return [
        node.target.id
        for node in section.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id != "model_config"
    ]


def reads_of(tree: ast.AST, classes: set[str]) -> Iterator[tuple[str, str]]:
    """(attribute, class whose validator reads it): checking a field is not using it."""

    def walk(node: ast.AST, around: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.ClassDef) and node.name in classes:
            around = node.name
        if isinstance(node, ast.FunctionDef) and not is_validator(node):
            around = ""
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr, around
        if isinstance(node, ast.MatchClass):
            yield from ((name, around) for name in node.kwd_attrs)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, around)

    yield from walk(tree, "")


def is_validator(function: ast.FunctionDef) -> bool:
    return any("validator" in ast.unparse(decorator) for decorator in function.decorator_list)


def unread(trees: list[ast.Module]) -> list[str]:
    """`Section.field` for each field that no code but that class's validators reads."""
    sections = section_classes(trees)
    names = {section.name for section in sections}
    readers: dict[str, set[str]] = {}
    for tree in trees:
        for attribute, around in reads_of(tree, names):
            readers.setdefault(attribute, set()).add(around)
    return [
        f"{section.name}.{field}"
        for section in sections
        for field in fields_of(section)
        if not readers.get(field, set()) - {section.name}
    ]


def kinds(trees: list[ast.Module]) -> set[str]:
    """`Class.kind` of union members: read by pydantic, which chooses the class by it."""
    return {
        f"{section.name}.kind"
        for section in section_classes(trees)
        for node in section.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "kind"
        and isinstance(node.annotation, ast.Subscript)
    }


def test_every_field_of_every_section_is_read():
    trees = [tree for _, tree in modules()]

    dead = sorted(set(unread(trees)) - kinds(trees))

    assert not dead, "nothing reads " + ", ".join(dead)


EXAMPLE = """
class Policy(Section):
    used: int = 1
    checked: int = 2
    derived: int = 2
    dead: int = 3

    @model_validator(mode="after")
    def rule(self):
        return self.checked

    @property
    def meaning(self):
        return self.derived

class Inner(Policy):
    deeper: int = 4

def act(policy):
    policy.dead = 5
    return policy.used
"""


def test_a_field_that_only_its_own_validator_reads_is_dead():
    assert unread([ast.parse(EXAMPLE)]) == ["Policy.checked", "Policy.dead", "Inner.deeper"]

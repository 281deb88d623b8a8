"""Read bases.yaml: every declared base, or every fault of the file."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modelops.bases.declarations import Declaration, PathSource
from modelops.documents.problem import Problem, refuse
from modelops.documents.remedies import problems_of
from modelops.documents.tree import Tree, read_tree


def load_catalog(path: Path) -> dict[str, Declaration]:
    """Name -> declaration of every base in bases.yaml; CustomizationError lists every fault."""
    declared, problems = read_catalog(path)
    refuse(problems)
    return declared


def read_catalog(path: Path) -> tuple[dict[str, Declaration], list[Problem]]:
    """The sound declarations of bases.yaml, and what is wrong with the others."""
    if not path.is_file():
        return {}, [Problem(path.as_posix(), 1, "", "does not exist", "Declare a base in it.")]
    tree, problems = read_tree(path)
    declared = {}
    for name, entry in (tree.value if tree else {}).items():
        try:
            declared[name] = _declaration(name, entry, path)
        except ValidationError as error:
            problems += _problems(error, name, entry, path)
    return declared, problems


def catalog_schema() -> dict[str, Any]:
    """JSON Schema of bases.yaml, for editors."""
    entry = Declaration.model_json_schema()
    definitions = entry.pop("$defs", {})
    entry["properties"].pop("name")
    entry["required"].remove("name")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bases.yaml",
        "type": "object",
        "additionalProperties": entry,
        "$defs": definitions,
    }


def _declaration(name: str, entry: Tree, path: Path) -> Declaration:
    plain = entry.plain()
    named = plain | {"name": name} if isinstance(plain, dict) and "name" not in plain else plain
    declaration = Declaration.model_validate(named)
    if not isinstance(declaration.source, PathSource):
        return declaration
    absolute = (path.parent / declaration.source.path).resolve(strict=False)
    source = declaration.source.model_copy(update={"path": absolute})
    return declaration.model_copy(update={"source": source})


def _problems(error: ValidationError, name: str, entry: Tree, path: Path) -> list[Problem]:
    whole = Tree({name: entry}, entry.line)
    return problems_of(error, whole, path, model=Declaration, prefix=(name,))

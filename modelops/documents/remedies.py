"""Say what pydantic found wrong in words for the person who wrote the file."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from modelops.documents.fields import BOUNDS, Found, find_field
from modelops.documents.problem import Problem
from modelops.documents.tree import Place, Tree, locate

MAPPING = "Write a mapping: `field: value` lines, indented below it."
LIST = "Write a list: `[first, second]`."
NUMBERS = ("int_", "float_", "finite_", "greater_", "less_")
REMEDIES = {
    "model_type": MAPPING,
    "model_attributes_type": MAPPING,
    "dict_type": MAPPING,
    "tuple_type": LIST,
    "list_type": LIST,
    "bool_type": "Write `true` or `false`.",
    "bool_parsing": "Write `true` or `false`.",
    "path_type": "Write a path as text.",
}
"""Types of faults whose remedy is always the same."""

LONGEST_QUOTE = 60


def problems_of(
    error: ValidationError,
    tree: Tree,
    path: Path,
    *,
    model: type[BaseModel] | None = None,
    prefix: Place = (),
) -> list[Problem]:
    """A Problem for each fault; `model` gives ranges and manuals, `prefix` where it starts."""
    problems = []
    for fault in error.errors(include_url=False):
        line, field = locate(tree, (*prefix, *fault["loc"]))
        fact, remedy = _words(fault, find_field(model, fault["loc"]))
        problems.append(Problem(path.as_posix(), line, field, fact, remedy))
    return problems


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """A sentence that names the closest choice, or else all of them."""
    known = sorted(choices)
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Use {' or '.join(f'`{name}`' for name in known)}." if known else "Remove it."


def _words(fault: Mapping[str, Any], found: Found) -> tuple[str, str]:
    """Fact and remedy of faults that are about names; values follow below."""
    kind, given, context = fault["type"], fault["input"], fault.get("ctx", {})
    name = str(fault["loc"][-1]) if fault["loc"] else ""
    match kind:
        case "missing":
            return "is missing", f"Add `{name}:`. {found.manual}".strip()
        case "extra_forbidden":
            return "is not a known field", did_you_mean(name, found.siblings)
        case "literal_error":
            return f"is {_shown(given)}", did_you_mean(given, _literals(found, context))
        case "union_tag_invalid":
            tags = [tag.strip("' ") for tag in context["expected_tags"].split(",")]
            return f"has the kind `{context['tag']}`", did_you_mean(context["tag"], tags)
        case "union_tag_not_found":
            return "does not say its `kind`", did_you_mean("", found.kinds)
        case "value_error":
            return f"is refused: {context['error']}", found.manual or "Correct it."
    return f"is {_shown(given)}", _value_remedy(kind, given, context, found)


def _value_remedy(kind: str, given: object, context: Mapping[str, Any], found: Found) -> str:
    if kind in REMEDIES:
        return REMEDIES[kind]
    if kind.startswith(NUMBERS):
        return f"Write {_number(kind, given, found)}{_range({**context, **found.bounds})}."
    if kind == "string_type":
        simple = isinstance(given, int | float)
        return f'Write it in quotes: "{_plain(given)}".' if simple else "Write text."
    if "min_length" in context:
        unit = "characters" if kind.startswith("string") else "or more entries"
        return f"Write at least {context['min_length']} {unit}. {found.manual}".strip()
    if kind == "string_pattern_mismatch":
        return f"{found.manual} Its form is {context['pattern']}".strip()
    return found.manual or f"The rule is: {kind.replace('_', ' ')}."


def _number(kind: str, given: object, found: Found) -> str:
    unknown = found.annotation is None and isinstance(given, int)
    whole = found.whole or unknown or kind.startswith("int_")
    return "a whole number" if whole else "a number"


def _literals(found: Found, context: Mapping[str, Any]) -> list[str]:
    choices = [str(choice) for choice in get_args(found.annotation)]
    return choices or [word.strip("' ") for word in context["expected"].split(" or ")]


def _range(bounds: Mapping[str, Any]) -> str:
    return "".join(f" {word} {bounds[name]}" for name, word in BOUNDS.items() if name in bounds)


def _plain(given: object) -> str:
    return str(given).lower() if isinstance(given, bool) else str(given)


def _shown(given: object) -> str:
    if given is None:
        return "empty"
    if isinstance(given, dict):
        return "a mapping" if given else "an empty mapping"
    if isinstance(given, list | tuple):
        return "a list" if given else "an empty list"
    text = " ".join(_plain(given).split())
    return f"`{text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + '...'}`"

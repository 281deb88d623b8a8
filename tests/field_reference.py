"""The reference in docs/customization.md, written from the schemas that editors get."""

from collections.abc import Iterator
from typing import Any

from modelops.bases.catalog import catalog_schema
from modelops.blueprints.netlang.source import GeneratorOptions
from modelops.customization_files import json_schema

Schema = dict[str, Any]
KINDS = {"string": "text", "integer": "whole number", "boolean": "true or false"}
LIMITS = {
    "minimum": "from",
    "exclusiveMinimum": "over",
    "maximum": "to",
    "exclusiveMaximum": "under",
}


def reference() -> str:
    """Every section of a customization file, netlang's options, and bases.yaml."""
    parts = [f"## Fields of a customization file\n\n{customization()}"]
    options = table(GeneratorOptions.model_json_schema())
    parts.append(f"## Options of netlang's sources and slices\n\n{options}")
    bases = catalog_schema()
    entry = bases["additionalProperties"] | {"$defs": bases["$defs"]}
    parts.append(f"## Fields of bases.yaml\n\n{tables(sections('NAME', entry, entry['$defs']))}")
    return "\n".join(parts)


def customization() -> str:
    """The fields of the file, section by section; slices have the same kinds as sources."""
    schema = json_schema()
    found = sections("", schema, schema["$defs"])
    return tables((title, part) for title, part in found if "slices.NAME" not in title)


def tables(parts: Iterator[tuple[str, Schema]]) -> str:
    """A heading and a table for each section."""
    return "\n".join(
        f"### {title}\n\n{table(part)}".removeprefix("### \n\n") for title, part in parts
    )


def sections(path: str, here: Schema, definitions: Schema) -> Iterator[tuple[str, Schema]]:
    """Title and schema of every mapping, in the order of its fields."""
    kind = here["properties"].get("kind", {}).get("const")
    yield (f"`{path}`" if path else "") + (f", kind `{kind}`" if kind else ""), here
    for name, field in here["properties"].items():
        where, inner = f"{path}.{name}" if path else name, field
        if isinstance(field.get("additionalProperties"), dict):
            where, inner = f"{where}.NAME", field["additionalProperties"]
        for one in inner.get("oneOf", [inner]):
            if "$ref" in one:
                yield from sections(where, definitions[one["$ref"].rsplit("/", 1)[-1]], definitions)


def table(schema: Schema) -> str:
    """A row for each field."""
    rows = ["| field | value | default | meaning |", "|---|---|---|---|"]
    for name, field in schema["properties"].items():
        required = name in schema.get("required", [])
        cells = [f"`{name}`", form(field), "required" if required else default(field)]
        meaning = " ".join(field.get("description", "").split())
        rows.append(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in [*cells, meaning]) + " |"
        )
    return "\n".join(rows) + "\n"


def form(schema: Schema) -> str:
    """What a value looks like, in words."""
    if "anyOf" in schema:
        return " or ".join(form(one) for one in schema["anyOf"])
    if choices := schema.get("enum") or ("const" in schema and [schema["const"]]):
        return ", ".join(f"`{choice}`" for choice in choices)
    kind = schema.get("type", "object")
    if kind == "array":
        return f"list of {form(schema['items'])}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"name -> {form(inner)}" if isinstance(inner, dict) else "mapping"
    bounds = [f"{word} {schema[key]:,}" for key, word in LIMITS.items() if key in schema]
    return " ".join([KINDS.get(kind, kind), *bounds])


def default(schema: Schema) -> str:
    """What holds when the field is left out."""
    value = schema.get("default", {})  # a mapping that starts empty has no default in a schema
    if isinstance(value, dict):
        given = [f"`{key}: {one}`" for key, one in value.items() if one is not None]
        return given[0] if len(given) == 1 else "as below" if given else "empty"
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value) or "empty"
    return "null" if value is None else f"`{value}`" if value != "" else "empty"

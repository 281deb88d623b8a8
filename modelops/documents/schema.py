"""JSON Schema for editors: how a schema looks for a mapping that only overrides another one."""

from typing import Any

PREFIX = "Partial"


def partial_definitions(definitions: dict[str, Any]) -> dict[str, Any]:
    """Each definition once more, under a prefixed name, with nothing required in it."""
    return {f"{PREFIX}{name}": partial(schema) for name, schema in definitions.items()}


def partial(schema: Any) -> Any:
    """The schema of overrides: any field may be left out, null removes an entry of a mapping."""
    if isinstance(schema, list):
        return [partial(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    loose: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref":
            loose[key] = value.replace("#/$defs/", f"#/$defs/{PREFIX}")
        elif key == "oneOf":  # without `kind`, more than one alternative fits
            loose["anyOf"] = partial(value)
        elif key == "additionalProperties" and isinstance(value, dict):
            loose[key] = {"anyOf": [partial(value), {"type": "null"}]}
        elif key not in ("required", "discriminator", "default", "minProperties"):
            loose[key] = partial(value)
    return loose

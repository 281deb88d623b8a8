"""Find blueprints by name among installed entry points; imports only the one that is named."""

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from modelops.errors import CustomizationError

if TYPE_CHECKING:
    from modelops.corpus.protocols import Blueprint  # imports pyarrow

GROUP = "modelops.blueprints"
"""The entry-point group in which a package offers blueprints, as `name = "module:OBJECT"`."""


def blueprint_names() -> list[str]:
    """Names of the installed blueprints, sorted."""
    return sorted(_offered())


def load_blueprint(name: str) -> "Blueprint":
    """The blueprint called `name`; CustomizationError names those that are installed."""
    offered = _offered()
    if name not in offered:
        raise CustomizationError(
            f"Blueprint `{name}` is not installed; use {', '.join(sorted(offered)) or 'none'}, or "
            f"install the package that offers it under the entry point {GROUP}."
        )
    try:
        return cast("Blueprint", offered[name].load())
    except (ImportError, AttributeError) as error:
        raise CustomizationError(
            f"Blueprint `{name}` ({offered[name].value}) cannot be imported: {error}. Reinstall "
            "the package that offers it."
        ) from error


def _offered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}

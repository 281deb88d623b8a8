"""What an asset shows of the thing it keeps: plain numbers, Markdown tables, pictures."""

from base64 import b64encode
from typing import Any

import dagster as dg

from modelops.lifecycle.kept import Kept
from modelops.release.releases import Release


def shown(kept: Kept) -> dict[str, Any]:
    """The artifact's own words; a text that is a Markdown table is shown as one."""
    return {name: _value(value) for name, value in kept.metadata.items()}


def described(release: Release) -> dict[str, Any]:
    """A release in the words of the registry."""
    return {
        "model": release.name,
        "version": release.version,
        "alias": release.alias or "none",
        "epoch": release.epoch,
        "digest": release.digest,
        **dict(release.metrics),
    }


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG inside the page itself: no file that could be missing later."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{b64encode(png).decode()})")


def _value(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("| "):
        return dg.MetadataValue.md(value)
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return dg.MetadataValue.md("\n".join(f"- {line}" for line in value))
    return value

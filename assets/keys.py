"""The names of what is kept: a key is spelled once, from a typed word."""

from typing import Any, Literal

import dagster as dg

from modelops.customization import Customization

Made = list[dg.AssetsDefinition | dg.AssetChecksDefinition]
"""What a factory returns: assets and their checks."""

Kept = Literal["benchmark", "corpus", "adapter", "eval_report", "release"]


def asset_key(customization: Customization, kept: Kept) -> dg.AssetKey:
    """`netlang/adapter` for the full profile, `netlang_demo/adapter` for the demo profile."""
    return dg.AssetKey([customization.slug, kept])


def about(customization: Customization, kept: Kept, kinds: set[str]) -> dict[str, Any]:
    """What every asset of a customization says of itself."""
    return {
        "key": asset_key(customization, kept),
        "group_name": customization.slug,
        "owners": [customization.owner],
        "kinds": kinds,
        "tags": {"modelops/profile": customization.profile},
    }

"""What a release is called and shows of itself in any registry; knows none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from modelops.digests import digest_json
from modelops.ledger.rows import Promotion


@dataclass(frozen=True, slots=True)
class Dataset:
    """A corpus or benchmark that an adapter was made from or measured on."""

    name: str
    digest: str
    context: str
    """`training`, or `evaluation` for the one that the metrics were measured on."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What the registry shows of a release beside its files."""

    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    datasets: tuple[Dataset, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the ledger keeps them."""
        return {
            "metrics": {name: float(value) for name, value in self.metrics.items()},
            "params": {name: str(value) for name, value in self.params.items()},
            "tags": {name: str(value) for name, value in self.tags.items()},
            "datasets": [asdict(dataset) for dataset in self.datasets],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Lineage:
        """The lineage that `to_json` made plain."""
        datasets = tuple(Dataset(**row) for row in value["datasets"])
        return cls(value["metrics"], value["params"], value["tags"], datasets)


def release_key(customization: str, adapter: str, report: str) -> str:
    """The one name of a release in every registry: digest of what it is."""
    return digest_json([customization, adapter, report])


def key_of(promotion: Promotion) -> str:
    """Key of the release that a ledger row promotes or returns to."""
    return release_key(promotion.customization, promotion.adapter, promotion.report)

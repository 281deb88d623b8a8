"""Make MLflow agree with the ledger, whatever was interrupted or lost; safe at any time."""

from modelops.errors import ReleaseError, StoreError
from modelops.ledger.ledger import Ledger
from modelops.ledger.rows import Promotion, standing
from modelops.release.lineage import Lineage, key_of
from modelops.release.registry import Registry
from modelops.store import Store


def reconcile(ledger: Ledger, registry: Registry, store: Store, name: str) -> list[str]:
    """Record missing versions again, restore their files, set the aliases; says what it repaired.

    An empty list means that everything agreed. Raises ReleaseError when the champion or the way
    back is lost in MLflow and in the store alike.
    """
    history = ledger.history(name)
    promoted = [row for row in history if row.action == "promote"]
    needed = {row.epoch for row in standing(history)[-2:]}
    repaired = []
    for row in promoted:
        try:
            repaired += _restore(registry, store, row)
        except StoreError as error:
            if row.epoch in needed:
                raise ReleaseError(
                    f"Epoch {row.epoch} of {name} cannot be recorded again: {error}"
                ) from error
    return repaired + project_current(ledger, registry, name)


def project_current(ledger: Ledger, registry: Registry, name: str) -> list[str]:
    """Set the aliases by the ledger, and again when somebody promoted meanwhile."""
    repaired: list[str] = []
    seen: list[Promotion] | None = None
    while seen != (history := ledger.history(name)):
        seen = history
        repaired += registry.project(name, history)
    return repaired


def _restore(registry: Registry, store: Store, row: Promotion) -> list[str]:
    name, key = row.customization, key_of(row)
    adapter = store.get("adapter", row.adapter)
    version = registry.version_of(name, key)
    if version is None:
        lineage = Lineage.from_json(row.lineage)
        version = registry.record(name, key=key, adapter=adapter, lineage=lineage)
        return [f"epoch {row.epoch} recorded again as version {version}"]
    if registry.repair_files(name, version, adapter):
        return [f"files of version {version} uploaded again"]
    return []

"""Promote, roll back, list: the ledger decides first, MLflow is told after."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from modelops.errors import ReleaseError
from modelops.ledger.ledger import Ledger
from modelops.ledger.rows import Decision, Promotion, standing
from modelops.release.lineage import Lineage, key_of, release_key
from modelops.release.reconcile import project_current
from modelops.release.registry import Registry
from modelops.store import Artifact

Status = Literal["champion", "previous", "superseded", "rolled back"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter with the report it was judged by, ready to be promoted."""

    customization: str
    report: str
    """Digest of the eval report."""
    adapter: Artifact
    lineage: Lineage


@dataclass(frozen=True, slots=True)
class Release:
    """One promoted adapter as a person sees it."""

    name: str
    version: str
    """MLflow model version."""
    status: Status
    digest: str
    """Digest of the adapter."""
    base: str
    report: str
    epoch: int
    """The epoch at which it was promoted."""
    at: str
    actor: str
    decision_id: int
    metrics: Mapping[str, float]

    @property
    def alias(self) -> str:
        """`champion`, `previous`, or empty."""
        return self.status if self.status in ("champion", "previous") else ""


def promote_release(
    ledger: Ledger, registry: Registry, candidate: Candidate, *, expected_epoch: int, actor: str
) -> Release:
    """Record the adapter in MLflow, promote it in the ledger, then move the aliases.

    `expected_epoch` is the epoch in force when the candidate was judged, 0 for none. Repeating the
    call completes what was interrupted; a release that a later one has replaced, or that was rolled
    back, stays so, and its status says it.
    Raises ReleaseError unless the newest recorded decision on the report is `promote`, and
    ConflictError when another epoch is in force.
    """
    name, adapter = candidate.customization, candidate.adapter
    decision = _passed(ledger, candidate)
    key = release_key(name, adapter.digest, candidate.report)
    lineage = _signed(candidate.lineage, decision)
    version = registry.record(name, key=key, adapter=adapter, lineage=lineage)
    promotion = ledger.promote(
        decision.id,
        version=version,
        lineage=lineage.to_json(),
        expected_epoch=expected_epoch,
        actor=actor,
    )
    return _projected(ledger, registry, promotion)


def rollback(
    ledger: Ledger, registry: Registry, name: str, *, expected_epoch: int, actor: str
) -> Release:
    """Take back the release in force at `expected_epoch` and return the one that serves now.

    Repeating a call that was interrupted completes it and does not go back further.
    Raises ReleaseError when nothing came before, ConflictError when another epoch is in force.
    """
    history = ledger.history(name)
    if history and history[-1].undoes is not None and history[-1].epoch == expected_epoch + 1:
        return _projected(ledger, registry, history[-1])
    if len(standing(history)) < 2:
        raise ReleaseError(
            f"{name} has {len(standing(history))} release in force and none before it to go back "
            "to: promote another adapter instead."
        )
    promotion = ledger.rollback(name, expected_epoch=expected_epoch, actor=actor)
    return _projected(ledger, registry, promotion)


def list_releases(ledger: Ledger, name: str, registry: Registry | None = None) -> list[Release]:
    """Every release of a customization, newest first.

    Versions are those of the ledger; with `registry`, those MLflow has now, which differ after a
    lost registry was recorded again.
    """
    history = ledger.history(name)
    stands = [row.epoch for row in standing(history)]
    undone = {row.undoes for row in history}
    releases = []
    for row in reversed([row for row in history if row.action == "promote"]):
        version = registry.version_of(name, key_of(row)) if registry else None
        releases.append(_release(row, version or row.version, _status(row.epoch, stands, undone)))
    return releases


def _passed(ledger: Ledger, candidate: Candidate) -> Decision:
    name, report = candidate.customization, candidate.report
    decision = ledger.decision_on(name, report)
    if decision is None:
        raise ReleaseError(
            f"No decision on report {report[:12]} of {name} is recorded: evaluate it first."
        )
    if decision.verdict != "promote":
        raise ReleaseError(
            f"The gate said {decision.verdict} to report {report[:12]} of {name}: "
            f"{'; '.join(decision.reasons)}. Train a better candidate, then evaluate it."
        )
    if decision.adapter != candidate.adapter.digest:
        raise ReleaseError(
            f"Report {report[:12]} is about adapter {decision.adapter[:12]}, not "
            f"{candidate.adapter.short}: promote that one, or evaluate this one."
        )
    return decision


def _signed(lineage: Lineage, decision: Decision) -> Lineage:
    tags = {"base": decision.base, "report": decision.report, "decision": str(decision.id)}
    return Lineage(lineage.metrics, lineage.params, {**lineage.tags, **tags}, lineage.datasets)


def _projected(ledger: Ledger, registry: Registry, promotion: Promotion) -> Release:
    name = promotion.customization
    try:
        project_current(ledger, registry, name)
        releases = list_releases(ledger, name, registry)
    except ReleaseError as error:
        raise ReleaseError(
            f"Epoch {promotion.epoch} of {name} is in the ledger and in force; MLflow's aliases "
            f"are behind until it is reconciled. {error}"
        ) from error
    same = (promotion.adapter, promotion.report)
    return next(row for row in releases if (row.digest, row.report) == same)


def _status(epoch: int, stands: list[int], undone: set[int | None]) -> Status:
    if epoch in undone:
        return "rolled back"
    if epoch == stands[-1]:
        return "champion"
    return "previous" if epoch == stands[-2] else "superseded"


def _release(row: Promotion, version: str, status: Status) -> Release:
    return Release(
        name=row.customization,
        version=version,
        status=status,
        digest=row.adapter,
        base=row.base,
        report=row.report,
        epoch=row.epoch,
        at=row.at,
        actor=row.actor,
        decision_id=row.decision_id,
        metrics=row.lineage["metrics"],
    )

"""From a recorded decision to a release, and what stands after it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from modelops.bases.card import Base
from modelops.customization import Customization
from modelops.errors import ReleaseError
from modelops.evaluation.metrics import Summary, summary_of
from modelops.home import Home
from modelops.lifecycle.data import build_benchmark, build_corpus
from modelops.lifecycle.judging import evaluate_adapter
from modelops.lifecycle.learning import find_adapter
from modelops.release.gate import Decision, decision_of
from modelops.release.lineage import Dataset, Lineage
from modelops.release.reconcile import reconcile as reconcile_registry
from modelops.release.releases import (
    Candidate,
    Release,
    list_releases,
    promote_release,
    rollback,
)
from modelops.store import Artifact


@dataclass(frozen=True, slots=True)
class Rate:
    """Share of benchmark items answered exactly, with its 95 % interval."""

    equivalence: float
    ci_low: float
    ci_high: float
    n: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a customization stands on one base; read back from what was recorded."""

    customization: Customization
    base: Base
    report: Artifact
    bare: Rate
    adapted: Rate
    decision: Decision
    release: Release | None


def release_adapter(
    customization: Customization,
    home: Home,
    base: Base,
    *,
    actor: str,
    tags: Mapping[str, str] | None = None,
) -> Release:
    """Promote the newest adapter on `base` if its recorded decision allows it.

    The eval report is read again here, from the store and from the ledger: whoever calls this
    alone cannot pass a gate that said no. Raises ReleaseError then, with the gate's reasons, and
    for an adapter that was promoted before and then rolled back or overtaken.
    """
    adapter = find_adapter(customization, home, base)
    report = evaluate_adapter(customization, home, base).artifact
    decision = decision_of(report.read_json("decision.json"))
    recorded = home.ledger.decision_on(customization.slug, report.digest)
    if recorded is None or recorded.verdict != decision.verdict:
        raise ReleaseError(
            f"The ledger holds no such decision on report {report.short}: evaluate it again."
        )
    lineage = _lineage(customization, home, base, report, tags or {})
    released = promote_release(
        home.ledger,
        home.registry,
        Candidate(customization.slug, report.digest, adapter, lineage),
        expected_epoch=int(recorded.evidence["epoch"]),
        actor=actor,
    )
    if released.status != "champion":
        raise ReleaseError(
            f"Version {released.version} of {customization.slug} is {released.status} and stays "
            "so: change what it is made from, and the new adapter is judged anew."
        )
    return released


def reconcile(customization: Customization, home: Home) -> list[str]:
    """Make MLflow agree with the ledger; says what it repaired."""
    return reconcile_registry(home.ledger, home.registry, home.store, customization.slug)


def roll_back(home: Home, customization: Customization, *, actor: str) -> Release:
    """Take back the release in force; the one before it serves again."""
    history = home.ledger.history(customization.slug)
    epoch = history[-1].epoch if history else 0
    return rollback(
        home.ledger, home.registry, customization.slug, expected_epoch=epoch, actor=actor
    )


def show(home: Home, customization: Customization, version: str) -> dict[str, Any]:
    """One release, by version or alias, with the decision behind it; JSON values.

    Raises ReleaseError naming the releases that exist.
    """
    releases = list_releases(home.ledger, customization.slug, home.registry)
    found = next((one for one in releases if version in (one.version, one.status)), None)
    if found is None:
        known = ", ".join(f"{one.version} ({one.status})" for one in releases) or "none yet"
        raise ReleaseError(f"{customization.slug} has no release {version}; there are: {known}.")
    decision = home.ledger.decision(found.decision_id)
    return {**asdict(found), "decision": asdict(decision)}


def standing(customization: Customization, home: Home, base: Base) -> Standing:
    """Rates, decision and release of the newest adapter on `base`."""
    report = evaluate_adapter(customization, home, base).artifact
    summaries = report.read_json("summary.json")
    adapter = find_adapter(customization, home, base).digest
    headline = customization.benchmark.headline
    releases = list_releases(home.ledger, customization.slug, home.registry)
    return Standing(
        customization=customization,
        base=base,
        report=report,
        bare=_rate(summary_of(summaries["base"]), headline),
        adapted=_rate(summary_of(summaries["adapter"]), headline),
        decision=decision_of(report.read_json("decision.json")),
        release=next((one for one in releases if one.digest == adapter), None),
    )


def _rate(summary: Summary, headline: str) -> Rate:
    part = summary.slices[headline]
    estimate = part.metrics["equivalence"]
    if estimate.low is None or estimate.high is None:
        raise ReleaseError(f"Slice {headline} has one item: no interval can be given; add items.")
    return Rate(estimate.value, estimate.low, estimate.high, part.n)


def _lineage(
    customization: Customization,
    home: Home,
    base: Base,
    report: Artifact,
    tags: Mapping[str, str],
) -> Lineage:
    corpus = build_corpus(customization, home).artifact
    benchmark = build_benchmark(customization, home).artifact
    summary = summary_of(report.read_json("summary.json")["adapter"])
    return Lineage(
        metrics=dict(_metrics(summary)),
        params=dict(_flat(customization.adaptation.model_dump(mode="json"))),
        tags={
            **customization.tags,
            "modelops/customization": customization.name,
            "modelops/profile": customization.profile,
            "modelops/customization_digest": customization.digest,
            "modelops/owner": customization.owner,
            "modelops/base_digest": base.digest,
            "modelops/corpus": corpus.digest,
            "modelops/benchmark": benchmark.digest,
            **tags,
        },
        datasets=(
            Dataset(f"{customization.slug}/corpus", corpus.digest, "training"),
            Dataset(f"{customization.slug}/benchmark", benchmark.digest, "evaluation"),
        ),
    )


def _metrics(summary: Summary) -> Iterator[tuple[str, float]]:
    for name, part in summary.slices.items():
        for metric, estimate in part.metrics.items():
            yield f"{name}/{metric}", estimate.value


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{name}.")
        elif inner is not None:
            yield f"{prefix}{name}", str(inner)

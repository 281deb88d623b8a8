"""Metrics of one candidate with their intervals: by slice, and by attribute within a slice."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelops.errors import EvaluationError
from modelops.evaluation.bootstrap import percentile_interval, resampled_sums
from modelops.evaluation.outcomes import Outcome

RATES = ("equivalence", "compile_rate")
"""Shares of items, with Wilson intervals; everything else is bootstrapped."""

UNSTATED = "(none)"
"""The cut of items whose record lacks the attribute."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its two-sided interval; both ends are None when one item says nothing of it."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """Metrics of some items. Names: equivalence, compile_rate, score, f1, f1.<facts>, measures."""

    n: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class SliceSummary(Group):
    """Metrics of a slice, and of its cuts: attribute -> value -> group."""

    cuts: Mapping[str, Mapping[str, Group]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """All numbers of one candidate on one benchmark."""

    slices: Mapping[str, SliceSummary]
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, finite numbers and None only."""
        return asdict(self)

    def flat(self) -> dict[str, float]:
        """`slice.metric` -> value, for a metrics store."""
        return {
            f"{where}.{name}": estimate.value
            for where, group in self.slices.items()
            for name, estimate in group.metrics.items()
        }


def summary_of(value: Mapping[str, Any]) -> Summary:
    """The summary that `to_json` wrote."""
    slices = {name: SliceSummary(**_group(part)) for name, part in value["slices"].items()}
    return Summary(slices=slices, confidence=value["confidence"])


def _group(part: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {name: Estimate(**estimate) for name, estimate in part["metrics"].items()}
    read: dict[str, Any] = {"n": part["n"], "metrics": metrics}
    if "cuts" in part:
        read["cuts"] = {
            attribute: {label: Group(**_group(group)) for label, group in groups.items()}
            for attribute, groups in part["cuts"].items()
        }
    return read


def summarise(
    outcomes: Sequence[Outcome],
    *,
    cut_by: Sequence[str] = (),
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Summary:
    """Summary over every slice found in `outcomes`, whatever their order.

    Rates carry Wilson (1927) intervals, all else percentile bootstrap intervals over items.
    Raises EvaluationError when there are no outcomes or a measure takes the name of a metric.
    """
    if not outcomes:
        raise EvaluationError("There are no outcomes to summarise: evaluate the benchmark first.")
    ordered = sorted(outcomes, key=lambda one: (one.slice, one.id))

    def measured(part: Sequence[Outcome]) -> dict[str, Any]:
        return {"n": len(part), "metrics": _estimates(part, confidence, resamples, seed)}

    slices = {
        name: SliceSummary(
            **measured(part),
            cuts={
                attribute: {label: Group(**measured(few)) for label, few in cut.items()}
                for attribute in cut_by
                for cut in [_parts(part, lambda one, a=attribute: one.attributes.get(a, UNSTATED))]
            },
        )
        for name, part in _parts(ordered, lambda one: one.slice).items()
    }
    return Summary(slices=slices, confidence=confidence)


def _parts(
    outcomes: Iterable[Outcome], label: Callable[[Outcome], str]
) -> dict[str, list[Outcome]]:
    parts: dict[str, list[Outcome]] = {}
    for one in outcomes:
        parts.setdefault(label(one), []).append(one)
    return dict(sorted(parts.items()))


def values(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Metric name -> value over all of `outcomes`, without intervals."""
    return {name: top / below for name, (top, below) in _totals(_ratios(outcomes)).items()}


Ratios = dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]]
"""Metric -> per-item numerators and denominators, shape (n,): the metric is sum over sum."""


def _ratios(outcomes: Sequence[Outcome]) -> Ratios:
    ones = np.ones(len(outcomes))
    ratios: Ratios = {
        "equivalence": (np.array([float(one.exact) for one in outcomes]), ones),
        "compile_rate": (np.array([float(one.valid) for one in outcomes]), ones),
        "score": (np.array([one.score for one in outcomes]), ones),
    }
    ratios |= _fact_ratios(outcomes)
    for name in sorted({name for one in outcomes for name in one.measures}):
        if name in ratios:
            raise EvaluationError(
                f"The verifier's measure `{name}` takes the name of a metric: rename it."
            )
        measured = np.array([float(name in one.measures) for one in outcomes])
        ratios[name] = (np.array([one.measures.get(name, 0.0) for one in outcomes]), measured)
    return ratios


def _fact_ratios(outcomes: Sequence[Outcome]) -> Ratios:
    groups = sorted({group for one in outcomes for group in one.facts})
    none = (0, 0, 0)
    table = np.array([[one.facts.get(group, none) for group in groups] for one in outcomes], float)
    if not groups:
        return {}
    right, asked = 2 * table[:, :, 0], table[:, :, 1] + table[:, :, 2]
    ratios: Ratios = {"f1": (right.sum(axis=1), asked.sum(axis=1))}
    for at, group in enumerate(groups):
        ratios[f"f1.{group}"] = (right[:, at], asked[:, at])
    return {name: pair for name, pair in ratios.items() if pair[1].any()}


def _totals(ratios: Ratios) -> dict[str, tuple[float, float]]:
    return {name: (float(top.sum()), float(below.sum())) for name, (top, below) in ratios.items()}


def _estimates(
    outcomes: Sequence[Outcome], confidence: float, resamples: int, seed: int
) -> dict[str, Estimate]:
    ratios = _ratios(outcomes)
    resampled = [name for name in ratios if name not in RATES]
    columns = np.stack([column for name in resampled for column in ratios[name]], axis=1)
    sums = resampled_sums(columns, resamples=resamples, seed=seed)
    intervals = {
        name: percentile_interval(sums[:, 2 * at], sums[:, 2 * at + 1], confidence)
        for at, name in enumerate(resampled)
        if np.count_nonzero(ratios[name][1]) > 1
    }
    totals = _totals(ratios)
    for name in RATES:
        intervals[name] = wilson(round(totals[name][0]), len(outcomes), confidence)
    unknown = (None, None)
    return {
        name: Estimate(top / below, *intervals.get(name, unknown))
        for name, (top, below) in totals.items()
    }


def wilson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share of n items. Wilson (1927), without continuity correction."""
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)

"""The gate: from two candidates' outcomes to a decision with its reasons; knows no registry."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from modelops.errors import EvaluationError
from modelops.evaluation.metrics import values
from modelops.evaluation.outcomes import Outcome
from modelops.evaluation.paired import Paired, compare, items_needed
from modelops.release.policy import Gate

Verdict = Literal["promote", "hold", "refuse"]


@dataclass(frozen=True, slots=True)
class _Ruling:
    reasons: tuple[str, ...]
    """Plain sentences with their numbers; never empty."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The numbers behind the reasons, JSON values only."""

    verdict: ClassVar[Verdict]

    def to_json(self) -> dict[str, Any]:
        """What the ledger keeps; `decision_of` reads it back."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class Promote(_Ruling):
    """The candidate showed what the customization asks for."""

    verdict: ClassVar[Verdict] = "promote"


@dataclass(frozen=True, slots=True)
class Hold(_Ruling):
    """The comparison was fair, and does not show enough: the reference stays."""

    verdict: ClassVar[Verdict] = "hold"


@dataclass(frozen=True, slots=True)
class Refuse(_Ruling):
    """A floor is broken, or the benchmark cannot show what is asked of it."""

    verdict: ClassVar[Verdict] = "refuse"


Decision = Promote | Hold | Refuse


def decision_of(value: Mapping[str, Any]) -> Decision:
    """The decision that `to_json` wrote."""
    kinds: dict[str, type[Decision]] = {kind.verdict: kind for kind in (Promote, Hold, Refuse)}
    return kinds[value["verdict"]](tuple(value["reasons"]), dict(value["evidence"]))


def decide(
    gate: Gate,
    *,
    candidate: Sequence[Outcome],
    reference: Sequence[Outcome],
    reference_name: Literal["champion", "base"],
    headline: str,
) -> Decision:
    """Rule on the items of slice `headline`, paired by item.

    Refused: fewer items than `minimum_effect` needs, or a metric under its floor (point estimate).
    Promoted: the paired interval lies above `min_gain` and exact McNemar is significant. Both are
    two-sided and only a gain promotes, so that a candidate no better than the reference is
    promoted with probability (1 - confidence) / 2 at most. Otherwise held.
    Raises EvaluationError when the outcomes do not pair, a metric is not finite, or a floor names
    no metric.
    """
    ours = [one for one in candidate if one.slice == headline]
    theirs = [one for one in reference if one.slice == headline]
    if not ours or not theirs:
        raise EvaluationError(
            f"Slice `{headline}` has {len(ours)} outcomes of the candidate and {len(theirs)} of "
            f"the {reference_name}: evaluate both before deciding."
        )
    seen = compare(ours, theirs, gate.confidence)
    measured = _finite(values(ours))
    needed = _items_needed(gate, seen)
    evidence = _evidence(seen, needed, measured, (headline, reference_name))
    refusals = _too_few(gate, seen, needed) + _broken_floors(gate, measured)
    story = _story(seen, reference_name)
    if refusals:
        return Refuse((*refusals, story), evidence)
    shortfalls = _shortfalls(gate, seen, reference_name)
    if shortfalls:
        return Hold((*shortfalls, story), evidence)
    return Promote((story,), evidence)


def _finite(measured: dict[str, float]) -> dict[str, float]:
    odd = sorted(name for name, value in measured.items() if not math.isfinite(value))
    if odd:
        raise EvaluationError(
            f"{', '.join(f'`{name}`' for name in odd)} of the candidate is not a finite number: "
            "correct the verifier and evaluate again."
        )
    return measured


def _items_needed(gate: Gate, seen: Paired) -> int:
    """Items to find a net gain of `minimum_effect` next to the losses seen.

    Gains beyond the effect are left out on purpose: a better candidate never needs more items.
    """
    discordance = min(1.0, gate.minimum_effect + 2 * seen.only_old / seen.n)
    return items_needed(
        gate.minimum_effect, power=gate.power, confidence=gate.confidence, discordance=discordance
    )


def _too_few(gate: Gate, seen: Paired, needed: int) -> list[str]:
    if seen.n >= needed:
        return []
    return [
        f"The benchmark has {seen.n} items; {needed} would be enough to show a gain of "
        f"{_points(gate.minimum_effect)} with {_share(gate.power)} power "
        f"at {_share(gate.confidence)} confidence."
    ]


def _broken_floors(gate: Gate, measured: Mapping[str, float]) -> list[str]:
    unknown = sorted(gate.floors.keys() - measured.keys())
    if unknown:
        raise EvaluationError(
            f"gate.floors names {', '.join(f'`{name}`' for name in unknown)}; the metrics here are "
            f"{', '.join(sorted(measured))}."
        )
    return [
        f"{name} is {measured[name]:.3f}, under its floor of {floor:g}."
        for name, floor in sorted(gate.floors.items())
        if measured[name] < floor
    ]


def _shortfalls(gate: Gate, seen: Paired, reference_name: str) -> list[str]:
    if seen.only_new == seen.only_old == 0:
        return [
            f"No difference: both are right and wrong on the same items as the {reference_name}."
        ]
    found = []
    if seen.low <= gate.min_gain:
        found.append(
            f"The gain may be as small as {_points(seen.low)}; it has to exceed "
            f"{_points(gate.min_gain)} at {_share(gate.confidence)} confidence."
        )
    if seen.p_value >= 1 - gate.confidence or seen.difference <= 0:
        found.append(
            f"{seen.only_new} items newly right against {seen.only_old} newly wrong can be chance "
            f"(exact McNemar {_p(seen.p_value)})."
            if seen.difference > 0
            else f"The candidate is not better: {seen.only_new} items newly right, "
            f"{seen.only_old} newly wrong."
        )
    return found


def _story(seen: Paired, reference_name: str) -> str:
    new, old = seen.both_right + seen.only_new, seen.both_right + seen.only_old
    return (
        f"Equivalence rate {_share(new / seen.n)} against {_share(old / seen.n)} of the "
        f"{reference_name} on {seen.n} items: a difference of {_points(seen.difference)} "
        f"({_share(seen.confidence)} interval {100 * seen.low:+.1f} to {100 * seen.high:+.1f}; "
        f"exact McNemar {_p(seen.p_value)}; {seen.only_new} newly right, "
        f"{seen.only_old} newly wrong)."
    )


def _evidence(
    seen: Paired, needed: int, measured: Mapping[str, float], names: tuple[str, str]
) -> dict[str, Any]:
    return {
        "headline": names[0],
        "reference": names[1],
        "items": seen.n,
        "items_needed": needed,
        "candidate_equivalence": (seen.both_right + seen.only_new) / seen.n,
        "reference_equivalence": (seen.both_right + seen.only_old) / seen.n,
        "difference": seen.difference,
        "low": seen.low,
        "high": seen.high,
        "confidence": seen.confidence,
        "p_value": seen.p_value,
        "both_right": seen.both_right,
        "only_new": seen.only_new,
        "only_old": seen.only_old,
        "both_wrong": seen.both_wrong,
        "metrics": dict(measured),
    }


def _share(value: float) -> str:
    return f"{round(100 * value, 1):g} %"


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points" if share else "0 points"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"

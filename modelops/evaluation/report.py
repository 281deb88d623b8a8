"""The eval report as one self-contained HTML page; draws numbers, computes none of its own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol

from modelops.evaluation.diffs import Line, diff, visible
from modelops.evaluation.metrics import RATES, Estimate, Group, Summary
from modelops.evaluation.outcomes import Outcome
from modelops.evaluation.paired import Paired, compare

if TYPE_CHECKING:
    from jinja2 import Template

LABELS = {
    "equivalence": "Equivalence rate",
    "compile_rate": "Compile rate",
    "score": "Score",
    "f1": "F1 of all facts",
}


class Ruling(Protocol):
    """A decision of the gate."""

    @property
    def verdict(self) -> str:
        """promote, hold or refuse."""
        ...

    @property
    def reasons(self) -> tuple[str, ...]:
        """Plain sentences."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What was evaluated, in words and digests."""

    customization: str
    profile: str
    purpose: str
    owner: str
    base_id: str
    base_note: str
    """How the base's weights were quantized before, or empty."""
    adapter: str
    benchmark: str
    headline: str
    verifier_note: str
    """What the verifier itself cannot see, for the reader."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One column of the report: `role` is adapter, base or champion."""

    role: str
    summary: Summary
    outcomes: Sequence[Outcome]
    note: str = ""
    """How it was asked, for example `3 worked examples`."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One contender's estimate, in words and as percentages of the axis."""

    role: str
    text: str
    interval: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A label, the items behind it (0: not stated), and a bar, or None, for each contender."""

    label: str
    n: int
    bars: tuple[Bar | None, ...]


@dataclass(frozen=True, slots=True)
class Duel:
    """Adapter against one reference, paired."""

    role: str
    table: Paired


@dataclass(frozen=True, slots=True)
class Wrong:
    """One item that the adapter got wrong."""

    outcome: Outcome
    prompt: str
    wanted: str
    given: str
    lines: tuple[Line, ...]


def render_report(
    subject: Subject,
    candidate: Contender,
    references: Sequence[Contender],
    decision: Ruling | None = None,
) -> str:
    """HTML of the report: no scripts, no outside resources, every text escaped.

    The same arguments give the same bytes. Raises EvaluationError when outcomes do not pair.
    """
    everyone = (candidate, *references)
    headline = subject.headline
    groups = [one.summary.slices[headline] for one in everyone]
    attributes = sorted(groups[0].cuts)
    features = [name for name in sorted(groups[0].metrics) if name.startswith("f1.")]
    measures = [name for name in in_order(groups[0].metrics) if not name.startswith("f1.")]
    return _template().render(
        subject=subject,
        everyone=everyone,
        decision=decision,
        confidence=candidate.summary.confidence,
        top=_row("equivalence", everyone, groups),
        metrics=[_row(name, everyone, groups) for name in measures],
        features=[replace(_row(name, everyone, groups), n=0) for name in features],
        cuts={attribute: _cut_rows(attribute, everyone, headline) for attribute in attributes},
        slices=_slice_rows(everyone),
        duels=[Duel(other.role, _duel(candidate, other, headline)) for other in references],
        worst=worst_items(candidate.outcomes, headline),
        wrong=sum(not one.exact for one in candidate.outcomes if one.slice == headline),
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    source = resources.files("modelops.evaluation").joinpath("report.html.j2")
    rules: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True}
    environment = Environment(autoescape=True, undefined=StrictUndefined, **rules)
    return environment.from_string(source.read_text(encoding="utf-8"))


def _duel(candidate: Contender, other: Contender, headline: str) -> Paired:
    ours = [one for one in candidate.outcomes if one.slice == headline]
    theirs = [one for one in other.outcomes if one.slice == headline]
    return compare(ours, theirs, candidate.summary.confidence)


def _row(
    name: str, everyone: Sequence[Contender], groups: Sequence[Group | None], label: str = ""
) -> Row:
    bars = [
        _bar(one.role, name, group.metrics[name]) if group and name in group.metrics else None
        for one, group in zip(everyone, groups, strict=True)
    ]
    first = groups[0]
    return Row(label or label_of(name), first.n if first else 0, tuple(bars))


def _slice_rows(everyone: Sequence[Contender]) -> dict[str, list[Row]]:
    names = ("equivalence", "compile_rate", "f1")
    found = {}
    for where in everyone[0].summary.slices:
        groups = [one.summary.slices.get(where) for one in everyone]
        found[where] = [_row(name, everyone, groups) for name in names]
    return found


def _cut_rows(attribute: str, everyone: Sequence[Contender], headline: str) -> list[Row]:
    cuts = [one.summary.slices[headline].cuts.get(attribute, {}) for one in everyone]
    return [
        _row("equivalence", everyone, [cut.get(label) for cut in cuts], label) for label in cuts[0]
    ]


def _bar(role: str, name: str, estimate: Estimate) -> Bar:
    ends = (estimate.low, estimate.high)
    low, high = (None if end is None else _percent(end) for end in ends)
    known = [number(name, end) for end in ends if end is not None]
    interval = " to ".join(known) if known else "one item"
    text = number(name, estimate.value)
    return Bar(role, text, interval, _percent(estimate.value), low, high)


def _percent(value: float) -> float:
    return round(100 * min(max(value, 0.0), 1.0), 2)


def number(name: str, value: float) -> str:
    """A metric's value as a person reads it: rates as percentages."""
    return f"{100 * value:.1f} %" if name in RATES else f"{value:.3f}"


def label_of(name: str) -> str:
    """A metric's name as a person reads it; groups of facts keep the blueprint's own name."""
    if name.startswith("f1."):
        return name.removeprefix("f1.")
    return LABELS.get(name, name.replace("_", " ").capitalize())


def in_order(names: Collection[str]) -> list[str]:
    """Names of metrics, the headline first, the verifier's own measures last."""
    return [*(name for name in LABELS if name in names), *sorted(set(names) - LABELS.keys())]


def worst_items(outcomes: Sequence[Outcome], headline: str, limit: int = 10) -> list[Wrong]:
    """The items of the headline slice that were answered worst: not exact, lowest score first."""
    wrong = [one for one in outcomes if one.slice == headline and not one.exact]
    wrong.sort(key=lambda one: (one.score, one.id))
    return [
        Wrong(
            outcome=one,
            prompt=visible(one.prompt),
            wanted=visible(one.wanted),
            given=visible(one.completion),
            lines=tuple(diff(one.wanted, one.completion)),
        )
        for one in wrong[:limit]
    ]

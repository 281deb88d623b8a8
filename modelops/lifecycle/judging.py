"""From an adapter to a recorded decision: outcomes, eval report, gate."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import modelops.evaluation
import modelops.inference
import modelops.release
from modelops.bases.card import Base
from modelops.bases.shelf import load_base
from modelops.corpus.benchmark import read_benchmark
from modelops.corpus.files import read_records
from modelops.corpus.records import Record
from modelops.customization import Customization
from modelops.digests import digest_package
from modelops.errors import ReleaseError
from modelops.evaluation.examples import choose_examples
from modelops.evaluation.markdown import summary_markdown
from modelops.evaluation.metrics import Summary, summarise, summary_of
from modelops.evaluation.outcomes import (
    Item,
    Outcome,
    judge_all,
    read_outcomes,
    write_outcomes,
)
from modelops.evaluation.report import Contender, Subject, render_report
from modelops.home import Home
from modelops.ledger.rows import Promotion, Ruling, standing
from modelops.lifecycle.data import blueprint_of, build_benchmark, build_corpus
from modelops.lifecycle.kept import Draft, Kept, keep
from modelops.lifecycle.learning import find_adapter
from modelops.progress import Report, silent
from modelops.release.gate import Decision, decide, decision_of
from modelops.store import Artifact
from modelops.training.provenance import PACKAGES

if TYPE_CHECKING:
    from modelops.inference.engine import Engine

OUTCOMES, PAGE = "outcomes.parquet", "report.html"


@dataclass
class Bench:
    """One benchmark and whoever stands before it; an engine is loaded when somebody must answer."""

    customization: Customization
    home: Home
    report: Report = silent
    _engines: dict[str, "Engine"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.artifact = build_benchmark(self.customization, self.home).artifact
        slices = read_benchmark(self.artifact.folder())
        self.items = [Item(name, item) for name, items in slices.items() for item in items]
        self.blueprint = blueprint_of(self.customization)

    def bare(self, base: Base) -> Kept:
        """Outcomes of the base without an adapter, shown worked examples from the corpus."""
        examples = self._examples()
        shown = [(record.prompt, record.completion) for record in examples]
        inputs = [self._conditions(base), [record.id for record in examples]]
        return keep(
            self.home,
            "outcomes",
            inputs,
            lambda folder: self._answer(folder, base, None, shown),
        )

    def adapted(self, base: Base, adapter: Artifact) -> Kept:
        """Outcomes of an adapter on its base."""
        inputs = [self._conditions(base), adapter.digest]
        return keep(
            self.home,
            "outcomes",
            inputs,
            lambda folder: self._answer(folder, base, adapter, []),
        )

    def outcomes(self, artifact: Artifact) -> list[Outcome]:
        """What an outcomes artifact holds; refuses one of another benchmark."""
        return read_outcomes(artifact.path(OUTCOMES), benchmark=self.artifact.digest)

    def summary(self, outcomes: Sequence[Outcome]) -> Summary:
        """Metrics of every slice, with intervals."""
        return summarise(
            outcomes,
            cut_by=self.blueprint.slice_by if self.blueprint else (),
            confidence=0.95,
            resamples=self.customization.benchmark.bootstrap,
        )

    def _answer(
        self, folder: Path, base: Base, adapter: Artifact | None, shown: list[tuple[str, str]]
    ) -> Draft:
        engine = self._engine(base)
        if adapter:
            engine.attach(adapter.folder(), adapter.digest)
        step = f"evaluate {'adapter' if adapter else 'bare base'}"
        completions = engine.generate(
            [item.record.prompt for item in self.items],
            adapter=adapter.digest if adapter else None,
            max_new_tokens=self.customization.benchmark.max_new_tokens,
            examples=shown,
            report=lambda _, done, total, numbers: self.report(step, done, total, numbers),
        )
        outcomes = judge_all(self.items, completions, self.blueprint)
        write_outcomes(folder / OUTCOMES, outcomes, benchmark=self.artifact.digest)
        return Draft(meta={"items": len(outcomes), "examples": len(shown)})

    def _engine(self, base: Base) -> "Engine":
        from modelops.inference.engine import Engine

        if base.digest not in self._engines:
            self._engines.clear()  # one base in memory at a time
            self._engines[base.digest] = Engine(base)
        return self._engines[base.digest]

    def _examples(self) -> list[Record]:
        corpus = build_corpus(self.customization, self.home).artifact
        return choose_examples(
            read_records(corpus.path("train.parquet")),
            self.customization.benchmark.base_examples,
            seed=self.customization.adaptation.seed,
            held_out={item.record.prompt for item in self.items},
        )

    def _conditions(self, base: Base) -> dict:
        code = [digest_package(modelops.inference), digest_package(modelops.evaluation)]
        return {
            "base": base.digest,
            "benchmark": self.artifact.digest,
            "max_new_tokens": self.customization.benchmark.max_new_tokens,
            "packages": {name: version(name) for name in PACKAGES},
            "code": [*code, self.blueprint.code_digest if self.blueprint else None],
        }


def evaluate_adapter(
    customization: Customization, home: Home, base: Base, report: Report = silent
) -> Kept:
    """Eval report of the newest adapter on `base`, its decision recorded in the ledger.

    The reference is the champion, or the bare base when there is none. An adapter that already
    serves is measured against what served before it, so that running again changes nothing.
    """
    adapter = find_adapter(customization, home, base)
    bench = Bench(customization, home, report)
    history = home.ledger.history(customization.slug)  # the state of the world that is judged in
    champion = reference(history, adapter.digest)
    mine, bare = bench.adapted(base, adapter), bench.bare(base)
    rival = _champion_outcomes(bench, home, champion) if champion else bare
    inputs = {
        "subject": asdict(_subject(bench, base, adapter)),
        "champion": champion.adapter if champion else None,
        "outcomes": [kept.artifact.digest for kept in (mine, bare, rival)],
        "rule": [customization.gate, customization.benchmark],
        "code": [digest_package(modelops.evaluation), digest_package(modelops.release)],
    }
    kept = keep(
        home,
        "eval_report",
        inputs,
        lambda folder: _write_report(folder, bench, (base, adapter), (mine, bare, rival), champion),
    )
    _record(home, customization.slug, (base, adapter), kept.artifact, history)
    return kept


def recorded_decision(customization: Customization, home: Home, base: Base) -> Decision:
    """The decision in the eval report of the newest adapter; evaluates when there is none."""
    report = evaluate_adapter(customization, home, base).artifact
    return decision_of(report.read_json("decision.json"))


def as_markdown(customization: Customization, report: Artifact) -> str:
    """Table and picture of the adapter's metrics, for an asset's page."""
    summary = summary_of(report.read_json("summary.json")["adapter"])
    return summary_markdown(summary, customization.benchmark.headline)


def reference(history: Sequence[Promotion], adapter: str) -> Promotion | None:
    """The promotion to beat: the newest standing one that is not `adapter` itself."""
    others = [promotion for promotion in standing(history) if promotion.adapter != adapter]
    return others[-1] if others else None


def _champion_outcomes(bench: Bench, home: Home, champion: Promotion) -> Kept:
    base = load_base(champion.base.partition("@")[0], home.bases)
    if base.id != champion.base:
        raise ReleaseError(
            f"The champion was fitted to {champion.base} and {base.id} is imported under that "
            "name: import the champion's base again, so that the comparison is fair."
        )
    return bench.adapted(base, home.store.get("adapter", champion.adapter))


def _write_report(
    folder: Path,
    bench: Bench,
    subject: tuple[Base, Artifact],
    kepts: tuple[Kept, Kept, Kept],
    champion: Promotion | None,
) -> Draft:
    headline = bench.customization.benchmark.headline
    mine, bare, rival = (bench.outcomes(kept.artifact) for kept in kepts)
    role: Literal["champion", "base"] = "champion" if champion else "base"
    decision = decide(
        bench.customization.gate,
        candidate=mine,
        reference=rival,
        reference_name=role,
        headline=headline,
    )
    candidate = Contender("adapter", bench.summary(mine), mine)
    note = f"shown {kepts[1].artifact.meta['examples']} worked examples"
    others = [Contender("base", bench.summary(bare), bare, note)]
    if champion:
        others.append(Contender("champion", bench.summary(rival), rival, champion.adapter[:12]))
    summaries = {one.role: one.summary.to_json() for one in (candidate, *others)}
    about = _subject(bench, *subject)
    _write_json(folder / "subject.json", asdict(about))
    _write_json(folder / "summary.json", summaries)
    _write_json(folder / "decision.json", decision.to_json())
    page = render_report(about, candidate, others, decision)
    (folder / PAGE).write_text(page, "utf-8")
    numbers = _headline_numbers(candidate.summary, headline, decision)
    examples = {"examples": kepts[1].artifact.meta["examples"]}
    return Draft(attachments=(PAGE,), meta={**numbers, **examples})


def _subject(bench: Bench, base: Base, adapter: Artifact) -> Subject:
    customization = bench.customization
    return Subject(
        customization=customization.name,
        profile=customization.profile,
        purpose=customization.purpose,
        owner=customization.owner,
        base_id=base.id,
        base_note="; ".join(base.card.quantization),
        adapter=adapter.digest,
        benchmark=bench.artifact.digest,
        headline=customization.benchmark.headline,
        verifier_note=bench.blueprint.note if bench.blueprint else "",
    )


def _headline_numbers(summary: Summary, headline: str, decision: Decision) -> dict:
    metrics = summary.slices[headline].metrics
    numbers = {name: estimate.value for name, estimate in metrics.items()}
    return {**numbers, "verdict": decision.verdict, "reasons": list(decision.reasons)}


def _record(
    home: Home,
    slug: str,
    subject: tuple[Base, Artifact],
    report: Artifact,
    history: Sequence[Promotion],
) -> None:
    """Put the decision into the ledger, with the epoch in force when it was judged.

    The ledger refuses to promote it at any other epoch: a champion that changed meanwhile was not
    the one it was compared with.
    """
    if any(row.report == report.digest for row in history):
        return  # decided and acted on; judging again must not reopen it
    base, adapter = subject
    decision = decision_of(report.read_json("decision.json"))
    ruling = Ruling(
        customization=slug,
        base=base.id,
        adapter=adapter.digest,
        report=report.digest,
        verdict=decision.verdict,
        reasons=decision.reasons,
        evidence={**decision.evidence, "epoch": history[-1].epoch if history else 0},
    )
    home.ledger.record_decision(ruling, actor="gate")


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", "utf-8")

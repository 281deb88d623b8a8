"""netlang as a blueprint: what the engine may ask of this industry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelops.blueprints.netlang.axon import compile_axon
from modelops.blueprints.netlang.canonical import canonical
from modelops.blueprints.netlang.distance import relative_edit_distance
from modelops.blueprints.netlang.ir import identity, obstacles
from modelops.blueprints.netlang.source import Generator, GeneratorOptions
from modelops.blueprints.netlang.verify import verify, wanted
from modelops.corpus.protocols import Blueprint, Judgement
from modelops.corpus.records import Record
from modelops.digests import digest_file, digest_json


def _code_digest() -> str:
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return digest_json({module.name: digest_file(module) for module in modules})


@dataclass(slots=True)  # not frozen: members of the protocol are plain attributes
class Netlang:
    """Legacy router configurations to Axon; implements `modelops.corpus.protocols.Blueprint`."""

    name: str = "netlang"
    note: str = (
        "An answer is right when it compiles to the same device model as its source; no stored "
        "answer is needed. The verifier knows both languages, so its own legacy parser followed "
        "by the canonical printer is a perfect translator and the upper bound (100 %). The method "
        "is for languages whose owner has a compiler and a device model, but no translator. Lines "
        "of a source that the legacy parser does not know are not judged."
    )
    slice_by: tuple[str, ...] = ("size",)
    code_digest: str = field(default_factory=_code_digest)
    """Digest of every module of this package."""

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise pydantic's ValidationError when the options are wrong or leave nothing to draw."""
        GeneratorOptions.model_validate(options)

    def source(self, options: Mapping[str, Any]) -> Generator:
        """The generator that `options` describe; ValidationError when they are wrong."""
        return Generator(GeneratorOptions.model_validate(options))

    def identity(self, record: Record) -> str | None:
        """Equal for prompts whose IRs are equal or differ in the host only, in any language.

        None for a prompt that says nothing but a host, such as prose.
        """
        return identity(wanted(record.prompt, _version(record)).config)

    def judge(self, record: Record, completion: str) -> Judgement:
        """The verifier's view, `lint_clean` (0 or 1) and `edit_distance` (tokens per token).

        Groups of which nothing is wanted or given are left out of the facts. A source that no
        program can say has no edit distance. Raises ValueError for an unknown `axon_version`.
        """
        version = _version(record)
        verdict = verify(record.prompt, completion, version)
        measures = {"lint_clean": float(verdict.compiles and _is_canonical(completion, version))}
        source = wanted(record.prompt, version).config
        if not obstacles(source) and not source.empty:
            answer = canonical(source, version)
            measures["edit_distance"] = relative_edit_distance(completion, answer)
        return Judgement(
            score=verdict.score,
            exact=verdict.exact,
            valid=verdict.compiles,
            facts={group: counts for group, counts in verdict.facts.items() if any(counts)},
            measures=measures,
            error=verdict.error,
        )


NETLANG: Blueprint = Netlang()
"""The entry point `modelops.blueprints: netlang`."""


def _version(record: Record) -> str:
    return record.attributes.get("axon_version", "5.0")


def _is_canonical(program: str, version: str) -> bool:
    return program.removesuffix("\n") == canonical(compile_axon(program, version), version)

"""Benchmark and corpus: from sources to versions."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import modelops.corpus
import modelops.inference.chat
from modelops.bases.card import Base
from modelops.bases.loading import load_tokenizer
from modelops.blueprints.registry import load_blueprint
from modelops.corpus.benchmark import read_benchmark, write_benchmark
from modelops.corpus.curate import ATTACHMENTS, curate
from modelops.corpus.files import read_records
from modelops.corpus.protocols import Blueprint, Source
from modelops.corpus.records import Record
from modelops.corpus.settings import BlueprintSource, SourceSection
from modelops.corpus.sources import open_source
from modelops.customization import Customization
from modelops.digests import digest_file, digest_json, digest_package
from modelops.errors import CorpusError, EvaluationError
from modelops.home import Home
from modelops.inference.chat import Chat
from modelops.lifecycle.kept import Draft, Kept, keep
from modelops.progress import Report, silent


def build_benchmark(customization: Customization, home: Home) -> Kept:
    """The frozen items; written once for one wording of `benchmark.slices`, then only read.

    The code that drew them is no part of the key on purpose: a newer generator changes no item.
    """
    blueprint = blueprint_of(customization)

    def build(folder: Path) -> Draft:
        drawn = _sources(customization.benchmark.slices, home, blueprint)
        counts = write_benchmark(drawn, folder, blueprint)
        _refuse_thawed(customization, folder)
        return Draft(meta={f"items/{name}": count["items"] for name, count in counts.items()})

    sections = customization.benchmark.slices
    inputs = [customization.slug, sections, customization.benchmark.digest, _files(sections, home)]
    return keep(home, "benchmark", inputs, build)


def items_digest(slices: Mapping[str, Sequence[Record]]) -> str:
    """What `benchmark.digest` pins: the ids of the items of every slice."""
    return digest_json({name: sorted(item.id for item in items) for name, items in slices.items()})


def _refuse_thawed(customization: Customization, folder: Path) -> None:
    pinned, drawn = customization.benchmark.digest, items_digest(read_benchmark(folder))
    if pinned not in (None, drawn):
        raise EvaluationError(
            f"The benchmark of {customization.slug} is not the frozen one: its items have digest "
            f"{drawn} and `benchmark.digest` is {pinned}. Bring the old items back, or, if the "
            "change is meant, pin the new digest: releases before and after do not compare."
        )


def build_corpus(customization: Customization, home: Home, report: Report = silent) -> Kept:
    """The curated records; the version is the digest of their content and of the settings."""
    blueprint = blueprint_of(customization)
    benchmark = build_benchmark(customization, home).artifact
    base = home.base(customization.bases[0], customization)

    def build(folder: Path) -> Draft:
        made = curate(
            _sources(customization.sources, home, blueprint),
            customization.corpus,
            benchmark=_items(benchmark.folder()),
            blueprint=blueprint,
            count_tokens=token_counter(base),
            folder=folder,
            report=report,
        )
        return Draft(attachments=ATTACHMENTS, meta=made.summary())

    inputs = {
        "sources": customization.sources,
        "files": _files(customization.sources, home),
        "settings": customization.corpus,
        "day": _day_that_matters(customization),
        "benchmark": benchmark.digest,
        "tokenizer": [base.card.tokenizer_digest, base.card.chat_template_digest],
        "chat": digest_file(Path(modelops.inference.chat.__file__)),
        "code": [digest_package(modelops.corpus), blueprint.code_digest if blueprint else None],
    }
    return keep(home, "corpus", inputs, build)


def leaked_items(customization: Customization, home: Home) -> int:
    """Benchmark items that a corpus record repeats or is equivalent to, counted from the files."""
    blueprint = blueprint_of(customization)
    items = [*_items(build_benchmark(customization, home).artifact.folder())]
    corpus = build_corpus(customization, home).artifact.folder()
    learned = [r for part in ("train", "dev") for r in read_records(corpus / f"{part}.parquet")]
    prompts = {record.prompt for record in learned}
    same = {blueprint.identity(record) for record in learned} - {None} if blueprint else set()
    return sum(
        item.prompt in prompts or (blueprint is not None and blueprint.identity(item) in same)
        for item in items
    )


def blueprint_of(customization: Customization) -> Blueprint | None:
    """The blueprint that the file names, if it names one."""
    return load_blueprint(customization.blueprint) if customization.blueprint else None


def token_counter(base: Base) -> Callable[[list[tuple[str, str]]], list[int]]:
    """Counts the tokens of (prompt, completion) pairs, chat template included."""
    chat = Chat(load_tokenizer(base))

    def count(pairs: list[tuple[str, str]]) -> list[int]:
        examples = chat.pairs([prompt for prompt, _ in pairs], [answer for _, answer in pairs])
        return [len(example.ids) for example in examples]

    return count


def _day_that_matters(customization: Customization) -> str | None:
    """Today, when a record may expire: then a corpus is good for one day.

    Rows of files may carry their own date, so files always count as expiring.
    """
    sections = customization.sources.values()
    expiring = any(s.expires or not isinstance(s, BlueprintSource) for s in sections)
    return date.today().isoformat() if expiring else None


def _items(folder: Path) -> list[Record]:
    return [record for items in read_benchmark(folder).values() for record in items]


def _sources(
    sections: Mapping[str, SourceSection], home: Home, blueprint: Blueprint | None
) -> dict[str, Source]:
    return {
        name: open_source(section, name=name, root=home.checkout, blueprint=blueprint)
        for name, section in sections.items()
    }


def _files(sections: Mapping[str, SourceSection], home: Home) -> dict[str, Any]:
    """Digest of every file that the sources would read: new content is a new version."""
    found: dict[str, Any] = {}
    for name, section in sections.items():
        if isinstance(section, BlueprintSource):
            continue
        path = home.checkout / section.path
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        if not all(file.is_file() for file in files):
            raise CorpusError(f"Source `{name}`: {path} does not exist; correct its `path`.")
        found[name] = {
            file.relative_to(home.checkout).as_posix(): digest_file(file) for file in files
        }
    return found

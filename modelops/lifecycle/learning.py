"""From a corpus to an adapter."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq

from modelops.bases.card import Base
from modelops.customization import Customization
from modelops.digests import digest_json
from modelops.errors import StoreError
from modelops.home import Home
from modelops.lifecycle.data import build_corpus
from modelops.lifecycle.kept import Draft, Kept, keep
from modelops.progress import Report, silent
from modelops.store import Artifact
from modelops.training import provenance
from modelops.training.curve import PICTURE, TABLE
from modelops.training.fit import fit


def fit_adapter(
    customization: Customization, home: Home, base: Base, report: Report = silent
) -> Kept:
    """The adapter of the newest corpus on `base`; a killed call goes on where it was."""
    corpus, finished = build_corpus(customization, home).artifact, list[Path]()

    def build(folder: Path) -> Draft:
        work = home.root / "work"
        fitted = fit(
            base,
            corpus.folder(),
            customization.adaptation,
            work=work,
            report=report,
            notes={"customization": customization.digest, "corpus_version": corpus.digest},
        )
        finished.append(fitted.folder.parent)
        shutil.copytree(fitted.folder, folder, dirs_exist_ok=True)
        told = {name: value for name, value in fitted.summary.items() if value is not None}
        return Draft(attachments=fitted.attachments, meta={**told, "corpus": corpus.digest})

    kept = keep(home, "adapter", _inputs(customization, base, corpus), build)
    for run in finished:  # its checkpoints are of no use once the adapter is kept
        shutil.rmtree(run)
    return kept


def find_adapter(customization: Customization, home: Home, base: Base) -> Artifact:
    """The adapter of the newest corpus on `base`. Raises StoreError when it was not fitted."""
    corpus = build_corpus(customization, home).artifact
    found = home.store.find("adapter", digest_json(_inputs(customization, base, corpus)))
    if found is None:
        raise StoreError(
            f"{customization.slug} has no adapter of its newest corpus on {base.name}: "
            f"materialise {customization.slug}/adapter first, or use `modelops run`."
        )
    return found


def losses(adapter: Artifact) -> tuple[float, float]:
    """Loss per supervised token of the bare base on the first batch, and of the adapter at the end.

    The end is measured on records set aside, or on the last batches when none are.
    """
    first = pq.read_table(adapter.path(TABLE))["loss"][0].as_py()
    after = adapter.meta.get("dev_loss", adapter.meta["loss"])
    return first, after


def loss_curve(adapter: Artifact) -> bytes:
    """The loss curve, PNG."""
    return adapter.path(PICTURE).read_bytes()


def _inputs(customization: Customization, base: Base, corpus: Artifact) -> dict:
    return provenance.inputs(base, corpus.folder(), customization.adaptation)

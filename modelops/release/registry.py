"""The MLflow model registry as a projection of the ledger; nothing else here imports mlflow."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelops.errors import ReleaseError
from modelops.ledger.rows import Promotion, standing
from modelops.offline import stay_offline
from modelops.release.lineage import Dataset, Lineage, key_of
from modelops.store import Artifact

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

KEY_TAG = "modelops_key"
PROMOTED_TAG = "promoted_at"
_CONFIG = "adapter_config.json"
_DIGEST_CHARACTERS = 36  # MLflow's limit for the digest of a dataset; the whole one is its source
_PARAMS_PER_BATCH = 100  # MLflow's limit


class Registry:
    """Model versions and aliases in one MLflow tracking server or database.

    `artifact_root` is the folder or URL for the files of new experiments. A server has its own; for
    a database it has to be given, because MLflow's default depends on the working directory.
    """

    def __init__(self, tracking_uri: str, artifact_root: str | None = None) -> None:
        if artifact_root is None and urlsplit(tracking_uri).scheme not in ("http", "https"):
            raise ReleaseError(
                f"The model registry at {_where(tracking_uri)} has no place for files: "
                "give artifact_root."
            )
        self._uri, self._artifact_root = tracking_uri, artifact_root

    def version_of(self, name: str, key: str) -> str | None:
        """The version recorded under `key`, or None; the lowest, should rivals have made two."""
        with self._speaking():
            found = self._client.search_model_versions(f"name='{name}' and tags.{KEY_TAG}='{key}'")
        return str(min(int(version.version) for version in found)) if found else None

    def record(self, name: str, *, key: str, adapter: Artifact, lineage: Lineage) -> str:
        """The version that holds this adapter; made when `key` is new, else found again.

        Each step looks for what an interrupted call left, so a repetition completes it.
        Raises ReleaseError when the adapter names a local path, a metric is not finite, or MLflow
        refuses.
        """
        found = self.version_of(name, key)
        if found is not None:
            return found
        _check(adapter, lineage)
        tags = {**lineage.tags, KEY_TAG: key, "adapter": adapter.digest}
        folder = adapter.folder()
        with self._speaking():
            self._ensure_model(name)
            experiment = self._ensure_experiment(name)
            run = self._ensure_run(experiment, adapter.short, tags)
            model = self._ensure_logged_model(run, name, tags, str(folder))
            self._log(run, model.model_id, lineage)
            self._client.set_terminated(run.info.run_id, "FINISHED")
            self._create_version(name, model, run, tags)
        return self.version_of(name, key) or ""

    def project(self, name: str, history: Sequence[Promotion]) -> list[str]:
        """Set `previous`, then `champion`, to what the ledger's rows say; returns what it changed.

        Only the rows in force count, so repeating an old call cannot move anything back.
        Raises ReleaseError when a version is missing: reconcile records it again.
        """
        stands = standing(history)
        wanted = {
            "previous": self._needed(name, stands[-2]) if len(stands) > 1 else None,
            "champion": self._needed(name, stands[-1]) if stands else None,
        }
        with self._speaking():
            changed = self._move_aliases(name, wanted)
            if stands and wanted["champion"] is not None:
                changed += self._stamp(name, wanted["champion"], stands[-1].at)
        return changed

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> version, as MLflow has them now; empty when it does not know the name."""
        with self._speaking():
            return self._aliases(name)

    def repair_files(self, name: str, version: str, adapter: Artifact) -> bool:
        """Upload the adapter again if MLflow's copy lacks a file or a size differs."""
        with self._speaking():
            model_id = (self._client.get_model_version(name, version).source or "").rpartition("/")[
                2
            ]
            if self._stored(model_id) == {row.path: row.size_bytes for row in adapter.entries}:
                return False
            self._client.log_model_artifacts(model_id, str(adapter.folder()))
        return True

    @cached_property
    def _client(self) -> MlflowClient:
        stay_offline()
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        import mlflow

        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # quiet migrations
        return mlflow.MlflowClient(self._uri, self._uri)

    def _needed(self, name: str, promotion: Promotion) -> str:
        version = self.version_of(name, key_of(promotion))
        if version is None:
            raise ReleaseError(
                f"MLflow has no version of {name} for epoch {promotion.epoch} "
                f"(adapter {promotion.adapter[:12]}): reconcile, which records it again."
            )
        return version

    def _ensure_model(self, name: str) -> None:
        with _already_there_is_fine():
            self._client.create_registered_model(name)

    def _ensure_experiment(self, name: str) -> str:
        place = f"{self._artifact_root.rstrip('/')}/{name}" if self._artifact_root else None
        found = self._client.get_experiment_by_name(name)
        if found is None:
            with _already_there_is_fine():
                self._client.create_experiment(name, artifact_location=place)
            found = self._client.get_experiment_by_name(name)
        if found is None:
            raise ReleaseError(f"MLflow made the experiment {name} and lost it: look at its log.")
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return found.experiment_id

    def _ensure_run(self, experiment: str, run_name: str, tags: Mapping[str, str]) -> Run:
        found = self._client.search_runs([experiment], f"tags.{KEY_TAG} = '{tags[KEY_TAG]}'")
        return (
            found[0]
            if found
            else self._client.create_run(experiment, tags=dict(tags), run_name=run_name)
        )

    def _ensure_logged_model(
        self, run: Run, name: str, tags: Mapping[str, str], folder: str
    ) -> LoggedModel:
        experiment = run.info.experiment_id
        found = self._client.search_logged_models(
            [experiment], f"tags.{KEY_TAG} = '{tags[KEY_TAG]}'"
        )
        model = (
            found[0]
            if found
            else self._client.create_logged_model(
                experiment,
                name=name,
                source_run_id=run.info.run_id,
                tags=dict(tags),
                model_type="peft-lora",
            )
        )
        if str(model.status) == "READY":
            return model
        self._client.log_model_artifacts(model.model_id, folder)
        return self._client.finalize_logged_model(model.model_id, "READY")

    def _log(self, run: Run, model_id: str, lineage: Lineage) -> None:
        from mlflow.entities import Metric, Param

        measured = [row for row in lineage.datasets if row.context == "evaluation"][:1]
        about = (
            {"dataset_name": measured[0].name, "dataset_digest": _short(measured[0])}
            if (measured)
            else {}
        )
        at = run.info.start_time  # the same each time, so that a repetition adds no second point
        metrics = [
            Metric(key, value, at, 0, model_id=model_id, run_id=run.info.run_id, **about)
            for key, value in lineage.metrics.items()
        ]
        params = [Param(key, str(value)) for key, value in lineage.params.items()]
        self._client.log_batch(run.info.run_id, metrics=metrics, params=params[:_PARAMS_PER_BATCH])
        for start in range(_PARAMS_PER_BATCH, len(params), _PARAMS_PER_BATCH):
            self._client.log_batch(run.info.run_id, params=params[start:][:_PARAMS_PER_BATCH])
        self._client.log_inputs(run.info.run_id, [_input(row) for row in lineage.datasets])

    def _create_version(
        self, name: str, model: LoggedModel, run: Run, tags: Mapping[str, str]
    ) -> None:
        import mlflow

        mlflow.set_tracking_uri(self._uri)  # resolving models:/ uses the global one (3.17)
        source = f"models:/{model.model_id}"
        made = self._client.create_model_version(
            name, source, run.info.run_id, tags=dict(tags), model_id=model.model_id
        )
        kept = self.version_of(name, tags[KEY_TAG])
        if kept != str(made.version):  # a rival recorded the same key at the same moment
            self._client.delete_model_version(name, str(made.version))

    def _move_aliases(self, name: str, wanted: Mapping[str, str | None]) -> list[str]:
        changed, now = [], self._aliases(name)
        for alias, version in wanted.items():
            if now.get(alias) == version:
                continue
            if version is None:
                self._client.delete_registered_model_alias(name, alias)
            else:
                self._client.set_registered_model_alias(name, alias, version)
            changed.append(
                f"{alias} moved from {now.get(alias, 'nothing')} to {version or 'nothing'}"
            )
        return changed

    def _stamp(self, name: str, version: str, at: str) -> list[str]:
        if self._client.get_model_version(name, version).tags.get(PROMOTED_TAG) == at:
            return []
        self._client.set_model_version_tag(name, version, PROMOTED_TAG, at)
        return [f"version {version} stamped as promoted at {at}"]

    def _aliases(self, name: str) -> dict[str, str]:
        found = self._client.search_registered_models(f"name='{name}'")
        if not found:
            return {}
        aliases = self._client.get_registered_model(name).aliases
        return {alias: str(version) for alias, version in aliases.items()}

    def _stored(self, model_id: str, path: str | None = None) -> dict[str, int | None]:
        sizes: dict[str, int | None] = {}
        for item in self._client.list_logged_model_artifacts(model_id, path):
            sizes |= (
                self._stored(model_id, item.path) if item.is_dir else {item.path: item.file_size}
            )
        return sizes

    @contextmanager
    def _speaking(self) -> Generator[None]:
        stay_offline()
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            reason = str(error).splitlines()[0].replace(self._uri, _where(self._uri))
            raise ReleaseError(
                f"The model registry at {_where(self._uri)} refuses: {reason}. The ledger still "
                "says what serves; bring the registry up, then run the same command again."
            ) from None


@contextmanager
def _already_there_is_fine() -> Generator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _check(adapter: Artifact, lineage: Lineage) -> None:
    base = str(adapter.read_json(_CONFIG).get("base_model_name_or_path") or "")
    local = PurePosixPath(base).is_absolute() or PureWindowsPath(base).is_absolute()
    if not base or local or base.startswith((".", "~", "file:")):
        raise ReleaseError(
            f"{_CONFIG} of adapter {adapter.short} names its base `{base}`, which means something "
            "on one machine only: write the base's id there and store the adapter again."
        )
    for name, value in lineage.metrics.items():
        if not math.isfinite(value):
            raise ReleaseError(f"Metric {name} is {value}: evaluate again before recording it.")


def _input(dataset: Dataset) -> Any:
    from mlflow.entities import Dataset as MlflowDataset
    from mlflow.entities import DatasetInput, InputTag

    source = f"modelops:{dataset.name}/{dataset.digest}"
    entity = MlflowDataset(dataset.name, _short(dataset), "modelops", source)
    return DatasetInput(entity, [InputTag("mlflow.data.context", dataset.context)])


def _short(dataset: Dataset) -> str:
    return dataset.digest[:_DIGEST_CHARACTERS]


def _where(uri: str) -> str:
    parts = urlsplit(uri)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"

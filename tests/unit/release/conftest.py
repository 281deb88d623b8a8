import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelops.ledger.ledger import Ledger
from modelops.ledger.rows import Ruling
from modelops.release.lineage import Dataset, Lineage
from modelops.release.registry import Registry
from modelops.release.releases import Candidate
from modelops.store import Store

WRITES = ("create_", "log_", "set_", "finalize_", "delete_", "restore_", "promote", "rollback")


class Fuse:
    """Calls that change something, as they go by; kills the process right after the nth."""

    def __init__(self, last: int | None = None):
        self.last, self.calls = last, []

    def watch(self, target) -> Any:
        return Watched(target, self)

    def burn(self, name):
        self.calls.append(name)
        if len(self.calls) == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    def __init__(self, target, fuse):
        self._target, self._fuse = target, fuse

    def __getattr__(self, name):
        found = getattr(self._target, name)
        if not name.startswith(WRITES):
            return found

        def call(*args, **kwargs):
            result = found(*args, **kwargs)
            self._fuse.burn(name)
            return result

        return call


@dataclass
class Home:
    """A deployment in a folder: store, ledger and an MLflow database with its files."""

    root: Path

    def __post_init__(self):
        self.store = Store(self.root / "store")
        self.ledger = Ledger.open(f"sqlite:///{self.root / 'ledger.db'}")
        self.uri = f"sqlite:///{self.root / 'mlflow.db'}"
        self.registry = Registry(self.uri, str(self.root / "mlartifacts"))

    @property
    def client(self) -> Any:
        return self.registry._client

    def close(self):
        self.ledger.close()

    def light(self, fuse: Fuse):
        """Let every call to MLflow and to the ledger burn `fuse`."""
        self.registry.__dict__["_client"] = fuse.watch(self.client)
        self.ledger = fuse.watch(self.ledger)

    def adapter(self, letter: str, base: str = "tiny@0123456789ab"):
        folder = self.root / "adapters" / letter
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
        (folder / "adapter_model.safetensors").write_bytes(letter.encode() * 1000)
        (folder / "plots").mkdir(exist_ok=True)
        (folder / "plots" / "loss.txt").write_text("falling")
        return self.store.put("adapter", folder, attachments=["plots/loss.txt"])

    def candidate(self, letter: str, verdict: Any = "promote", evidence=None) -> Candidate:
        """An adapter with a recorded decision."""
        adapter, report = self.adapter(letter), letter * 64
        ruling = Ruling(
            customization="netlang",
            base="tiny@0123456789ab",
            adapter=adapter.digest,
            report=report,
            verdict=verdict,
            reasons=("gain 0.02 [-0.05, 0.09]", "120 items"),
            evidence=evidence or {"n": 120},
        )
        self.ledger.record_decision(ruling, actor="gate")
        lineage = Lineage(
            metrics={"equivalence": 0.5, "compiles": 0.75},
            params={"rank": "16"},
            tags={"dagster_run": "run-1"},
            datasets=(
                Dataset("corpus", "c" * 64, "training"),
                Dataset("b", "d" * 64, "evaluation"),
            ),
        )
        return Candidate("netlang", report, adapter, lineage)

    def versions(self) -> list[str]:
        return sorted(
            str(found.version) for found in self.client.search_model_versions("name='netlang'")
        )


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory):
    """A database in which MLflow has made its schema, to be copied; making one takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    registry = Registry(f"sqlite:///{file}", str(file.parent / "unused"))
    assert registry.aliases("nothing") == {}
    return file


@pytest.fixture
def home(tmp_path, empty_mlflow):
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    opened = Home(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def make_fuse():
    return Fuse

"""Where everything is: the checkout a person edits, and MODELOPS_HOME that the machine fills."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modelops.bases.card import Base
from modelops.bases.catalog import load_catalog
from modelops.bases.declarations import Declaration
from modelops.bases.shelf import load_base
from modelops.customization import Customization
from modelops.customization_files import load_customization, load_customizations
from modelops.errors import CustomizationError, ModelopsError
from modelops.ledger.ledger import Ledger
from modelops.offline import SWITCHES, stay_offline
from modelops.release.registry import Registry
from modelops.store import Store


@dataclass(frozen=True)
class Home:
    """Handles on the state of one deployment; opening one reads nothing yet."""

    root: Path
    """MODELOPS_HOME."""
    checkout: Path
    """The folder that holds customizations/, bases.yaml and definitions.py."""

    @classmethod
    def find(cls, start: Path | None = None) -> "Home":
        """The home of the checkout around `start` (default: the working directory)."""
        stay_offline()
        checkout = find_checkout(start or Path.cwd())
        root = os.environ.get("MODELOPS_HOME") or checkout / ".modelops"
        return cls(Path(root).expanduser().resolve(), checkout)

    @property
    def bases(self) -> Path:
        """Folder of the imported base models."""
        return self.root / "bases"

    @cached_property
    def store(self) -> Store:
        """Artifacts by digest; MODELOPS_STORE_URL moves them to an object store."""
        url = os.environ.get("MODELOPS_STORE_URL") or self.root / "store"
        return Store(url, cache=self.root / "cache")

    @cached_property
    def ledger(self) -> Ledger:
        """What was decided; MODELOPS_LEDGER_URL moves it to Postgres."""
        self.root.mkdir(parents=True, exist_ok=True)
        return Ledger.open(
            os.environ.get("MODELOPS_LEDGER_URL") or f"sqlite:///{self.root / 'ledger.db'}"
        )

    @cached_property
    def registry(self) -> Registry:
        """The MLflow registry; MLFLOW_TRACKING_URI names a server instead of the local file."""
        self.root.mkdir(parents=True, exist_ok=True)
        return Registry(self.tracking_uri, artifact_root=(self.root / "mlartifacts").as_uri())

    @property
    def tracking_uri(self) -> str:
        """Address of MLflow's tracking store."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root / 'mlflow.db'}"

    def customizations(self) -> list[Customization]:
        """Every profile of every file in customizations/."""
        return load_customizations(self.checkout)

    def customization(self, name: str, profile: str = "full") -> Customization:
        """One profile of one file."""
        return load_customization(self.checkout, name, profile)

    def base(self, name: str, customization: Customization) -> Base:
        """An imported base that the customization allows."""
        if name not in customization.bases:
            raise CustomizationError(
                f"{customization.slug} does not list the base {name}: "
                f"choose one of {', '.join(customization.bases)}, or add it to `bases:`."
            )
        return load_base(name, self.bases)

    def declaration(self, name: str) -> Declaration:
        """What bases.yaml says of a base."""
        declared = load_catalog(self.checkout / "bases.yaml")
        if name not in declared:
            raise CustomizationError(
                f"bases.yaml declares no base {name}: "
                f"choose one of {', '.join(sorted(declared))}, or declare it there."
            )
        return declared[name]

    def environment(self) -> dict[str, str]:
        """Environment for the processes of this deployment: every outward call off."""
        environment = {
            **os.environ,
            **{name: os.environ.get(name, value) for name, value in SWITCHES.items()},
            "MODELOPS_HOME": str(self.root),
            "DAGSTER_HOME": str(self.root / "dagster"),
            "MLFLOW_TRACKING_URI": self.tracking_uri,
        }
        self._prepare_dagster(environment)
        return environment

    def _prepare_dagster(self, environment: Mapping[str, str]) -> None:
        """Lay the checkout's dagster.yaml into Dagster's folder, and create its databases, once.

        Dagster's processes would create them too, but those that start together trip over each
        other and leave a database with two schema versions behind.
        """
        folder = self.root / "dagster"
        folder.mkdir(parents=True, exist_ok=True)
        source, target = self.checkout / "deploy/local/dagster.yaml", folder / "dagster.yaml"
        created = folder / ".created"
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists() or target.read_bytes() != source.read_bytes():
                draft = folder / ".dagster.yaml"
                shutil.copyfile(source, draft)
                draft.replace(target)
            if not created.exists():
                _run([sys.executable, "-m", "dagster", "instance", "migrate"], environment)
                created.touch()


def _run(argv: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(argv, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ModelopsError(
            f"`{' '.join(argv[1:])}` failed: {done.stderr.strip()[-500:]}\nIf Dagster is not "
            "installed, run `make`; if its databases are broken, move the folder "
            f"{environment['DAGSTER_HOME']} away and try again."
        )


def find_checkout(start: Path) -> Path:
    """The nearest folder at or above `start` that holds customizations/ and bases.yaml."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "customizations").is_dir() and (folder / "bases.yaml").is_file():
            return folder
    raise CustomizationError(
        f"No customizations/ and bases.yaml at or above {start}: run inside a modelops checkout."
    )

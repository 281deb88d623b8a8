"""One tiny deployment for all graph tests: its first run is real, the others reuse what it kept."""

from pathlib import Path

import dagster as dg
import pytest

from assets.resources import Deployment, Progress
from location import STAGES
from modelops.bases.importing import add_base
from modelops.home import Home
from tests.tiny_checkout import write_checkout


class Location:
    """A tiny checkout as a code location, on a Dagster instance that lives in memory."""

    first: dg.ExecuteInProcessResult
    """The run that made everything."""

    def __init__(self, checkout: Path) -> None:
        self.home = Home.find(checkout)
        self.customization = self.home.customization("toy")
        self.instance = dg.DagsterInstance.ephemeral()
        self.resources = {
            "deployment": Deployment(checkout=str(checkout)),
            "progress": Progress(),
        }

    def import_base(self) -> None:
        add_base(self.home.declaration("tiny"), self.home.bases)
        self.instance.add_dynamic_partitions("base_model", ["tiny", "other"])

    def assets(self) -> list:
        return [made for stage in STAGES for made in stage(self.customization)]

    def materialize(self, *names: str, base: str = "tiny", fails: bool = False):
        """Materialise these assets of `toy` (all of them when none is named) on one base."""
        chosen = [dg.AssetKey(["toy", name]) for name in names]
        return dg.materialize(
            self.assets(),
            selection=chosen or None,
            partition_key=base,
            instance=self.instance,
            resources=self.resources,
            raise_on_error=not fails,
        )


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Location:
    """A location whose whole graph was materialised once."""
    location = Location(write_checkout(tmp_path_factory.mktemp("deployment") / "checkout"))
    location.import_base()
    location.first = location.materialize()
    return location


@pytest.fixture
def fresh(tmp_path: Path) -> Location:
    """A location in which nothing was imported or built."""
    return Location(write_checkout(tmp_path / "checkout", rows=40, items=10))

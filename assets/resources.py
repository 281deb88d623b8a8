"""Handles that assets, checks and sensors ask for: settings in, library objects out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from modelops.home import Home
from modelops.progress import Report, Throttle, figures


class Deployment(dg.ConfigurableResource):
    """The checkout this code location was loaded from, and its MODELOPS_HOME."""

    checkout: str
    """Folder that holds customizations/ and bases.yaml."""

    def home(self) -> Home:
        """Handles on the state; opened anew in each process."""
        return Home.find(Path(self.checkout))


class Progress:
    """Where long work reports; the default writes to the run's log, a launcher may pass its own."""

    def __init__(self, report: Report | None = None) -> None:
        self._report = report

    def of(self, context: dg.AssetExecutionContext) -> Report:
        """The report to hand to the library within this run."""
        return self._report or _Log(context)


class _Log:
    """A line in the run's log at most every ten seconds, and at the end of a step."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._log, self._throttle = context.log, Throttle(every_s=10.0)

    def __call__(self, step: str, done: float, total: float, numbers: Mapping[str, Any]) -> None:
        if self._throttle.due(step, done, total):
            self._log.info(f"{step}: {done:g} of {total:g}  {figures(numbers)}")

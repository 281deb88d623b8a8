"""The code location: customizations times stages, wired in one place."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from assets.corpus import corpus_assets
from assets.evaluation import evaluation_assets
from assets.jobs import customize, reconcile
from assets.release import release_assets
from assets.resources import Deployment, Progress
from assets.training import training_assets
from modelops.customization import Customization
from sensors.clock import reconcile_hourly
from sensors.new_bases import new_bases

CHECKOUT = Path(__file__).resolve().parent
STAGES = (corpus_assets, training_assets, evaluation_assets, release_assets)


def location(customizations: Sequence[Customization], progress: Progress) -> dg.Definitions:
    """Everything Dagster shows and runs; `progress` is where long work reports."""
    mend = reconcile(customizations)
    return dg.Definitions(
        assets=[made for c in customizations for stage in STAGES for made in stage(c)],
        jobs=[*(customize(c) for c in customizations), mend],
        schedules=[reconcile_hourly(mend)],
        sensors=[new_bases],
        resources={"deployment": Deployment(checkout=str(CHECKOUT)), "progress": progress},
        executor=dg.in_process_executor,
    )

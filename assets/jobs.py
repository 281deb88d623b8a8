"""What a person or a sensor may start: one job per customization, and the reconciler."""

from collections.abc import Sequence

import dagster as dg

from assets.resources import Deployment
from modelops.customization import Customization
from modelops.lifecycle import releasing


def customize(customization: Customization):  # noqa: ANN201 - Dagster does not export this type
    """From sources to release on one base."""
    return dg.define_asset_job(
        name=job_name(customization),
        selection=dg.AssetSelection.groups(customization.slug),
        description=customization.purpose,
    )


def job_name(customization: Customization) -> str:
    """`customize_netlang_demo`."""
    return f"customize_{customization.slug}"


def reconcile(customizations: Sequence[Customization]) -> dg.JobDefinition:
    """Make MLflow's aliases agree with the ledger, for every customization."""

    @dg.op(description="Repair what a crash left between the ledger and MLflow.")
    def reconcile_releases(context: dg.OpExecutionContext, deployment: Deployment) -> None:
        home = deployment.home()
        for customization in customizations:
            for repair in releasing.reconcile(customization, home):
                context.log.warning(f"{customization.slug}: {repair}")

    @dg.job(name="reconcile", description="MLflow is a projection of the ledger; this mends it.")
    def reconcile_job() -> None:
        reconcile_releases()

    return reconcile_job

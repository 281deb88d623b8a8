"""What the clock starts."""

import dagster as dg


def reconcile_hourly(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """The reconciler, every hour; a crash between ledger and MLflow lasts no longer than that."""
    return dg.ScheduleDefinition(
        name="reconcile_hourly",
        job=job,
        cron_schedule="7 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )

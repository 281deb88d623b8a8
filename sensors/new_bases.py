"""A base model that was imported becomes a partition."""

import dagster as dg

from assets.partitions import base_models
from assets.resources import Deployment
from modelops.bases.shelf import list_bases


@dg.sensor(
    name="new_bases", minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING
)
def new_bases(
    context: dg.SensorEvaluationContext, deployment: Deployment
) -> dg.SensorResult | dg.SkipReason:
    """Add a `base_model` partition for each imported base that has none."""
    known = set(context.instance.get_dynamic_partitions(base_models.name or ""))
    imported = [base.name for base in list_bases(deployment.home().bases)]
    fresh = [name for name in imported if name not in known]
    if not fresh:
        return dg.SkipReason("every imported base is a partition already")
    return dg.SensorResult(dynamic_partitions_requests=[base_models.build_add_request(fresh)])

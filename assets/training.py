"""The adapter: what the corpus taught a base."""

import dagster as dg

from assets.keys import Made, about, asset_key
from assets.metadata import picture, shown
from assets.partitions import base_models
from assets.resources import Deployment, Progress
from modelops.customization import Customization
from modelops.digests import digest_json
from modelops.lifecycle import learning
from modelops.training.provenance import code_digest


def training_assets(customization: Customization) -> Made:
    """Adapter of one customization on each base, and the claim that it learned something."""

    @dg.asset(
        **about(customization, "adapter", {"pytorch", "safetensors"}),
        deps=[asset_key(customization, "corpus")],
        partitions_def=base_models,
        code_version=digest_json([customization.adaptation, code_digest()]),
        pool="training",
    )
    def adapter(
        context: dg.AssetExecutionContext,
        deployment: Deployment,
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        """Low-rank adapter fitted to the newest corpus on one base model."""
        home = deployment.home()
        base = home.base(context.partition_key, customization)
        kept = learning.fit_adapter(customization, home, base, progress.of(context))
        return dg.MaterializeResult(
            metadata={**shown(kept), "curve": picture(learning.loss_curve(kept.artifact))},
            data_version=dg.DataVersion(kept.artifact.digest),
        )

    @dg.asset_check(asset=adapter)
    def loss_fell(
        context: dg.AssetCheckExecutionContext, deployment: Deployment
    ) -> dg.AssetCheckResult:
        """Passes when the loss on records set aside is below the bare base's on the first batch."""
        home = deployment.home()
        base = home.base(context.partition_key, customization)
        before, after = learning.losses(learning.find_adapter(customization, home, base))
        return dg.AssetCheckResult(
            passed=after < before,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"before": before, "after": after},
        )

    return [adapter, loss_fell]

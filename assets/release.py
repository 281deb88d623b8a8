"""The release: an adapter that passed, as a version in the MLflow registry."""

import dagster as dg

import modelops.release
from assets.keys import Made, about, asset_key
from assets.metadata import described
from assets.partitions import base_models
from assets.resources import Deployment
from modelops.customization import Customization
from modelops.digests import digest_json, digest_package
from modelops.lifecycle import releasing


def release_assets(customization: Customization) -> Made:
    """Release of one customization, and the claim that the registry shows what the ledger holds."""

    @dg.asset(
        **about(customization, "release", {"mlflow"}),
        deps=[asset_key(customization, "eval_report")],
        partitions_def=base_models,
        code_version=digest_json([customization.tags, digest_package(modelops.release)]),
    )
    def release(context: dg.AssetExecutionContext, deployment: Deployment) -> dg.MaterializeResult:
        """Champion in the ledger, then in MLflow; it reads the recorded decision again itself."""
        home = deployment.home()
        base = home.base(context.partition_key, customization)
        released = releasing.release_adapter(
            customization, home, base, actor="dagster", tags={"dagster/run_id": context.run.run_id}
        )
        return dg.MaterializeResult(
            metadata=described(released), data_version=dg.DataVersion(released.digest)
        )

    @dg.asset_check(asset=release)
    def registry_agrees_with_the_ledger(deployment: Deployment) -> dg.AssetCheckResult:
        """Passes when the reconciler finds nothing to repair."""
        repairs = releasing.reconcile(customization, deployment.home())
        return dg.AssetCheckResult(passed=not repairs, metadata={"repairs": "\n".join(repairs)})

    return [release, registry_agrees_with_the_ledger]

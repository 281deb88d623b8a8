"""The eval report: every item's outcome, and what the gate makes of it."""

import dagster as dg

import modelops.evaluation
from assets.keys import Made, about, asset_key
from assets.metadata import shown
from assets.partitions import base_models
from assets.resources import Deployment, Progress
from modelops.customization import Customization
from modelops.digests import digest_json, digest_package
from modelops.lifecycle import judging


def evaluation_assets(customization: Customization) -> Made:
    """Eval report of one customization on each base, and its gate."""

    @dg.asset(
        **about(customization, "eval_report", {"pytorch", "html"}),
        deps=[asset_key(customization, "adapter"), asset_key(customization, "benchmark")],
        partitions_def=base_models,
        code_version=digest_json(
            [customization.benchmark, customization.gate, digest_package(modelops.evaluation)]
        ),
        pool="training",
    )
    def eval_report(
        context: dg.AssetExecutionContext,
        deployment: Deployment,
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        """Adapter, bare base and champion on the frozen benchmark, paired item by item."""
        home = deployment.home()
        base = home.base(context.partition_key, customization)
        kept = judging.evaluate_adapter(customization, home, base, progress.of(context))
        table = dg.MetadataValue.md(judging.as_markdown(customization, kept.artifact))
        return dg.MaterializeResult(
            metadata={**shown(kept), "metrics": table},
            data_version=dg.DataVersion(kept.artifact.digest),
        )

    @dg.asset_check(asset=eval_report, blocking=True)
    def gate_passes(
        context: dg.AssetCheckExecutionContext, deployment: Deployment
    ) -> dg.AssetCheckResult:
        """Passes when the recorded decision is to promote; the reasons are in the metadata."""
        home = deployment.home()
        base = home.base(context.partition_key, customization)
        decision = judging.recorded_decision(customization, home, base)
        return dg.AssetCheckResult(
            passed=decision.verdict == "promote",
            metadata={"verdict": decision.verdict, "reasons": "\n".join(decision.reasons)},
        )

    return [eval_report, gate_passes]

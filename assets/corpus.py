"""The frozen benchmark and the corpus that never contains it."""

import dagster as dg

import modelops.corpus
from assets.keys import Made, about, asset_key
from assets.metadata import shown
from assets.resources import Deployment, Progress
from modelops.customization import Customization
from modelops.digests import digest_json, digest_package
from modelops.lifecycle import data


def corpus_assets(customization: Customization) -> Made:
    """Benchmark and corpus of one customization, and the claim that they share nothing."""

    @dg.asset(
        **about(customization, "benchmark", {"parquet"}),
        code_version=digest_json(customization.benchmark.slices),
    )
    def benchmark(deployment: Deployment) -> dg.MaterializeResult:
        """Frozen evaluation items, cut into slices; written once and never trained on."""
        kept = data.build_benchmark(customization, deployment.home())
        return dg.MaterializeResult(
            metadata=shown(kept), data_version=dg.DataVersion(kept.artifact.digest)
        )

    @dg.asset(
        **about(customization, "corpus", {"parquet"}),
        deps=[asset_key(customization, "benchmark")],
        code_version=digest_json(
            [customization.sources, customization.corpus, digest_package(modelops.corpus)]
        ),
    )
    def corpus(
        context: dg.AssetExecutionContext,
        deployment: Deployment,
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        """Clean, deduplicated, decontaminated records; every dropped one under a named reason."""
        kept = data.build_corpus(customization, deployment.home(), progress.of(context))
        return dg.MaterializeResult(
            metadata=shown(kept), data_version=dg.DataVersion(kept.artifact.digest)
        )

    @dg.asset_check(asset=corpus, blocking=True)
    def nothing_from_the_benchmark(deployment: Deployment) -> dg.AssetCheckResult:
        """Passes when no record is equivalent to a benchmark item, counted again from the files."""
        leaked = data.leaked_items(customization, deployment.home())
        return dg.AssetCheckResult(passed=leaked == 0, metadata={"leaked": leaked})

    return [benchmark, corpus, nothing_from_the_benchmark]

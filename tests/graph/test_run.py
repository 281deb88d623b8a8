"""The whole graph on a tiny base: from sources to a release, and what must not get there."""

import dagster as dg
import pytest

from location import STAGES
from modelops.customization import Customization
from modelops.ledger.rows import Ruling
from sensors.new_bases import new_bases


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict:
    node = f"toy__{name}"
    materialization = result.asset_materializations_for_node(node)[0]
    return {key: value.value for key, value in materialization.metadata.items()}


def test_a_run_ends_with_a_release_that_the_ledger_and_mlflow_agree_on(finished):
    home = finished.home
    champion = home.ledger.current("toy")
    assert finished.first.success
    assert champion is not None
    assert metadata(finished.first, "release")["digest"] == champion.adapter
    assert home.registry.aliases("toy") == {"champion": champion.version}
    assert all(check.passed for check in finished.first.get_asset_check_evaluations())


def test_the_adapter_is_far_better_than_the_bare_base(finished):
    report = metadata(finished.first, "eval_report")
    assert report["verdict"] == "promote"
    assert report["equivalence"] > 0.8


def test_running_again_reuses_everything_and_promotes_nothing(finished):
    before = finished.home.ledger.history("toy")
    again = finished.materialize()
    assert again.success
    assert all(
        metadata(again, name)["reused"]
        for name in ("benchmark", "corpus", "adapter", "eval_report")
    )
    assert finished.home.ledger.history("toy") == before


def test_data_versions_are_the_digests_of_what_is_kept(finished):
    event = finished.first.asset_materializations_for_node("toy__adapter")[0]
    assert event.tags["dagster/data_version"] == metadata(finished.first, "adapter")["digest"]


def test_pages_show_tables_and_the_loss_curve(finished):
    assert metadata(finished.first, "adapter")["curve"].startswith("![plot](data:image/png;base64,")
    assert "| Slice |" in metadata(finished.first, "eval_report")["metrics"]
    assert "| outcome |" in metadata(finished.first, "corpus")["reasons"]


def test_a_base_that_the_customization_does_not_list_is_refused_by_name(finished):
    run = finished.materialize("adapter", base="other", fails=True)
    failure = run.failure_data_for_node("toy__adapter")
    assert not run.success
    assert "toy does not list the base other: choose one of tiny" in str(failure.error)


def test_release_alone_cannot_pass_a_gate_that_said_no(fresh):
    fresh.import_base()
    fresh.customization = fresh.customization.model_copy(
        update={"gate": fresh.customization.gate.model_copy(update={"floors": {"score": 1.0}})}
    )
    whole = fresh.materialize(fails=True)
    alone = fresh.materialize("release", fails=True)
    assert not whole.success
    assert not whole.get_step_failure_events() or "toy__release" not in {
        event.step_key for event in whole.get_step_success_events()
    }
    assert not alone.success
    assert "The gate said refuse" in str(alone.failure_data_for_node("toy__release").error)
    assert fresh.home.ledger.current("toy") is None


def test_a_decision_in_the_ledger_alone_does_not_help(fresh):
    """Whoever writes `promote` into the ledger still meets the report's own decision."""
    fresh.import_base()
    floors = {"floors": {"score": 1.0}}
    fresh.customization = fresh.customization.model_copy(
        update={"gate": fresh.customization.gate.model_copy(update=floors)}
    )
    run = fresh.materialize(fails=True)
    decided = fresh.home.ledger.decisions("toy")[-1]
    forged = {name: getattr(decided, name) for name in Ruling.__slots__ if name != "verdict"}
    fresh.home.ledger.record_decision(Ruling(**forged, verdict="promote"), actor="forger")
    alone = fresh.materialize("release", fails=True)
    assert not run.success
    assert not alone.success
    assert fresh.home.ledger.current("toy") is None


def test_an_imported_base_becomes_a_partition_once(fresh):
    fresh.import_base()
    instance = dg.DagsterInstance.ephemeral()

    def tick() -> object:
        return new_bases(dg.build_sensor_context(instance=instance, resources=fresh.resources))

    first = tick()
    assert isinstance(first, dg.SensorResult)
    assert first.dynamic_partitions_requests
    (request,) = first.dynamic_partitions_requests
    assert request.partition_keys == ["tiny"]
    instance.add_dynamic_partitions("base_model", list(request.partition_keys))
    assert tick() == dg.SkipReason("every imported base is a partition already")


@pytest.mark.parametrize(
    ("section", "edited", "asset"),
    [
        ("corpus", {"min_characters": 2}, "corpus"),
        ("adaptation", {"seed": 1}, "adapter"),
        ("gate", {"min_gain": 0.5}, "eval_report"),
        ("tags", {"team": "a"}, "release"),
    ],
)
def test_an_edited_section_makes_its_own_asset_stale_and_no_other(finished, section, edited, asset):
    plain = finished.customization.model_dump(mode="json")
    plain[section] = {**plain[section], **edited}
    before = code_versions(finished, finished.customization)
    after = code_versions(finished, Customization.model_validate(plain))
    assert {name for name in before if before[name] != after[name]} == {asset}


def code_versions(location, customization: Customization) -> dict[str, str | None]:
    made = [one for stage in STAGES for one in stage(customization)]
    graph = dg.Definitions(made, resources=location.resources).resolve_asset_graph()
    return {key.path[-1]: graph.get(key).code_version for key in graph.get_all_asset_keys()}

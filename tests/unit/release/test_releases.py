"""Claims about promotion, rollback and the registry, on a real MLflow and a real ledger."""

from multiprocessing import get_context

import pytest

from modelops.errors import ConflictError, LedgerError, ReleaseError
from modelops.release.lineage import Lineage, release_key
from modelops.release.registry import Registry
from modelops.release.releases import list_releases, promote_release, rollback

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"
)


def promote(home, candidate, epoch):
    return promote_release(home.ledger, home.registry, candidate, expected_epoch=epoch, actor="ann")


def back(home, epoch):
    return rollback(home.ledger, home.registry, "netlang", expected_epoch=epoch, actor="bob")


def test_a_release_is_recorded_with_its_files_numbers_and_lineage(home):
    candidate = home.candidate("a")
    release = promote(home, candidate, 0)

    version = home.client.get_model_version_by_alias("netlang", "champion")
    model = home.client.get_logged_model(version.source.rpartition("/")[2])
    run = home.client.get_run(version.run_id)
    stored = {
        path.relative_to(model.artifact_location.removeprefix("file://")).as_posix(): path
        for path in home.root.glob("mlartifacts/netlang/models/*/artifacts/**/*")
        if path.is_file()
    }
    assert (release.version, release.alias, release.epoch) == ("1", "champion", 1)
    assert version.tags["adapter"] == candidate.adapter.digest
    assert version.tags["dagster_run"] == "run-1" and version.tags["decision"] == "1"
    assert version.tags["promoted_at"] == release.at
    assert set(stored) == {entry.path for entry in candidate.adapter.entries}
    assert stored["adapter_model.safetensors"].read_bytes() == b"a" * 1000
    assert run.info.status == "FINISHED" and run.data.params == {"rank": "16"}
    assert run.data.metrics == {"equivalence": 0.5, "compiles": 0.75}
    assert {(metric.key, metric.dataset_name) for metric in model.metrics} == {
        ("equivalence", "b"),
        ("compiles", "b"),
    }
    assert {
        (used.dataset.name, used.dataset.digest, used.tags[0].value, used.dataset.source)
        for used in run.inputs.dataset_inputs
    } == {
        ("corpus", "c" * 36, "training", f"modelops:corpus/{'c' * 64}"),
        ("b", "d" * 36, "evaluation", f"modelops:b/{'d' * 64}"),
    }


def test_promoting_twice_is_promoting_once(home):
    candidate = home.candidate("a")
    first = promote(home, candidate, 0)

    assert promote(home, candidate, 0) == first
    assert promote(home, candidate, 1) == first
    assert home.versions() == ["1"]
    assert len(home.ledger.history("netlang")) == 1


def test_the_next_release_keeps_the_way_back(home):
    promote(home, home.candidate("a"), 0)
    promote(home, home.candidate("b"), 1)
    promote(home, home.candidate("c"), 2)

    assert home.registry.aliases("netlang") == {"previous": "2", "champion": "3"}
    assert [(row.version, row.status) for row in list_releases(home.ledger, "netlang")] == [
        ("3", "champion"),
        ("2", "previous"),
        ("1", "superseded"),
    ]


def test_replaying_an_old_promotion_never_moves_champion_back(home):
    old = home.candidate("a")
    promote(home, old, 0)
    promote(home, home.candidate("b"), 1)

    for epoch in (0, 1, 2):
        assert promote(home, old, epoch).status == "previous"
    assert home.registry.aliases("netlang") == {"previous": "1", "champion": "2"}
    assert home.versions() == ["1", "2"]


def test_rollback_serves_the_release_before_and_is_not_undone_by_a_replay(home):
    promote(home, home.candidate("a"), 0)
    wrong = home.candidate("b")
    promote(home, wrong, 1)

    served = back(home, 2)
    assert (served.version, served.alias, served.epoch) == ("1", "champion", 1)
    assert home.registry.aliases("netlang") == {"champion": "1"}
    assert promote(home, wrong, 3).status == "rolled back"
    assert home.registry.aliases("netlang") == {"champion": "1"}
    assert home.ledger.current("netlang").actor == "bob"


def test_a_repeated_rollback_goes_back_once(home):
    for epoch, letter in enumerate("abc"):
        promote(home, home.candidate(letter), epoch)

    assert back(home, 3).version == back(home, 3).version == "2"
    assert back(home, 4).version == "1"
    with pytest.raises(ReleaseError, match="none before it to go back to"):
        back(home, 5)


def test_what_was_rolled_back_returns_only_by_a_new_decision(home):
    promote(home, home.candidate("a"), 0)
    promote(home, home.candidate("b"), 1)
    back(home, 2)

    again = promote(home, home.candidate("b", evidence={"n": 500}), 3)
    assert (again.version, again.status, again.epoch) == ("2", "champion", 4)
    assert home.registry.aliases("netlang") == {"previous": "1", "champion": "2"}


def test_without_a_release_there_is_nothing_to_roll_back(home):
    with pytest.raises(ReleaseError, match="0 release in force"):
        back(home, 0)


@pytest.mark.parametrize("verdict", ["hold", "refuse"])
def test_the_recorded_decision_is_read_again_and_its_reasons_are_given(home, verdict):
    candidate = home.candidate("a", verdict)
    with pytest.raises(
        ReleaseError, match=rf"gate said {verdict}.*gain 0.02 \[-0.05, 0.09\]; 120 items"
    ):
        promote(home, candidate, 0)
    assert home.versions() == [] and home.ledger.history("netlang") == []


def test_a_decision_about_another_adapter_or_none_at_all_is_refused(home):
    a, b = home.candidate("a"), home.candidate("b")
    swapped = type(a)("netlang", a.report, b.adapter, a.lineage)
    unknown = type(a)("netlang", "9" * 64, a.adapter, a.lineage)
    with pytest.raises(ReleaseError, match="promote that one, or evaluate this one"):
        promote(home, swapped, 0)
    with pytest.raises(ReleaseError, match="evaluate it first"):
        promote(home, unknown, 0)
    assert home.versions() == []


def test_a_stale_epoch_is_a_conflict_and_moves_nothing(home):
    promote(home, home.candidate("a"), 0)
    with pytest.raises(ConflictError, match="at epoch 1 and epoch 0"):
        promote(home, home.candidate("b"), 0)
    assert home.registry.aliases("netlang") == {"champion": "1"}


@pytest.mark.parametrize("base", ["/models/tiny", "C:\\models", "./tiny", "~/x", "file:///x", ""])
def test_an_adapter_that_names_a_local_base_is_refused(home, base):
    adapter = home.adapter("a", base)
    with pytest.raises(ReleaseError, match="one machine only"):
        home.registry.record("netlang", key="k", adapter=adapter, lineage=Lineage({}, {}, {}, ()))


def test_a_metric_that_is_no_number_is_refused(home):
    lineage = Lineage({"f1": float("nan")}, {}, {}, ())
    with pytest.raises(ReleaseError, match="Metric f1 is nan"):
        home.registry.record("netlang", key="k", adapter=home.adapter("a"), lineage=lineage)


def test_more_parameters_than_one_batch_takes_are_all_recorded(home):
    params = {f"p{number}": str(number) for number in range(230)}
    lineage = Lineage({}, params, {}, ())
    home.registry.record("netlang", key="k", adapter=home.adapter("a"), lineage=lineage)
    (version,) = home.client.search_model_versions("name='netlang'")
    assert home.client.get_run(version.run_id).data.params == params


def test_a_deleted_experiment_is_restored(home):
    promote(home, home.candidate("a"), 0)
    home.client.delete_experiment(home.client.get_experiment_by_name("netlang").experiment_id)
    assert promote(home, home.candidate("b"), 1).version == "2"


def test_a_database_without_a_place_for_files_is_refused(tmp_path):
    with pytest.raises(ReleaseError, match="give artifact_root"):
        Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_with_the_registry_down_the_ledger_decides_and_says_so(home, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    promote(home, home.candidate("a"), 0)
    promote(home, home.candidate("b"), 1)
    down = Registry("http://ann:s3cret@127.0.0.1:9")
    with pytest.raises(ReleaseError, match=r"(?s)Epoch 3 of netlang is in the ledger") as caught:
        rollback(home.ledger, down, "netlang", expected_epoch=2, actor="bob")
    assert "s3cret" not in str(caught.value)
    assert back(home, 2).version == "1"
    assert home.registry.aliases("netlang") == {"champion": "1"}


def record(root_home, barrier, answers):
    home = root_home()
    adapter = home.adapter("a")
    barrier.wait()
    key = release_key("netlang", adapter.digest, "r")
    lineage = Lineage({"f1": 0.5}, {"rank": "8"}, {}, ())
    answers.put(home.registry.record("netlang", key=key, adapter=adapter, lineage=lineage))


def test_rivals_that_record_one_release_make_one_version(home):
    home.adapter("a")
    context = get_context("fork")
    barrier, answers = context.Barrier(3), context.Queue()
    again = lambda: type(home)(home.root)  # noqa: E731 each process opens its own
    rivals = [context.Process(target=record, args=(again, barrier, answers)) for _ in range(3)]
    for rival in rivals:
        rival.start()
    found = [answers.get(timeout=60) for _ in rivals]
    for rival in rivals:
        rival.join()
    assert len(set(found)) == 1
    assert home.versions() == found[:1]


def test_the_ledger_refuses_what_the_gate_refused_even_when_called_directly(home):
    home.candidate("a", "hold")
    with pytest.raises(LedgerError, match="says hold"):
        home.ledger.promote(1, version="1", lineage={}, expected_epoch=0, actor="eve")

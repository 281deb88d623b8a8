"""Claims about repair: killed after any call, the next run ends in one release and true aliases."""

import shutil
import signal
from multiprocessing import get_context

import pytest

from modelops.errors import ReleaseError
from modelops.ledger.rows import standing
from modelops.release.lineage import key_of
from modelops.release.reconcile import reconcile
from modelops.release.releases import list_releases, promote_release, rollback

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"
)


def promote(home, letter, epoch):
    candidate = home.candidate(letter)
    return promote_release(home.ledger, home.registry, candidate, expected_epoch=epoch, actor="ann")


def first(home):
    promote(home, "a", 0)


def second(home):
    promote(home, "b", 1)


def third(home):
    promote(home, "c", 2)


def back(home):
    rollback(home.ledger, home.registry, "netlang", expected_epoch=2, actor="bob")


RECORDED = [
    "create_run",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "log_batch",
    "log_inputs",
    "set_terminated",
    "create_model_version",
    "promote",
]
ALIAS, STAMP = "set_registered_model_alias", "set_model_version_tag"
SCENES = {
    "first": (
        [],
        first,
        ["create_registered_model", "create_experiment", *RECORDED, ALIAS, STAMP],
    ),
    "second": ([first], second, [*RECORDED, ALIAS, ALIAS, STAMP]),
    "rollback": ([first, second], back, ["rollback", "delete_registered_model_alias", ALIAS]),
}
POINTS = [
    pytest.param(scene, point, id=f"{scene}-{point}-{calls[point - 1]}")
    for scene, (_, _, calls) in SCENES.items()
    for point in range(1, len(calls) + 1)
]


def run_killed(make_home, act, fuse):
    home = make_home()
    home.light(fuse)
    act(home)


def assert_agreement(home):
    """MLflow says what the ledger says, and holds each release once."""
    history = home.ledger.history("netlang")
    stands = [home.registry.version_of("netlang", key_of(row)) for row in standing(history)]
    wanted = dict(zip(("champion", "previous"), reversed(stands), strict=False))
    assert home.registry.aliases("netlang") == wanted
    assert None not in stands
    experiment = home.client.get_experiment_by_name("netlang")
    found = home.client.search_model_versions("name='netlang'")
    keys = [version.tags["modelops_key"] for version in found]
    assert len(keys) == len(set(keys))
    if experiment is not None:
        runs = home.client.search_runs([experiment.experiment_id])
        models = home.client.search_logged_models([experiment.experiment_id])
        for made in ([run.data.tags for run in runs], [model.tags for model in models]):
            assert len(made) == len({tags["modelops_key"] for tags in made})


@pytest.mark.parametrize("scene", SCENES)
def test_the_points_below_are_all_the_calls_there_are(home, make_fuse, scene):
    before, act, calls = SCENES[scene]
    for step in before:
        step(home)
    fuse = make_fuse()
    home.light(fuse)
    act(home)
    assert fuse.calls == calls
    assert_agreement(home)


@pytest.mark.parametrize(("scene", "point"), POINTS)
def test_a_kill_after_any_call_is_repaired(home, make_fuse, scene, point):
    before, act, _ = SCENES[scene]
    for step in before:
        step(home)
    victim = get_context("fork").Process(
        target=run_killed, args=(lambda: type(home)(home.root), act, make_fuse(point))
    )
    victim.start()
    victim.join()
    assert victim.exitcode == -signal.SIGKILL

    reconcile(home.ledger, home.registry, home.store, "netlang")
    assert_agreement(home)
    act(home)
    assert_agreement(home)
    assert reconcile(home.ledger, home.registry, home.store, "netlang") == []
    assert len(home.ledger.history("netlang")) == len(before) + 1
    assert len(home.versions()) == len([step for step in [*before, act] if step is not back])
    home.ledger.verify_audit()


def test_a_promotion_killed_before_its_aliases_and_overtaken_stays_overtaken(home, make_fuse):
    first(home)
    _, _, calls = SCENES["second"]
    victim = get_context("fork").Process(
        target=run_killed,
        args=(lambda: type(home)(home.root), second, make_fuse(calls.index("promote") + 1)),
    )
    victim.start()
    victim.join()
    third(home)

    assert promote(home, "b", 1).status == "previous"
    assert home.registry.aliases("netlang") == {"previous": "2", "champion": "3"}
    assert_agreement(home)


def test_aliases_moved_by_hand_are_set_right_and_reported(home):
    first(home)
    second(home)
    home.client.set_registered_model_alias("netlang", "champion", "1")
    home.client.delete_registered_model_alias("netlang", "previous")

    assert reconcile(home.ledger, home.registry, home.store, "netlang") == [
        "previous moved from nothing to 1",
        "champion moved from 1 to 2",
    ]
    assert_agreement(home)


def test_a_champion_that_the_ledger_never_promoted_is_taken_down(home):
    candidate = home.candidate("a")
    home.registry.record("netlang", key="k", adapter=candidate.adapter, lineage=candidate.lineage)
    home.client.set_registered_model_alias("netlang", "champion", "1")

    repaired = reconcile(home.ledger, home.registry, home.store, "netlang")
    assert repaired == ["champion moved from 1 to nothing"]
    assert home.registry.aliases("netlang") == {}


def test_a_lost_registry_is_written_again_from_ledger_and_store(home, empty_mlflow, tmp_path):
    for act in (first, second, third):
        act(home)
    metrics = list_releases(home.ledger, "netlang")[0].metrics
    home.close()  # with the last connection, SQLite folds its journal into the file
    (tmp_path / "new").mkdir()
    shutil.copy(empty_mlflow, tmp_path / "new" / "mlflow.db")
    shutil.copy(home.root / "ledger.db", tmp_path / "new" / "ledger.db")
    shutil.copytree(home.root / "store", tmp_path / "new" / "store")
    new = type(home)(tmp_path / "new")

    repaired = reconcile(new.ledger, new.registry, new.store, "netlang")
    assert repaired[:3] == [f"epoch {n} recorded again as version {n}" for n in (1, 2, 3)]
    assert_agreement(new)
    version = new.client.get_model_version_by_alias("netlang", "champion")
    assert new.client.get_run(version.run_id).data.metrics == metrics
    assert reconcile(new.ledger, new.registry, new.store, "netlang") == []
    new.close()


def test_a_deleted_version_is_recorded_again_under_its_new_number(home):
    first(home)
    second(home)
    home.client.delete_model_version("netlang", "1")
    with pytest.raises(ReleaseError, match="reconcile, which records it again"):
        home.registry.project("netlang", home.ledger.history("netlang"))

    repaired = reconcile(home.ledger, home.registry, home.store, "netlang")
    assert repaired == [
        "epoch 1 recorded again as version 3",
        "previous moved from nothing to 3",
    ]
    assert_agreement(home)
    releases = list_releases(home.ledger, "netlang", home.registry)
    assert [row.version for row in releases] == ["2", "3"]


def test_lost_or_cut_files_are_uploaded_again(home):
    first(home)
    (weights,) = home.root.glob("mlartifacts/**/adapter_model.safetensors")
    weights.write_bytes(b"a")
    (config,) = home.root.glob("mlartifacts/**/adapter_config.json")
    config.unlink()

    repaired = reconcile(home.ledger, home.registry, home.store, "netlang")
    assert repaired == ["files of version 1 uploaded again"]
    assert weights.read_bytes() == b"a" * 1000 and config.exists()


def test_a_release_lost_on_both_sides_is_an_error_only_while_it_is_needed(home):
    for act in (first, second, third):
        act(home)
    oldest, newest = home.ledger.history("netlang")[0], home.ledger.history("netlang")[2]
    shutil.rmtree(home.root / "store" / "adapter" / oldest.adapter)
    assert reconcile(home.ledger, home.registry, home.store, "netlang") == []

    shutil.rmtree(home.root / "store" / "adapter" / newest.adapter)
    with pytest.raises(ReleaseError, match="Epoch 3 of netlang cannot be recorded again"):
        reconcile(home.ledger, home.registry, home.store, "netlang")

"""Which promotion a candidate has to beat."""

from modelops.ledger.rows import Promotion
from modelops.lifecycle.judging import reference


def promotion(epoch: int, adapter: str, undoes: int | None = None) -> Promotion:
    return Promotion(
        customization="toy",
        epoch=epoch,
        action="promote" if undoes is None else "rollback",
        base="tiny@000000000000",
        adapter=adapter,
        report=f"report of {adapter}",
        decision_id=epoch,
        version=str(epoch),
        lineage={},
        actor="test",
        at="2026-01-01T00:00:00+00:00",
        undoes=undoes,
    )


def test_without_a_release_there_is_nobody_to_beat_but_the_base():
    assert reference([], "new") is None


def test_a_new_adapter_has_to_beat_the_champion():
    first, second = promotion(1, "a"), promotion(2, "b")
    assert reference([first, second], "new") == second


def test_the_champion_itself_is_measured_against_what_served_before():
    first, second = promotion(1, "a"), promotion(2, "b")
    assert reference([first, second], "b") == first
    assert reference([first], "a") is None


def test_what_was_rolled_back_is_nobody_to_beat():
    history = [promotion(1, "a"), promotion(2, "b"), promotion(3, "a", undoes=2)]
    assert reference(history, "new") == history[0]

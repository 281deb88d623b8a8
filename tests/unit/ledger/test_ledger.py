"""Claims about decisions, promotions and rollbacks, on SQLite and on Postgres."""

from dataclasses import replace
from multiprocessing import get_context

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from modelops.errors import ConflictError, LedgerError
from modelops.ledger.ledger import Ledger
from modelops.ledger.rows import Promotion, Ruling, standing

RULING = Ruling(
    customization="netlang",
    base="tiny@0123456789ab",
    adapter="a" * 64,
    report="1" * 64,
    verdict="promote",
    reasons=("gain 0.40 [0.31, 0.49] exceeds 0.00",),
    evidence={"gain": 0.4, "n": 120, "champion": None, "words": ["é", "\u2028"]},
)


def other(letter: str, **changes) -> Ruling:
    return replace(RULING, adapter=letter * 64, report=letter * 64, **changes)


def promote(ledger: Ledger, ruling: Ruling, epoch: int, version: str = "1") -> Promotion:
    decision = ledger.record_decision(ruling, actor="gate")
    return ledger.promote(
        decision.id, version=version, lineage={"m": 1.0}, expected_epoch=epoch, actor="ann"
    )


def test_a_decision_is_kept_with_its_reasons_and_evidence(ledger):
    decision = ledger.record_decision(RULING, actor="gate")

    assert ledger.decision(decision.id) == decision
    assert ledger.decisions("netlang") == [decision]
    assert ledger.decision_on("netlang", RULING.report) == decision
    assert decision.evidence == RULING.evidence and decision.reasons == RULING.reasons
    assert decision.at.endswith("+00:00")
    assert ledger.decision_on("netlang", "9" * 64) is None
    with pytest.raises(LedgerError, match="no decision 7"):
        ledger.decision(7)


def test_a_repeated_ruling_is_one_decision_and_a_changed_mind_is_another(ledger):
    first = ledger.record_decision(RULING, actor="gate")
    again = ledger.record_decision(RULING, actor="somebody else")
    changed = ledger.record_decision(replace(RULING, verdict="hold"), actor="gate")
    back = ledger.record_decision(RULING, actor="gate")

    assert again == first
    assert [first.id, changed.id, back.id] == [1, 2, 3]
    assert ledger.decision_on("netlang", RULING.report) == back


@pytest.mark.parametrize("evidence", [{"p": float("nan")}, {"p": float("inf")}, {"p": object()}])
def test_evidence_has_to_be_finite_json(ledger, evidence):
    with pytest.raises(LedgerError, match="record finite numbers"):
        ledger.record_decision(replace(RULING, evidence=evidence), actor="gate")


def test_promotions_count_epochs_for_each_customization(ledger):
    first = promote(ledger, RULING, 0)
    second = promote(ledger, other("b"), 1, "2")
    elsewhere = promote(ledger, replace(RULING, customization="legal"), 0)

    assert (first.epoch, second.epoch, elsewhere.epoch) == (1, 2, 1)
    assert ledger.current("netlang") == second and second.adapter == "b" * 64
    assert ledger.history("netlang") == [first, second]
    assert ledger.current("unknown") is None
    assert ledger.customizations() == ["legal", "netlang"]


def test_a_stale_epoch_is_a_conflict_that_names_both(ledger):
    promote(ledger, RULING, 0)
    with pytest.raises(ConflictError, match="at epoch 1 and epoch 0 was expected"):
        promote(ledger, other("b"), 0)
    with pytest.raises(ConflictError, match="at epoch 1 and epoch 5 was expected"):
        ledger.rollback("netlang", expected_epoch=5, actor="ann")
    assert len(ledger.history("netlang")) == 1


@pytest.mark.parametrize("verdict", ["hold", "refuse"])
def test_only_a_promote_decision_promotes(ledger, verdict):
    with pytest.raises(LedgerError, match=f"says {verdict}"):
        promote(ledger, replace(RULING, verdict=verdict), 0)
    assert ledger.current("netlang") is None


def test_promoting_what_serves_already_is_the_same_promotion(ledger):
    first = promote(ledger, RULING, 0)
    ledger.record_decision(replace(RULING, verdict="hold"), actor="gate")

    assert promote(ledger, RULING, 0) == first
    assert promote(ledger, RULING, 1) == first
    assert len(ledger.history("netlang")) == 1


def test_replaying_an_old_promotion_does_not_bring_it_back(ledger):
    first = promote(ledger, RULING, 0)
    second = promote(ledger, other("b"), 1)

    assert promote(ledger, RULING, 2) == first
    assert ledger.current("netlang") == second


def test_rollback_returns_to_what_served_before_and_then_to_what_served_before_that(ledger):
    first, second = promote(ledger, RULING, 0, "1"), promote(ledger, other("b"), 1, "2")
    promote(ledger, other("c"), 2, "3")

    back = ledger.rollback("netlang", expected_epoch=3, actor="bob")
    assert (back.action, back.epoch, back.undoes, back.version) == ("rollback", 4, 3, "2")
    assert (back.adapter, back.report, back.decision_id) == ("b" * 64, "b" * 64, second.decision_id)
    assert back.actor == "bob" and back.lineage == {"m": 1.0}
    further = ledger.rollback("netlang", expected_epoch=4, actor="bob")
    assert (further.undoes, further.adapter) == (2, first.adapter)
    with pytest.raises(LedgerError, match="nothing before it to go back to"):
        ledger.rollback("netlang", expected_epoch=5, actor="bob")
    assert promote(ledger, other("d"), 5).epoch == 6
    assert ledger.rollback("netlang", expected_epoch=6, actor="bob").adapter == first.adapter


def test_nothing_was_promoted_so_nothing_can_be_rolled_back(ledger):
    with pytest.raises(LedgerError, match="0 release and nothing before"):
        ledger.rollback("netlang", expected_epoch=0, actor="bob")


def race(url, letter, barrier, answers):
    ledger = Ledger.open(url)
    decision = ledger.record_decision(other(letter), actor="gate")
    won = []
    barrier.wait()
    for epoch in range(5):
        try:
            ledger.promote(
                decision.id, version=letter, lineage={}, expected_epoch=epoch, actor=letter
            )
            won.append(epoch)
            decision = ledger.record_decision(
                other(letter, reasons=(f"again {epoch}",)), actor="gate"
            )
        except ConflictError:
            pass
        barrier.wait()
    answers.put((letter, won))


def test_of_processes_that_promote_at_once_exactly_one_wins_each_epoch(url):
    Ledger.open(url).close()
    context = get_context("fork")
    barrier, answers = context.Barrier(4), context.Queue()
    rivals = [context.Process(target=race, args=(url, x, barrier, answers)) for x in "abcd"]
    for rival in rivals:
        rival.start()
    won = dict(answers.get(timeout=60) for _ in rivals)
    for rival in rivals:
        rival.join()

    ledger = Ledger.open(url)
    history = ledger.history("netlang")
    assert [row.epoch for row in history] == list(range(1, len(history) + 1))
    assert [row.actor for row in history if row.epoch == 1] == [x for x in "abcd" if 0 in won[x]]
    assert sum(0 in epochs for epochs in won.values()) == 1
    ledger.verify_audit()
    ledger.close()


def raw_insert(url, barrier, answers):
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    row = "('netlang', 1, 'promote', '', '', '', 1, '1', '{}', 'x', 'now', null)"
    barrier.wait()
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"insert into promotions values {row}")
        answers.put("inserted")
    except IntegrityError:
        answers.put("refused")


def test_the_primary_key_holds_even_for_writers_without_the_lock(url):
    ledger = Ledger.open(url)
    ledger.record_decision(RULING, actor="gate")
    ledger.close()
    context = get_context("fork")
    barrier, answers = context.Barrier(3), context.Queue()
    rivals = [context.Process(target=raw_insert, args=(url, barrier, answers)) for _ in range(3)]
    for rival in rivals:
        rival.start()
    found = sorted(answers.get(timeout=60) for _ in rivals)
    for rival in rivals:
        rival.join()
    assert found == ["inserted", "refused", "refused"]


@given(st.lists(st.booleans(), max_size=30))
def test_the_standing_releases_are_a_stack(steps):
    history, stack = [], []
    for number, up in enumerate(steps, start=1):
        if up:
            stack.append(number)
            history.append(row(number, "promote", None))
        elif len(stack) > 1:
            history.append(row(number, "rollback", stack.pop()))
    assert [entry.epoch for entry in standing(history)] == stack


def row(epoch, action, undoes) -> Promotion:
    return Promotion("n", epoch, action, "b", "a", "r", 1, "1", {}, "x", "now", undoes)

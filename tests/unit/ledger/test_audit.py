"""Claims about the chain: no change to the tables goes unseen, and the tables refuse changes."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from modelops.errors import LedgerError
from modelops.ledger.rows import Ruling


@pytest.fixture
def told(ledger):
    """A ledger with two promotions and a rollback: five audit rows."""
    for letter in "ab":
        ruling = Ruling("netlang", "tiny", letter, letter, "promote", ("ok",), {"n": 1.5})
        decision = ledger.record_decision(ruling, actor="gate")
        ledger.promote(
            decision.id, version="1", lineage={}, expected_epoch=ord(letter) - 97, actor="ann"
        )
    ledger.rollback("netlang", expected_epoch=2, actor="bob")
    return ledger


def tamper(url, *statements):
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for table in ("decisions", "promotions", "audit"):
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql(f"drop trigger if exists {table}_no_update")
                connection.exec_driver_sql(f"drop trigger if exists {table}_no_delete")
            else:
                connection.exec_driver_sql(f"alter table {table} disable trigger user")
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_an_honest_chain_verifies(told):
    head = told.verify_audit()
    assert head.rows == 5 and len(head.hash) == 64
    assert told.verify_audit() == head


def test_an_empty_ledger_verifies(ledger):
    assert ledger.verify_audit().rows == 0


FORGERIES = {
    "an edited actor": ("update audit set actor = 'eve' where seq = 2", "Audit row 2 is broken"),
    "an edited body": (
        "update audit set body = replace(body, '\"1\"', '\"9\"') where seq = 4",
        "Audit row 4 is broken",
    ),
    "a removed audit row": ("delete from audit where seq = 3", "Audit row 3 is broken"),
    "a removed first row": ("delete from audit where seq = 1", "Audit row 1 is broken"),
    "a removed last row": ("delete from audit where seq = 5", "netlang/3 differs"),
    "an edited promotion": (
        "update promotions set adapter = 'evil' where epoch = 2",
        "netlang/2 differs",
    ),
    "an edited decision": (
        "update decisions set evidence = '{\"n\": 2.5}' where id = 2",
        "decision/2 differs",
    ),
    "a removed promotion": ("delete from promotions where epoch = 3", "netlang/3 was recorded"),
    "an unrecorded promotion": (
        "insert into promotions values"
        " ('netlang', 4, 'promote', '', '', '', 1, '1', '{}', 'eve', 'now', null)",
        "netlang/4 differs",
    ),
}


@pytest.mark.parametrize(("statement", "finding"), FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_is_named(told, url, statement, finding):
    tamper(url, statement)
    with pytest.raises(LedgerError, match=finding):
        told.verify_audit()


@pytest.mark.parametrize("table", ["decisions", "promotions", "audit"])
@pytest.mark.parametrize("statement", ["delete from {}", "update {} set at = 'never'"])
def test_rows_cannot_be_changed_or_removed(told, url, table, statement):
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement.format(table))
    engine.dispose()
    assert told.verify_audit().rows == 5


def test_a_promotion_whose_audit_row_cannot_be_written_does_not_happen(ledger, url):
    decision = ledger.record_decision(
        Ruling("netlang", "tiny", "a", "a", "promote", ("ok",), {}), actor="gate"
    )
    broken = "alter table audit add constraint broken check (seq < 2)"
    if url.startswith("sqlite"):
        broken = "create trigger t before insert on audit begin select raise(abort, 'broken'); end"
    tamper(url, broken)
    with pytest.raises(LedgerError, match="broken"):
        ledger.promote(decision.id, version="1", lineage={}, expected_epoch=0, actor="ann")
    assert ledger.current("netlang") is None
    assert ledger.verify_audit().rows == 1

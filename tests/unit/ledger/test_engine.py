"""Claims about opening: migrations, rivals, databases that are gone, passwords."""

import os
from multiprocessing import get_context

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from modelops.errors import LedgerError
from modelops.ledger.engine import connect
from modelops.ledger.ledger import Ledger
from modelops.ledger.rows import Ruling
from modelops.ledger.tables import metadata

RULING = Ruling("netlang", "tiny", "a", "a", "hold", ("too few items",), {})


def test_the_migrations_make_exactly_the_tables_of_the_code(url):
    engine = connect(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def open_and_write(url, barrier, answers):
    barrier.wait()
    ledger = Ledger.open(url)
    ledger.record_decision(RULING, actor=str(os.getpid()))
    answers.put(len(ledger.decisions("netlang")))
    ledger.close()


def test_processes_that_open_a_fresh_database_at_once_all_succeed(url):
    context = get_context("fork")
    barrier, answers = context.Barrier(4), context.Queue()
    rivals = [
        context.Process(target=open_and_write, args=(url, barrier, answers)) for _ in range(4)
    ]
    for rival in rivals:
        rival.start()
    assert [answers.get(timeout=60) for _ in rivals] == [1] * 4
    for rival in rivals:
        rival.join()
    assert [rival.exitcode for rival in rivals] == [0] * 4


def test_opening_again_keeps_what_was_written(url):
    first = Ledger.open(url)
    decision = first.record_decision(RULING, actor="gate")
    first.close()
    second = Ledger.open(url)
    assert second.decisions("netlang") == [decision]
    second.close()


def test_a_ledger_of_a_newer_modelops_is_refused(url):
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    engine.dispose()
    with pytest.raises(LedgerError, match="install the newer modelops"):
        Ledger.open(url)


def test_sqlite_waits_for_its_writers_and_syncs(tmp_path):
    engine = connect(f"sqlite:///{tmp_path / 'deep' / 'ledger.db'}")
    with engine.connect() as connection:
        asked = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert asked == {
        "journal_mode": "wal",
        "busy_timeout": 30_000,
        "synchronous": 2,
        "foreign_keys": 1,
    }


def test_a_database_that_went_away_is_a_ledger_error(url, tmp_path):
    ledger = Ledger.open(url)
    if url.startswith("sqlite"):
        ledger.close()
        (tmp_path / "ledger.db").write_bytes(b"not a database, whatever its name says" * 100)
        (tmp_path / "ledger.db-wal").unlink(missing_ok=True)
    else:
        parsed = sa.make_url(url)
        admin = sa.create_engine(
            parsed.set(drivername="postgresql+psycopg", database="postgres"),
            isolation_level="AUTOCOMMIT",
        )
        with admin.connect() as connection:
            connection.exec_driver_sql(f"drop database {parsed.database} with (force)")
            connection.exec_driver_sql(f"create database {parsed.database}")
        admin.dispose()
    with pytest.raises(LedgerError, match=r"refuses: .*run the same command again"):
        ledger.current("netlang")
    with pytest.raises(LedgerError, match="refuses"):
        ledger.record_decision(RULING, actor="gate")
    ledger.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@127.0.0.1:1/x",
        "postgresql://ann@127.0.0.1:1/x?password=s3cret",
        "mysql://ann:s3cret@127.0.0.1/x",
        "s3cret://",
        "::s3cret::",
    ],
)
def test_no_error_shows_the_password(url):
    with pytest.raises(LedgerError) as caught:
        Ledger.open(url)
    seen, error = [], caught.value
    while error is not None:
        seen.append(str(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert seen and not [text for text in seen if "s3cret" in text]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_ledger_in_memory_is_refused(url):
    with pytest.raises(LedgerError, match="forgets what it promised"):
        Ledger.open(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LedgerError, match=r"file/ledger\.db cannot be made"):
        Ledger.open(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}")

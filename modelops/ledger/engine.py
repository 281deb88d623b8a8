"""Connections to SQLite or Postgres: one writer at a time, no password shown."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from modelops.errors import LedgerError

_WRITES = "modelops_writes"
_MIGRATION_LOCK = 0x6D6F64656C6F7073  # "modelops"; an advisory lock of the whole database
_BUSY_MS = 30_000


def connect(url: str) -> sa.Engine:
    """An engine for SQLite in a file or for Postgres, at its newest schema.

    Safe when several processes open a new database at once.
    Raises LedgerError, without the password, when it cannot be reached or is of a newer modelops.
    """
    parsed = _parse(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgres(parsed)
    try:
        with speaking_of(engine):
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Generator[sa.Connection]:
    """A transaction that only reads, at one moment of the database."""
    level = {} if _is_sqlite(engine) else {"isolation_level": "REPEATABLE READ"}
    with speaking_of(engine), engine.connect().execution_options(**level) as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Generator[sa.Connection]:
    """A transaction that no other writer overlaps; committed at the end, whole or not at all."""
    marked = engine.execution_options(**{_WRITES: True})
    with speaking_of(engine), marked.begin() as connection:
        if not _is_sqlite(engine):
            connection.exec_driver_sql("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE")
        yield connection


@contextmanager
def speaking_of(engine: sa.Engine) -> Generator[None]:
    """Turn a driver's error into a LedgerError that says where, why and what now."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise LedgerError(
            f"The ledger at {_where(engine.url)} refuses: {_reason(cause, engine.url)}. Check that "
            "it is up, that MODELOPS_HOME or the URL is right, and run the same command again."
        ) from None  # the chained error would carry the statement, and with it the URL


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except exc.ArgumentError:
        parsed, backend = None, ""
    if parsed is None or backend not in ("sqlite", "postgresql"):
        raise LedgerError(
            "The ledger's URL is neither sqlite:///FILE nor postgresql://...: fix it."
        )
    if backend == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise LedgerError("A ledger in memory forgets what it promised: use sqlite:///FILE.")
    return parsed


def _sqlite(url: sa.URL) -> sa.Engine:
    try:
        _file(url).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"The folder of {_where(url)} cannot be made: {error.strerror}. Correct that first."
        ) from error
    engine = sa.create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi: Any, _record: object) -> None:
    dbapi.isolation_level = None  # SQLAlchemy, not the driver, says BEGIN
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",  # what was acknowledged survives a power cut
        "foreign_keys = ON",
    ):
        dbapi.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres(url: sa.URL) -> sa.Engine:
    url = url.set(drivername="postgresql+psycopg")
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise LedgerError("Postgres needs its driver: pip install 'modelops[postgres]'.") from error


def _migrate(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    marked = engine.execution_options(**{_WRITES: True})
    with _first_come(engine), marked.begin() as connection:
        if not _is_sqlite(engine):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise LedgerError(
                f"The ledger at {_where(engine.url)} has a schema that this modelops does not "
                f"know ({error}): install the newer modelops that wrote it."
            ) from error


@contextmanager
def _first_come(engine: sa.Engine) -> Generator[None]:
    if not _is_sqlite(engine):
        yield
        return
    file = _file(engine.url)
    with file.with_name(f"{file.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first connections cannot both switch to WAL
        yield


def _is_sqlite(engine: sa.Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _file(url: sa.URL) -> Path:
    return Path(url.database or "").absolute()


def _where(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


def _reason(cause: BaseException, url: sa.URL) -> str:
    text = " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
    return text.replace(str(url.password), "***") if url.password else text

"""The hash-chained audit log: each row seals itself and all before it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from modelops.digests import canonical_json, digest_json
from modelops.errors import LedgerError
from modelops.ledger.tables import audit, decisions, promotions

GENESIS = "0" * 64
_COPIED = {"decision": decisions, "promote": promotions, "rollback": promotions}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row; `hash` covers the other fields, `previous` is the hash of the row before."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    body: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditHead:
    """End of a verified chain. Kept elsewhere, it also shows that no later rows were cut off."""

    rows: int
    hash: str


def append(connection: sa.Connection, *, actor: str, action: str, row: Mapping[str, Any]) -> None:
    """Add the audit row of a row just inserted; the caller holds the write lock."""
    last = connection.execute(
        sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    ).first()
    entry = {
        "seq": last.seq + 1 if last else 1,
        "at": row["at"],
        "actor": actor,
        "action": action,
        "subject": subject(action, row),
        "body": canonical_json(dict(row)),
        "previous": last.hash if last else GENESIS,
    }
    connection.execute(sa.insert(audit).values(**entry, hash=digest_json(entry)))


def subject(action: str, row: Mapping[str, Any]) -> str:
    """What an audit row is about: `decision/7`, or `netlang/3` for an epoch."""
    return f"decision/{row['id']}" if action == "decision" else _epoch(row)


def verify(connection: sa.Connection) -> AuditHead:
    """Recompute the chain and compare it with the tables. Raises LedgerError at the first fault."""
    copies: dict[str, str] = {}
    head = AuditHead(0, GENESIS)
    for entry in _entries(connection):
        _check_link(entry, head)
        if entry.action in _COPIED:
            _check_unique(entry, copies)
        head = AuditHead(entry.seq, entry.hash)
    for text, body in _rows(connection):
        if copies.pop(text, None) != body:
            raise LedgerError(
                f"{text} differs from its audit row or has none: somebody wrote to the database "
                "around modelops. Restore the ledger from a backup."
            )
    if copies:
        raise LedgerError(
            f"{min(copies)} was recorded in the audit log and is gone from its table: "
            "restore the ledger from a backup."
        )
    return head


def _check_link(entry: AuditEntry, head: AuditHead) -> None:
    sealed = {name: getattr(entry, name) for name in AuditEntry.__slots__ if name != "hash"}
    expected = (head.rows + 1, head.hash, digest_json(sealed))
    if (entry.seq, entry.previous, entry.hash) != expected:
        raise LedgerError(
            f"Audit row {head.rows + 1} is broken (found row {entry.seq}, {entry.action} "
            f"{entry.subject}): it was changed or removed. Restore the ledger from a backup."
        )


def _check_unique(entry: AuditEntry, copies: dict[str, str]) -> None:
    if entry.subject in copies:
        raise LedgerError(
            f"Audit row {entry.seq} records {entry.subject} a second time: "
            "restore the ledger from a backup."
        )
    copies[entry.subject] = entry.body


def _entries(connection: sa.Connection) -> Iterator[AuditEntry]:
    for row in connection.execute(sa.select(audit).order_by(audit.c.seq)):
        yield AuditEntry(**row._mapping)


def _rows(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    for table, action in ((decisions, "decision"), (promotions, "promote")):
        for found in connection.execute(sa.select(table)):
            row = dict(found._mapping)
            yield subject(action, row), canonical_json(row)


def _epoch(row: Mapping[str, Any]) -> str:
    return f"{row['customization']}/{row['epoch']}"

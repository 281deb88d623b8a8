"""The ledger: what was decided, what was promoted, and who did it; rows are only ever added."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from modelops.digests import canonical_json
from modelops.errors import ConflictError, LedgerError
from modelops.ledger import audit
from modelops.ledger.engine import connect, reading, writing
from modelops.ledger.rows import Decision, Promotion, Ruling, standing
from modelops.ledger.tables import decisions, promotions


class Ledger:
    """The truth about one deployment; the model registry is a projection of it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> "Ledger":
        """Open `sqlite:///FILE` or `postgresql://...`, made or migrated when needed.

        Raises LedgerError when it cannot be reached or was written by a newer modelops.
        """
        return cls(connect(url))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def record_decision(self, ruling: Ruling, *, actor: str) -> Decision:
        """Record a ruling. One that repeats the newest decision on its report is that decision."""
        values = _values(ruling)
        with writing(self._engine) as connection:
            newest = _newest_decision(connection, ruling.customization, ruling.report)
            if newest is not None and _values(newest) == values:
                return newest
            last = connection.scalar(sa.select(sa.func.max(decisions.c.id))) or 0
            row = {**values, "id": last + 1, "at": _now()}
            connection.execute(sa.insert(decisions).values(**row))
            audit.append(connection, actor=actor, action="decision", row=row)
        return _decision(row)

    def decision(self, decision_id: int) -> Decision:
        """The decision with this number. Raises LedgerError when there is none."""
        with reading(self._engine) as connection:
            return _one_decision(connection, decision_id)

    def decision_on(self, customization: str, report: str) -> Decision | None:
        """The newest decision on one eval report, or None."""
        with reading(self._engine) as connection:
            return _newest_decision(connection, customization, report)

    def decisions(self, customization: str) -> list[Decision]:
        """Every decision of one customization, oldest first."""
        query = sa.select(decisions).where(decisions.c.customization == customization)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(decisions.c.id))
            return [_decision(row._mapping) for row in rows]

    def promote(
        self,
        decision_id: int,
        *,
        version: str,
        lineage: Mapping[str, Any],
        expected_epoch: int,
        actor: str,
    ) -> Promotion:
        """Let the adapter of a `promote` decision serve, if the epoch is still the expected one.

        `expected_epoch` is the epoch that was in force when the decision was made, 0 for none.
        A repetition (of this decision, or of what is in force already) changes nothing and returns
        the promotion that stands in the ledger, even when a later one has taken its place.
        Raises ConflictError when another epoch is in force, LedgerError for any other decision.
        """
        with writing(self._engine) as connection:
            decided = _one_decision(connection, decision_id)
            if decided.verdict != "promote":
                raise LedgerError(
                    f"Decision {decision_id} says {decided.verdict}, so nothing is promoted: "
                    "train a better candidate, or change the gate and evaluate again."
                )
            history = _history(connection, decided.customization)
            repeated = _repeated(history, decided)
            if repeated is not None:
                return repeated
            _compare(history, expected_epoch, decided.customization)
            row = {
                "customization": decided.customization,
                "epoch": expected_epoch + 1,
                "action": "promote",
                "base": decided.base,
                "adapter": decided.adapter,
                "report": decided.report,
                "decision_id": decision_id,
                "version": version,
                "lineage": _plain(lineage, "lineage"),
                "actor": actor,
                "at": _now(),
                "undoes": None,
            }
            return _add_promotion(connection, row)

    def rollback(self, customization: str, *, expected_epoch: int, actor: str) -> Promotion:
        """Take back the promotion that serves: a new epoch with the adapter that served before.

        Raises ConflictError when another epoch is in force, LedgerError when nothing came before.
        """
        with writing(self._engine) as connection:
            history = _history(connection, customization)
            _compare(history, expected_epoch, customization)
            stands = standing(history)
            if len(stands) < 2:
                raise LedgerError(
                    f"{customization} has {len(stands)} release and nothing before it to go back "
                    "to: promote another adapter instead."
                )
            row = _promotion_values(stands[-2]) | {
                "epoch": expected_epoch + 1,
                "action": "rollback",
                "actor": actor,
                "at": _now(),
                "undoes": stands[-1].epoch,
            }
            return _add_promotion(connection, row)

    def current(self, customization: str) -> Promotion | None:
        """The row in force, or None when nothing was ever promoted."""
        history = self.history(customization)
        return history[-1] if history else None

    def history(self, customization: str) -> list[Promotion]:
        """Every promotion and rollback of one customization, by epoch."""
        with reading(self._engine) as connection:
            return _history(connection, customization)

    def customizations(self) -> list[str]:
        """Names that have at least one promotion, sorted."""
        query = sa.select(promotions.c.customization).distinct()
        with reading(self._engine) as connection:
            return sorted(connection.scalars(query))

    def verify_audit(self) -> audit.AuditHead:
        """Recompute the whole chain and compare every row with its audit copy.

        Raises LedgerError naming the first row that is broken, changed or missing. Rows cut off at
        the end together with what they record leave no trace here: compare the head with a copy.
        """
        with reading(self._engine) as connection:
            return audit.verify(connection)


def _newest_decision(connection: sa.Connection, customization: str, report: str) -> Decision | None:
    query = (
        sa.select(decisions)
        .where(decisions.c.customization == customization, decisions.c.report == report)
        .order_by(decisions.c.id.desc())
    )
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _decision(row._mapping)


def _one_decision(connection: sa.Connection, decision_id: int) -> Decision:
    row = connection.execute(sa.select(decisions).where(decisions.c.id == decision_id)).first()
    if row is None:
        raise LedgerError(f"There is no decision {decision_id}: evaluate the adapter first.")
    return _decision(row._mapping)


def _history(connection: sa.Connection, customization: str) -> list[Promotion]:
    query = sa.select(promotions).where(promotions.c.customization == customization)
    rows = connection.execute(query.order_by(promotions.c.epoch))
    return [Promotion(**row._mapping) for row in rows]


def _repeated(history: list[Promotion], decided: Decision) -> Promotion | None:
    if history and (history[-1].adapter, history[-1].report) == (decided.adapter, decided.report):
        return history[-1]
    same = [row for row in history if row.action == "promote" and row.decision_id == decided.id]
    return same[-1] if same else None


def _compare(history: list[Promotion], expected_epoch: int, customization: str) -> None:
    epoch = history[-1].epoch if history else 0
    if epoch != expected_epoch:
        raise ConflictError(
            f"{customization} is at epoch {epoch} and epoch {expected_epoch} was expected: "
            "somebody promoted in between. Evaluate against today's champion, then promote again."
        )


def _add_promotion(connection: sa.Connection, row: dict[str, Any]) -> Promotion:
    try:
        connection.execute(sa.insert(promotions).values(**row))
    except IntegrityError as error:  # a writer that did not take the lock
        raise ConflictError(
            f"{row['customization']} left epoch {row['epoch'] - 1} for {row['epoch']} meanwhile: "
            "evaluate against today's champion, then promote again."
        ) from error
    audit.append(connection, actor=row["actor"], action=row["action"], row=row)
    return Promotion(**row)


def _values(ruling: Ruling) -> dict[str, Any]:
    return {
        "customization": ruling.customization,
        "base": ruling.base,
        "adapter": ruling.adapter,
        "report": ruling.report,
        "verdict": ruling.verdict,
        "reasons": list(ruling.reasons),
        "evidence": _plain(ruling.evidence, "evidence"),
    }


def _promotion_values(row: Promotion) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Promotion.__slots__}


def _decision(row: Mapping[Any, Any]) -> Decision:
    values: dict[str, Any] = {**row, "reasons": tuple(row["reasons"])}
    return Decision(**values)


def _plain(value: Mapping[str, Any], word: str) -> Any:
    try:
        return json.loads(canonical_json(dict(value)).encode(), parse_constant=_refuse)
    except (TypeError, ValueError) as error:
        raise LedgerError(
            f"`{word}` is not plain JSON ({error}): record finite numbers."
        ) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} has no place in JSON")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")

"""Decisions, promotions and the audit log, each closed to changes by triggers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = ("decisions", "promotions", "audit")


def upgrade() -> None:
    """Apply."""
    _decisions()
    _promotions()
    _audit()
    if op.get_bind().dialect.name == "sqlite":
        _close_on_sqlite()
    else:
        _close_on_postgres()


def _text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, autoincrement=False),
        *_text("customization", "base", "adapter", "report", "verdict"),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        *_text("at"),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.CheckConstraint("verdict in ('promote', 'hold', 'refuse')", name="ck_decisions_verdict"),
    )
    op.create_index("ix_decisions_customization_report", "decisions", ["customization", "report"])


def _promotions() -> None:
    op.create_table(
        "promotions",
        *_text("customization"),
        sa.Column("epoch", sa.Integer, autoincrement=False),
        *_text("action", "base", "adapter", "report"),
        sa.Column("decision_id", sa.Integer, nullable=False),
        *_text("version"),
        sa.Column("lineage", sa.JSON, nullable=False),
        *_text("actor", "at"),
        sa.Column("undoes", sa.Integer),
        sa.PrimaryKeyConstraint("customization", "epoch", name="pk_promotions"),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name="fk_promotions_decision_id"
        ),
        sa.CheckConstraint("epoch > 0", name="ck_promotions_epoch"),
        sa.CheckConstraint(
            "(action = 'promote' and undoes is null)"
            " or (action = 'rollback' and undoes is not null)",
            name="ck_promotions_action",
        ),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, autoincrement=False),
        *_text("at", "actor", "action", "subject", "body", "previous", "hash"),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )


def _close_on_sqlite() -> None:
    for table in TABLES:
        for verb in ("update", "delete"):
            op.execute(
                f"create trigger {table}_no_{verb} before {verb} on {table} "
                f"begin select raise(abort, '{table} is append-only'); end"
            )


def _close_on_postgres() -> None:
    op.execute(
        "create function modelops_append_only() returns trigger language plpgsql as "
        "$$ begin raise exception '% is append-only', tg_table_name; end $$"
    )
    for table in TABLES:
        op.execute(
            f"create trigger {table}_append_only before update or delete or truncate on {table} "
            "for each statement execute function modelops_append_only()"
        )

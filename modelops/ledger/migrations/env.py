"""Alembic's entry: runs on the connection that the ledger hands over, inside its transaction."""

from alembic import context

from modelops.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller's transaction already covers everything
)
context.run_migrations()

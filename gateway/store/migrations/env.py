"""Runs migrations on the connection the store hands over, inside its transaction."""

from alembic import context

from gateway.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()

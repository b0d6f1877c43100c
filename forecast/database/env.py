"""What Alembic runs to apply revisions: on the connection that `schema` hands it."""

from alembic import context

from forecast.database.metadata import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()

"""Runs Alembic on the app's engine, in batch mode so that SQLite can alter tables."""

from alembic import context
from flask import current_app

from notifapp.extensions import db


def run() -> None:
    """Migrate the database to the requested revision in one transaction."""
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


run()

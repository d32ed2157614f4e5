"""Runs the migrations on the connection that the caller hands over, or on the configured database."""

from alembic import context
from sqlalchemy import Connection

from app.models import Base


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from app.db import make_engine
    from app.settings import get_settings

    with make_engine(get_settings().require_database_url()).connect() as connection:
        run(connection)

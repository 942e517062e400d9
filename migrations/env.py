"""Alembic runs this. The connection comes from app.migrate, or from DATABASE_URL for `alembic revision`."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from app import models
from app.migrate import engine
from app.settings import Settings


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=models.metadata, compare_server_default=False)
    with context.begin_transaction():
        context.run_migrations()


async def connect() -> None:
    settings = Settings.read()
    url = settings.owner_database_url or settings.database_url
    if url is None:
        raise SystemExit("Set DATABASE_URL to the database to compare the models with.")
    async with engine(url.get_secret_value()).connect() as connection:
        await connection.run_sync(run)


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(connect())
else:
    run(given)

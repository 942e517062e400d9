"""Brings a database to the newest schema. Safe to run again, and from several processes at once."""

import logging
from importlib.resources import files
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.models import APPEND_ONLY

log = logging.getLogger(__name__)

ONE_MIGRATION_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('segments.migrate'))")

LEAST_VERSION = 15_00_00


class UnusableDatabaseError(Exception):
    """The database cannot hold Segments: {reason}."""

    def __init__(self, reason: str) -> None:
        super().__init__(str(self.__doc__).format(reason=reason))


def scripts() -> Path:
    """Where the migrations are: beside the package in a checkout, inside it in a wheel."""
    package = Path(str(files("app")))
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    return config


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(configuration()).get_current_head()


def engine(url: str) -> AsyncEngine:
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool)


async def migrate(owner_url: str, serving_url: str | None = None) -> bool:
    """Upgrades the database, and lets the role of `serving_url` use the tables without owning them.

    True when anything was applied. Raises UnusableDatabaseError when the server is older than PostgreSQL 15 or the
    database does not store and fold UTF-8.
    """
    serving_role = await _role(serving_url) if serving_url else None
    connecting = engine(owner_url)
    try:
        async with connecting.begin() as connection:
            await connection.execute(ONE_MIGRATION_AT_A_TIME)
            return await connection.run_sync(_upgrade, serving_role)
    finally:
        await connecting.dispose()


def _upgrade(connection: Connection, serving_role: str | None) -> bool:
    _demand_usable(connection)
    before = MigrationContext.configure(connection).get_current_revision()
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    owner = connection.execute(text("SELECT current_user")).scalar_one()
    if serving_role is not None and serving_role != owner:
        _grant(connection, serving_role)
    after = MigrationContext.configure(connection).get_current_revision()
    if before != after:
        log.info("Migrated the database from %s to %s.", before or "nothing", after)
    return before != after


def _demand_usable(connection: Connection) -> None:
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if version < LEAST_VERSION:
        raise UnusableDatabaseError("PostgreSQL 15 or newer is needed")
    if connection.execute(text("SHOW server_encoding")).scalar_one() != "UTF8":
        raise UnusableDatabaseError("its encoding must be UTF8")
    if connection.execute(text("SELECT lower('ÉЖΔ')")).scalar_one() != "éжδ":
        raise UnusableDatabaseError("its locale must know the letters of Unicode, as C.UTF-8 does")


def _grant(connection: Connection, role: str) -> None:
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {quoted}",
        f"REVOKE UPDATE, DELETE ON {', '.join(APPEND_ONLY)} FROM {quoted}",
    ):
        connection.execute(text(statement))


async def _role(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SELECT current_user"))
    finally:
        await connection.close()

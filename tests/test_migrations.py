"""The migrations make what the models say, once, whoever runs them, on databases that can hold it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from sqlalchemy import CheckConstraint, Column, Connection, Index, MetaData, Text, text

from app import migrate as migrations
from app import models
from app.migrate import UnusableDatabaseError, configuration, engine, migrate
from tests.conftest import SERVING_ROLE, as_role, new_database, run

Catalog = dict[str, set[tuple[object, ...]]]

CATALOG = {
    "columns": """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
  a.attgenerated, a.attidentity, l.collname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname <> 'alembic_version'
""",
    "indexes": """
SELECT i.indrelid::regclass::text, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
WHERE c.relname <> 'alembic_version'
""",
    "constraints": """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace AND n.nspname = 'public'
WHERE conrelid <> 0 AND conrelid::regclass::text <> 'alembic_version'
""",
    "enums": """
SELECT t.typname, array_agg(e.enumlabel ORDER BY e.enumsortorder)::text
FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.typname
""",
}

FUNCTIONS = """
SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'public'
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY p.oid
"""

EXTENSIONS = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'"

OWNED = """
SELECT relname AS name FROM pg_class WHERE relowner = current_user::regrole
UNION ALL SELECT proname FROM pg_proc WHERE proowner = current_user::regrole
UNION ALL SELECT typname FROM pg_type WHERE typowner = current_user::regrole
UNION ALL SELECT nspname FROM pg_namespace WHERE nspowner = current_user::regrole
UNION ALL SELECT datname FROM pg_database WHERE datdba = current_user::regrole
"""

MakeDatabase = Callable[..., Awaitable[str]]


@pytest.fixture
async def make_database(superuser_url: str, database_url: str) -> AsyncIterator[MakeDatabase]:
    """Makes an empty database, with these options of CREATE DATABASE; returns its url as the superuser."""
    names: list[str] = []

    async def make(options: str = "") -> str:
        name = f"segments_migrations_{uuid4().hex}"
        names.append(name)
        await run(
            superuser_url, f"CREATE DATABASE {name} TEMPLATE template0 {options}" if options else new_database(name)
        )
        return as_role(superuser_url, None, name)

    yield make
    for name in names:
        await run(superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


async def catalog(url: str) -> Catalog:
    return {what: {tuple(row) for row in await run(url, query)} for what, query in CATALOG.items()}


def differences(one: Catalog, other: Catalog) -> dict[str, set[tuple[object, ...]]]:
    return {what: one[what] ^ other[what] for what in one if one[what] != other[what]}


async def create_all(metadata: MetaData, url: str, migrated: str) -> None:
    """Makes the tables of the models, with the functions and extensions of a migrated database."""
    connection = await asyncpg.connect(url)
    for row in await run(migrated, EXTENSIONS):
        await connection.execute(f"CREATE EXTENSION {row['extname']}")
    for row in await run(migrated, FUNCTIONS):
        await connection.execute(row["definition"])
    await connection.close()
    connecting = engine(url)
    async with connecting.begin() as begun:
        await begun.run_sync(metadata.create_all)
    await connecting.dispose()


def copied(metadata: MetaData) -> MetaData:
    copy = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(copy)
    return copy


async def test_the_models_and_the_migrations_make_the_same(make_database: MakeDatabase, database_url: str) -> None:
    migrated, modelled = await make_database(), await make_database()
    await migrate(migrated)
    await create_all(models.metadata, modelled, migrated)
    found = await catalog(migrated)
    assert differences(found, await catalog(modelled)) == {}
    assert {table for table, *_ in found["columns"]} == models.metadata.tables.keys()
    assert all(found.values())


async def test_models_that_say_something_else_are_seen(make_database: MakeDatabase) -> None:
    """Else the test above would show nothing."""
    migrated, modelled = await make_database(), await make_database()
    await migrate(migrated)
    other = copied(models.metadata)
    candidate, segment, vacancy = (other.tables[name] for name in ("candidate", "segment", "vacancy"))
    candidate.append_column(Column("shoe_size", Text))
    candidate.columns["city"].nullable = False
    candidate.columns["updated_at"].server_default = None
    segment.constraints -= {each for each in segment.constraints if isinstance(each, CheckConstraint)}
    vacancy.indexes -= {each for each in vacancy.indexes if each.name == "vacancy_by_opening"}
    Index("vacancy_by_title", vacancy.columns["title"])
    await create_all(other, modelled, migrated)
    seen = str(differences(await catalog(migrated), await catalog(modelled)))
    for changed in ("shoe_size", "'city'", "'updated_at'", "segment_member_count", "vacancy_by_opening", "by_title"):
        assert changed in seen


async def test_names_of_segments_sort_by_code_point_whatever_the_locale_of_the_database(database_url: str) -> None:
    rows = await run(
        database_url,
        "SELECT collation_name FROM information_schema.columns"
        " WHERE table_name = 'segment' AND column_name = 'name_key'",
    )
    assert [row["collation_name"] for row in rows] == ["C"]


async def test_migrating_again_changes_nothing(make_database: MakeDatabase) -> None:
    url = await make_database()
    assert await migrate(url) is True
    before = await catalog(url)
    assert await migrate(url) is False
    assert await catalog(url) == before


async def test_two_processes_may_migrate_at_once(make_database: MakeDatabase) -> None:
    url = await make_database()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEGMENTS_")},
        "DATABASE_URL": as_role(url, SERVING_ROLE, urlsplit(url).path[1:]),
        "SEGMENTS_OWNER_DATABASE_URL": url,
    }

    async def segments_migrate() -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from app.cli import main; main()", "migrate"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode().strip()

    said = await asyncio.gather(segments_migrate(), segments_migrate())
    assert sorted(said) == ["The database is at the newest schema already.", "The database was migrated."]


async def test_a_migrated_database_can_be_emptied_and_migrated_again(make_database: MakeDatabase) -> None:
    url = await make_database()
    await migrate(url)
    before = await catalog(url)
    await downgrade(url)
    assert await run(url, FUNCTIONS) == []
    assert not any((await catalog(url)).values())
    assert await migrate(url) is True
    assert differences(before, await catalog(url)) == {}


async def downgrade(url: str) -> None:
    def to_nothing(connection: Connection) -> None:
        config = configuration()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    connecting = engine(url)
    async with connecting.begin() as connection:
        await connection.execute(text("SET LOCAL client_min_messages = warning"))
        await connection.run_sync(to_nothing)
    await connecting.dispose()


async def test_the_role_that_serves_owns_nothing(database_url: str) -> None:
    assert await run(database_url, OWNED) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE candidate ADD COLUMN shoe_size text",
        "ALTER TABLE segment_member DROP CONSTRAINT segment_member_pkey",
        "ALTER TABLE candidate OWNER TO current_user",
        "ALTER TYPE channel ADD VALUE 'PIGEON'",
        "ALTER FUNCTION fold(text) VOLATILE",
        "DROP TABLE consent",
        "DROP INDEX candidate_by_words",
        "DROP FUNCTION fold(text)",
        "DROP EXTENSION pg_trgm",
        "DROP SCHEMA public CASCADE",
        "TRUNCATE suppression",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE TYPE mine AS ENUM ('a')",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION dblink",
        "CREATE INDEX mine ON candidate (city)",
        "CREATE RULE mine AS ON DELETE TO consent DO INSTEAD NOTHING",
        "CREATE POLICY mine ON candidate USING (true)",
        "CREATE ROLE mine",
        "UPDATE alembic_version SET version_num = '0'",
        "DELETE FROM alembic_version",
        "UPDATE audit_entry SET subject = 'somebody else'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "SELECT FROM audit_entry FOR UPDATE",
        "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (account_id, at, id) DO UPDATE SET subject = ''",
        "COPY candidate TO PROGRAM 'cat'",
    ],
)
async def test_the_role_that_serves_cannot_change_the_schema(statement: str, database_url: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(database_url, statement)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'", "its encoding must be UTF8"),
        ("ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'", "its encoding must be UTF8"),
        ("ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'", "its locale must know the letters of Unicode"),
    ],
)
async def test_a_database_that_cannot_hold_the_letters_is_refused(
    options: str, message: str, make_database: MakeDatabase
) -> None:
    url = await make_database(options)
    with pytest.raises(UnusableDatabaseError, match=message):
        await migrate(url)
    assert not any((await catalog(url)).values())


async def test_a_server_that_is_too_old_is_refused(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server of the suite is too old: the least version is raised beyond them all."""
    url = await make_database()
    monkeypatch.setattr(migrations, "LEAST_VERSION", 99_00_00)
    with pytest.raises(UnusableDatabaseError, match="PostgreSQL 15 or newer is needed"):
        await migrate(url)

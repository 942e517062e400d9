"""A real PostgreSQL for the whole run, a database of its own for each worker, an account of its own for each test.

Set TEST_DATABASE_URL to a superuser's url of another server (PostgreSQL 15 or newer) to run the suite on that one.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest
import structlog

from app.auth import Permission, Principal
from app.context import Session
from app.database import Database
from app.embedded import running
from app.following import Following
from app.migrate import migrate
from app.server import Server
from app.settings import Settings
from app.worker import Worker
from tests.client import Client, serving
from tests.inventory import Inventory
from tests.watcher import Watcher
from tests.world import World

TEMPLATE = "segments_template"
SERVING_ROLE = "segments_tests"
SECRET = "the secret of the tests, which is long enough"

hypothesis.settings.register_profile("thorough", max_examples=1_000, deadline=None)

DISPOSABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "400"}


@pytest.fixture(autouse=True)
def logging_as_usual() -> None:
    """What is logged goes to the standard library's log, where caplog sees it."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, _record],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _record(_: object, __: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    exc_info = event.pop("exc_info", None)
    return (" ".join(f"{name}={value}" for name, value in event.items()),), {"exc_info": exc_info}


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def superuser_url(run_directory: Path) -> Iterator[str]:
    """The PostgreSQL server of this run, as its superuser."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    with running(run_directory / "postgres", DISPOSABLE) as embedded:
        yield as_role(embedded.url, "postgres", "postgres")


@pytest.fixture(scope="session")
async def database_url(superuser_url: str, run_directory: Path) -> AsyncIterator[str]:
    """This worker's own database, migrated, as a role that owns nothing."""
    await asyncio.to_thread(_make_template, superuser_url, run_directory)
    name = f"segments_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_{os.getpid()}"
    await run(superuser_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield as_role(superuser_url, SERVING_ROLE, name)
    await run(superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


def _make_template(superuser_url: str, run_directory: Path) -> None:
    """Migrates the template once for all workers."""
    with locked(run_directory / "template.lock"):
        made = run_directory / "template.made"
        if not made.exists():
            asyncio.run(_migrate_template(superuser_url))
            made.touch()


async def _migrate_template(superuser_url: str) -> None:
    await run(superuser_url, f"DROP DATABASE IF EXISTS {TEMPLATE}")
    await run(superuser_url, new_database(TEMPLATE))
    if not await run(superuser_url, f"SELECT FROM pg_roles WHERE rolname = '{SERVING_ROLE}'"):
        await run(superuser_url, f"CREATE ROLE {SERVING_ROLE} LOGIN PASSWORD '{SERVING_ROLE}'")
    await migrate(as_role(superuser_url, None, TEMPLATE), as_role(superuser_url, SERVING_ROLE, TEMPLATE))


def new_database(name: str) -> str:
    return f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"


def as_role(url: str, role: str | None, database: str) -> str:
    """The url with another role, or the same when None, and another database."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = parts.netloc if role is None else f"{role}:{role}@{host}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


async def run(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Those of a server, but for limits that the tests' own documents and a machine's pauses would not fit in, without
    a rate limit and without a worker, which the tests of it bring along."""
    return Settings(
        pool_size=10,
        jwt_secret=SECRET,
        query_timeout=50.0,
        max_list_items=2_000,
        max_aliases=1_000,
        max_document_length=1_000_000,
        max_string_length=100_000,
        max_cost=50_000,
        rate_limit_points_per_second=0,
        workers=0,
    )


@pytest.fixture(scope="session")
def statements() -> list[str]:
    """Every statement that the server and the database fixture run, in order."""
    return []


@pytest.fixture(scope="session")
async def database(database_url: str, settings: Settings, statements: list[str]) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, settings, statements.append)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def queueing(database_url: str, settings: Settings) -> AsyncIterator[Database]:
    """The same database for who queues all but the smallest changes, and goes on with them by very small chunks."""
    small = {"inline_add_limit": 50, "chunk_size": 20, "worker_interval": 0.05, "workers": 1}
    opened = await Database.open(database_url, settings.model_copy(update=small))
    yield opened
    await opened.close()


@pytest.fixture
def worker(queueing: Database) -> Worker:
    """One that works when the test lets it."""
    return Worker(queueing, queueing.settings)


@pytest.fixture(scope="session")
async def server_address(database_url: str, settings: Settings, statements: list[str]) -> AsyncIterator[str]:
    """A running server, over HTTP, on this worker's database."""
    async with serving(Server(settings, database_url, SECRET, statements.append).app) as address:
        yield address


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """An account of this test's own, with a contract and two policies."""
    made = await World.make(database)
    yield made
    await made.leave_nothing_to_do()


@pytest.fixture
def large(world: World, queueing: Database) -> World:
    """The same account, where what matches more than 50 candidates is queued."""
    return replace(world, database=queueing)


@pytest.fixture
async def other_world(database: Database) -> AsyncIterator[World]:
    """Another tenant."""
    made = await World.make(database)
    yield made
    await made.leave_nothing_to_do()


@pytest.fixture
async def client(server_address: str, settings: Settings, world: World) -> AsyncIterator[Client]:
    """A client of this test's account that may do everything."""
    async with Client.of(server_address, settings, SECRET, world.account_id) as opened:
        yield opened


@pytest.fixture
async def other_client(server_address: str, settings: Settings, other_world: World) -> AsyncIterator[Client]:
    """A client of the other tenant."""
    async with Client.of(server_address, settings, SECRET, other_world.account_id) as opened:
        yield opened


@pytest.fixture(scope="session")
async def untouched(database: Database) -> Inventory:
    """An account with some of everything, which no test changes."""
    return await Inventory.make(database, "untouched")


@pytest.fixture(scope="session")
async def ours(database: Database) -> Inventory:
    """An account with some of everything, which the tests of one worker share. Nothing may change it."""
    return await Inventory.make(database, "ours")


@pytest.fixture(scope="session")
async def changing(database: Database) -> Inventory:
    """An account like it, which the tests of one worker change as they like."""
    return await Inventory.make(database, "changing")


@pytest.fixture(scope="session")
async def theirs(database: Database) -> Inventory:
    """Another account like it. Nothing may change it."""
    return await Inventory.make(database, "theirs")


@pytest.fixture(scope="session")
async def our_client(server_address: str, settings: Settings, ours: Inventory) -> AsyncIterator[Client]:
    async with Client.of(server_address, settings, SECRET, ours.account_id) as opened:
        yield opened


@pytest.fixture(scope="session")
async def changing_client(server_address: str, settings: Settings, changing: Inventory) -> AsyncIterator[Client]:
    async with Client.of(server_address, settings, SECRET, changing.account_id) as opened:
        yield opened


@pytest.fixture(scope="session")
async def their_client(server_address: str, settings: Settings, theirs: Inventory) -> AsyncIterator[Client]:
    async with Client.of(server_address, settings, SECRET, theirs.account_id) as opened:
        yield opened


@pytest.fixture
def session(database: Database, settings: Settings, ours: Inventory) -> Session:
    """Somebody of the account that nothing changes, who may do everything."""
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    principal = Principal(ours.account_id, "tester", frozenset(Permission), expires_at)
    return Session(principal, ours.world.account, database, Following(settings.follow_interval), settings)


@pytest.fixture
def watcher(superuser_url: str, database_url: str) -> Watcher:
    parts = urlsplit(database_url)
    return Watcher(as_role(superuser_url, None, parts.path.removeprefix("/")), parts.username or "")

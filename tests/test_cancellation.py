"""What takes too long is stopped, and what nobody waits for any more is not gone on with, in PostgreSQL too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from app.database import Database
from app.server import Server
from app.settings import Settings
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.watcher import Watcher
from tests.world import World

CANDIDATES = "{ candidates { nodes { id consents { active } } } }"
CREATE = 'mutation { createSegment(input: { name: "Made meanwhile", channel: EMAIL }) { userErrors { code } } }'
NAMED = '{ segments(filter: { nameContains: "Made meanwhile" }) { nodes { name } } }'


@pytest.fixture
async def hasty(database_url: str, world: World) -> AsyncIterator[Client]:
    """A client of a server that gives nothing more than a moment."""
    settings = Settings(pool_size=4, jwt_secret=SECRET, query_timeout=0.3, mutation_timeout=0.3)
    async with (
        serving(Server(settings, database_url, SECRET).app) as address,
        Client.of(address, settings, SECRET, world.account_id) as client,
    ):
        yield client


@pytest.mark.parametrize("table", ["candidate", "consent"])
async def test_a_query_whose_client_has_gone_ends_in_the_database(
    table: str, client: Client, watcher: Watcher, world: World
) -> None:
    """Whether a root field is at it or a batch of nested ones."""
    await world.candidate()
    await client.data(CANDIDATES)
    async with watcher.holding(table):
        asking = asyncio.create_task(client.http.post("/graphql", json={"query": CANDIDATES}))
        await watcher.until_waiting(1)
        asking.cancel()
        await watcher.until_waiting(0)
    await client.data(CANDIDATES)


async def test_a_mutation_whose_client_has_gone_is_done_whole(client: Client, watcher: Watcher) -> None:
    async with watcher.holding("segment"):
        asking = asyncio.create_task(client.http.post("/graphql", json={"query": CREATE}))
        await watcher.until_waiting(1)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.2)  # A query would have been given up by now.
        await watcher.until_waiting(1)
    async with asyncio.timeout(10):
        while not (await client.data(NAMED))["segments"]["nodes"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_query_that_takes_too_long_is_stopped(hasty: Client, watcher: Watcher) -> None:
    async with watcher.holding("candidate"):
        response = await hasty.http.post("/graphql", json={"query": CANDIDATES})
        assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["TIMEOUT"]
        assert response.json().get("data") is None
        await watcher.until_waiting(0)
    await hasty.data(CANDIDATES)


async def test_a_mutation_that_takes_too_long_is_undone(
    hasty: Client, watcher: Watcher, database: Database, world: World
) -> None:
    async with watcher.holding("segment"):
        response = await hasty.http.post("/graphql", json={"query": CREATE})
        assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["TIMEOUT"]
        await watcher.until_waiting(0)
    assert await database.fetch("SELECT FROM segment WHERE account_id = $1", world.account_id) == []


async def test_a_statement_has_the_same_limit_as_its_operation(database: Database, settings: Settings) -> None:
    """So that it ends even when this process does not get to end it."""
    assert await database.fetchrow("SHOW statement_timeout") == (f"{settings.query_timeout:.0f}s",)
    async with database.write((await World.make(database)).account_id) as tx:
        assert await tx.fetchval("SHOW statement_timeout") == f"{settings.mutation_timeout / 60:.0f}min"

"""The invariants hold at every moment while many clients change everything at once and servers are killed.

STORM_MUTATIONS says how many mutations to send; without it the storm goes on for two and a half minutes.
STORM_SEED makes another storm.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import pytest

from app.database import Database, analyze
from app.domain.check import check_accounts
from app.models import Channel
from app.settings import Settings
from tests.client import Client
from tests.conftest import SECRET, as_role
from tests.domain.storm import CITIES, Storm
from tests.domain.test_check import check
from tests.serving import ServingProcess
from tests.world import World

pytestmark = [pytest.mark.storm, pytest.mark.timeout(1800)]

CLIENTS = 32
SERVERS = 2
CANDIDATES = 1_000
LIMIT = 120
"""Well beneath the 2,000 endpoints that the candidates could be."""

SAMPLE = """
-- At this moment: what is counted, what is allowed, what is there.
SELECT u.email_used, u.sms_used, u.reserved, e.email, e.sms, c.endpoint_limit
FROM endpoint_usage u
JOIN contract c ON c.account_id = $1
CROSS JOIN (
  SELECT count(*) FILTER (WHERE channel = 'EMAIL') AS email, count(*) FILTER (WHERE channel = 'SMS') AS sms
  FROM (SELECT DISTINCT candidate_id, channel FROM segment_member WHERE account_id = $1) AS endpoint) AS e
WHERE u.account_id = $1
"""

DEADLOCKS = """
-- Deadlocks in this database so far.
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()
"""

ASKED_FOR = """
-- Operations that clients asked for; not those that ended the members of a deleted segment.
SELECT id::text FROM membership_operation
WHERE account_id = $1 AND kind IN ('ADD', 'REMOVE') AND cause IS NULL AND requested_by = 'tester'
"""


@pytest.fixture
async def servers(database_url: str, tmp_path: Path) -> AsyncIterator[list[ServingProcess]]:
    started = [ServingProcess(database_url, SECRET, tmp_path / f"server-{number}.log") for number in range(SERVERS)]
    try:
        await asyncio.gather(*(server.start() for server in started))
        yield started
    finally:
        await asyncio.gather(*(server.stop() for server in started))


async def test_no_invariant_breaks_in_a_storm(
    database: Database,
    settings: Settings,
    superuser_url: str,
    servers: list[ServingProcess],
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, candidates = await populated(database)
    await analyze(as_role(superuser_url, None, await current_database(database)))
    deadlocks = (await database.fetch(DEADLOCKS))[0][0]
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client.of(server.address, settings, SECRET, world.account_id))
            for server in servers
        ]
        storm = Storm(world, clients, candidates)
        await rage(storm, servers)
    with capsys.disabled():
        sys.stdout.write(f"{storm.figures}\n")
    assert (await database.fetch(DEADLOCKS))[0][0] == deadlocks
    assert {row["id"] for row in await database.fetch(ASKED_FOR, world.account_id)} == storm.operations
    assert (await check(world)).breaches == []
    assert not any("Traceback" in server.logged() for server in servers)


async def populated(database: Database) -> tuple[World, list[UUID]]:
    """An account whose contract is half used."""
    world = await World.make(database, LIMIT)
    candidates: list[UUID] = []
    for number in range(CITIES):
        candidates += await world.candidates(CANDIDATES // CITIES, city=f"City {number}")
    for channel in Channel:
        await world.add(await world.segment(channel=channel), candidates[: LIMIT // 4])
    return world, candidates


async def current_database(database: Database) -> str:
    name: str = (await database.fetch("SELECT current_database()"))[0][0]
    return name


async def rage(storm: Storm, servers: list[ServingProcess]) -> None:
    """Everything at once, until the storm is over or something is not as it must be."""
    await storm.make_segments()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CLIENTS):
            tasks.create_task(storm.client())
        for _ in range(2):
            tasks.create_task(storm.weather())
        tasks.create_task(watch(storm))
        tasks.create_task(check_often(storm))
        tasks.create_task(kill_and_restart(storm, servers))
    storm.figures.seconds = time.monotonic() - storm.started


async def watch(storm: Storm) -> None:
    """Looks at as many committed moments as it can."""
    while storm.goes_on:
        [row] = await storm.world.database.fetch(SAMPLE, storm.world.account_id)
        storm.figures.samples += 1
        storm.figures.full += row["email_used"] + row["sms_used"] == row["endpoint_limit"]
        assert (row["email_used"], row["sms_used"]) == (row["email"], row["sms"]), row
        assert row["email_used"] + row["sms_used"] + row["reserved"] <= row["endpoint_limit"], row
        await asyncio.sleep(0.01)


async def check_often(storm: Storm) -> None:
    """Checks every invariant at some of the moments."""
    while storm.goes_on:
        async for report in check_accounts(storm.world.database, storm.world.account):
            assert not report.breaches, report.lines()
        storm.figures.checks += 1
        await asyncio.sleep(3)


async def kill_and_restart(storm: Storm, servers: list[ServingProcess]) -> None:
    """One server after the other goes without a word, and comes back."""
    for server, moment in zip(servers, (0.3, 0.6), strict=True):
        while storm.progress < moment:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await server.kill()
        storm.figures.kills += 1
        await asyncio.sleep(0.5)
        await server.start()

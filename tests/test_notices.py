"""A change made in one process is heard in the others at once, and where it cannot be heard it is still found."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit
from uuid import UUID, uuid4

import pytest

from app.database import Database
from app.notices import CHANNEL, FIRST_DELAY, ChangeNotices
from app.settings import Settings
from tests.client import Client
from tests.conftest import SECRET
from tests.mutations import ADD, CREATE
from tests.serving import ServingProcess
from tests.world import World

SELDOM = "60"
"""Seconds between two looks, which no test waits."""

PATIENCE = 20.0

QUOTA = "subscription { quotaUsage { used } }"
OPERATION = "subscription($id: ID!) { operation(id: $id) { status processedCount } }"

KILL_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'segments listening' AND datname = current_database()
"""

GO_ON = """
UPDATE membership_operation SET status = $3, processed_count = $4, finished_at = $5
WHERE account_id = $1 AND id = $2
"""

Start = Callable[..., Awaitable[Client]]


@pytest.fixture
async def start(database_url: str, tmp_path: Path, settings: Settings, world: World) -> AsyncIterator[Start]:
    """Starts servers, each a process of its own; returns a client of each."""
    started: list[tuple[ServingProcess, Client]] = []

    async def begin(**environment: str) -> Client:
        process = ServingProcess(database_url, SECRET, tmp_path / f"{len(started)}.log", **environment)
        client = Client.of(process.address, settings, SECRET, world.account_id)
        started.append((process, client))
        await process.start()
        return client

    yield begin
    for process, client in started:
        await client.http.aclose()
        with suppress(ProcessLookupError):
            await process.kill()


async def told(events: Any) -> Any:
    async with asyncio.timeout(PATIENCE):
        return json.loads(await anext(events))["data"]


async def add(client: Client, world: World, segment_id: UUID) -> None:
    candidates = [str(await world.candidate())]
    added = await client.data(ADD, input={"segmentId": str(segment_id), "candidates": {"ids": candidates}})
    assert added["done"]["operation"]["addedCount"] == 1


async def begun(world: World) -> UUID:
    """An operation under way."""
    operation_id = await world.add(await world.segment(), [await world.candidate()])
    await world.run(GO_ON, operation_id, "RUNNING", 0, None)
    return operation_id


# Between processes


async def test_a_change_through_one_server_is_told_by_another_at_once(start: Start, world: World) -> None:
    segment_id = await world.segment()
    follower = await start(SEGMENTS_FOLLOW_INTERVAL=SELDOM)
    changer = await start()
    async with aclosing(follower.events({"query": QUOTA})) as events:
        assert await told(events) == {"quotaUsage": {"used": 0}}
        for used in (1, 2):
            await add(changer, world, segment_id)
            assert await told(events) == {"quotaUsage": {"used": used}}


async def test_an_operation_is_followed_through_another_server_until_it_has_ended(start: Start, world: World) -> None:
    operation_id = await begun(world)
    follower = await start(SEGMENTS_FOLLOW_INTERVAL=SELDOM)
    changer = await start()
    asked = {"query": OPERATION, "variables": {"id": str(operation_id)}}
    seen = []
    async with aclosing(follower.events(asked)) as events:
        seen.append((await told(events))["operation"])
        for status, processed, finished_at in (("RUNNING", 1, None), ("CANCELLED", 1, datetime.now(UTC))):
            # Written without a word; it is the other server's change of the account that is heard.
            await world.run(GO_ON, operation_id, status, processed, finished_at)
            await changer.data(CREATE, input={"name": f"Segment {status}", "channel": "EMAIL"})
            seen.append((await told(events))["operation"])
        async with asyncio.timeout(PATIENCE):
            assert [event async for event in events if event] == []
    assert seen == [
        {"status": "RUNNING", "processedCount": 0},
        {"status": "RUNNING", "processedCount": 1},
        {"status": "CANCELLED", "processedCount": 1},
    ]


async def test_where_nobody_can_listen_changes_are_found_by_looking(start: Start, world: World, tmp_path: Path) -> None:
    segment_id, operation_id = await world.segment(), await begun(world)
    follower = await start(SEGMENTS_PGBOUNCER="1", SEGMENTS_FOLLOW_INTERVAL="0.2", SEGMENTS_LOG_LEVEL="INFO")
    changer = await start(SEGMENTS_PGBOUNCER="1")
    asked = {"query": OPERATION, "variables": {"id": str(operation_id)}}
    async with aclosing(follower.events({"query": QUOTA})) as events, aclosing(follower.events(asked)) as steps:
        await told(events)
        await told(steps)
        await add(changer, world, segment_id)
        assert await told(events) == {"quotaUsage": {"used": 2}}
        await world.run(GO_ON, operation_id, "RUNNING", 1, None)
        assert await told(steps) == {"operation": {"status": "RUNNING", "processedCount": 1}}
    log = (tmp_path / "0.log").read_text()
    assert log.count("changes of other processes are not heard") == 1
    assert "PgBouncer lets nobody listen" in log


async def test_a_listening_connection_that_is_killed_comes_back(
    start: Start, world: World, tmp_path: Path, database: Database
) -> None:
    segment_id, operation_id = await world.segment(), await begun(world)
    follower = await start(SEGMENTS_FOLLOW_INTERVAL=SELDOM, SEGMENTS_LOG_LEVEL="INFO")
    changer = await start()
    asked = {"query": OPERATION, "variables": {"id": str(operation_id)}}
    async with aclosing(follower.events({"query": QUOTA})) as events, aclosing(follower.events(asked)) as steps:
        await told(events)
        await told(steps)
        await add(changer, world, segment_id)
        await told(events)  # So it listens.
        await world.run(GO_ON, operation_id, "RUNNING", 1, None)
        assert await database.fetch(KILL_LISTENERS)
        # What nobody said, or said while it was deaf, is found when it listens again.
        assert await told(steps) == {"operation": {"status": "RUNNING", "processedCount": 1}}
        await add(changer, world, segment_id)
        assert await told(events) == {"quotaUsage": {"used": 3}}
    log = (tmp_path / "0.log").read_text()
    assert log.count("changes of other processes are not heard") == 1
    assert log.count("changes of other processes are heard again") == 1


# Within a process


class Ears:
    """Hears what one process is told."""

    def __init__(self, notices: ChangeNotices) -> None:
        self.heard: asyncio.Queue[UUID | None] = asyncio.Queue()
        notices.on_change.append(self.heard.put_nowait)

    async def next(self) -> UUID | None:
        async with asyncio.timeout(PATIENCE):
            return await self.heard.get()


@pytest.fixture
async def one(database_url: str, settings: Settings) -> AsyncIterator[Database]:
    """The database of a process of its own."""
    opened = await Database.open(database_url, settings)
    yield opened
    await opened.close()


async def test_a_process_hears_its_own_changes_once(one: Database, database_url: str, world: World) -> None:
    own, others = ChangeNotices(one, database_url), ChangeNotices(one, database_url)
    ears, other_ears = Ears(own), Ears(others)
    async with own.telling(), own.listening(), others.listening():
        assert (await ears.next(), await other_ears.next()) == (None, None)
        async with one.write(world.account_id):
            pass
        assert await ears.next() == world.account_id
        assert await other_ears.next() == world.account_id
        # Notices come in order: had its own come back, it would be there before this one.
        foreign = uuid4()
        await one.notify(CHANNEL, [f"another {foreign}"])
        assert await ears.next() == foreign


async def test_what_is_undone_is_told_to_nobody(one: Database, database_url: str, world: World) -> None:
    notices = ChangeNotices(one, database_url)
    ears = Ears(notices)
    async with notices.telling():
        with pytest.raises(ZeroDivisionError):
            async with one.write(world.account_id):
                raise ZeroDivisionError
    assert ears.heard.empty()


async def test_many_changes_are_told_by_few_notices(one: Database, database_url: str, world: World) -> None:
    own, others = ChangeNotices(one, database_url), ChangeNotices(one, database_url)
    ears = Ears(others)
    async with others.listening():
        assert await ears.next() is None
        async with own.telling():
            for _ in range(100):
                one.changed(world.account_id)
        assert await ears.next() == world.account_id
        end = uuid4()
        await one.notify(CHANNEL, [f"another {end}"])
        heard = 1
        while await ears.next() != end:
            heard += 1
    assert heard <= 2


async def test_the_last_changes_of_a_process_that_stops_are_told(
    one: Database, database_url: str, world: World, other_world: World
) -> None:
    own, others = ChangeNotices(one, database_url), ChangeNotices(one, database_url)
    ears = Ears(others)
    async with others.listening():
        assert await ears.next() is None
        async with own.telling():
            one.changed(world.account_id)
            await asyncio.sleep(0)
            one.changed(other_world.account_id)
        assert {await ears.next(), await ears.next()} == {world.account_id, other_world.account_id}


async def test_what_is_no_notice_is_passed_over(one: Database, database_url: str) -> None:
    notices = ChangeNotices(one, database_url)
    ears = Ears(notices)
    foreign = uuid4()
    async with notices.listening():
        assert await ears.next() is None
        await one.notify(CHANNEL, ["", "nonsense", "a b", f"another {foreign}"])
        assert await ears.next() == foreign


async def test_a_database_that_is_not_there_is_said_once_and_tried_again(
    one: Database, caplog: pytest.LogCaptureFixture
) -> None:
    notices = ChangeNotices(one, "postgresql://nobody@127.0.0.1:1/nowhere")
    with caplog.at_level(logging.INFO):
        async with notices.listening():
            await asyncio.sleep(5 * FIRST_DELAY)
    said = [record.getMessage() for record in caplog.records if "not heard" in record.getMessage()]
    assert len(said) == 1


async def test_a_process_without_a_free_connection_for_a_while_tells_of_its_changes_afterwards(
    one: Database, database_url: str, settings: Settings, world: World, other_world: World
) -> None:
    narrow = await Database.open(database_url, settings.model_copy(update={"pool_size": 1, "pool_timeout": 0.05}))
    own, others = ChangeNotices(narrow, database_url), ChangeNotices(one, database_url)
    ears = Ears(others)
    async with others.listening():
        assert await ears.next() is None
        async with own.telling():
            async with narrow.snapshot():
                narrow.changed(world.account_id)
                for waiting in (1, 0):
                    while narrow.use().waiting != waiting:  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
            narrow.changed(other_world.account_id)
            assert {await ears.next(), await ears.next()} == {world.account_id, other_world.account_id}
    await narrow.close()


async def test_a_connection_that_says_nothing_when_it_is_to_listen_is_given_up(
    one: Database, database_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a network loses it without a word, which nobody notices who waits for ever."""
    monkeypatch.setattr("app.notices.SECONDS_TO_CONNECT", 0.3)
    parts = urlsplit(database_url)
    sockets = parse_qs(parts.query).get("host")
    asked = 0

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, of_client: bool) -> None:
        nonlocal asked
        with closing(writer):
            while piece := await reader.read(65536):
                if of_client and b"LISTEN" in piece:
                    asked += 1
                    if asked == 1:
                        await asyncio.Event().wait()
                writer.write(piece)
                await writer.drain()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if sockets:
            there, back = await asyncio.open_unix_connection(f"{sockets[0]}/.s.PGSQL.5432")
        else:
            there, back = await asyncio.open_connection(parts.hostname, parts.port or 5432)
        relays.append(asyncio.create_task(relay(reader, back, True)))
        relays.append(asyncio.create_task(relay(there, writer, False)))

    relays: list[asyncio.Task[None]] = []
    between = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    port = between.sockets[0].getsockname()[1]
    netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
    notices = ChangeNotices(one, urlunsplit(parts._replace(netloc=netloc, query="")))
    ears = Ears(notices)
    async with notices.listening():
        assert await ears.next() is None
        await one.notify(CHANNEL, [f"another {world.account_id}"])
        assert await ears.next() == world.account_id
    assert asked > 1
    for each in relays:
        each.cancel()
    await asyncio.gather(*relays, return_exceptions=True)
    between.close()

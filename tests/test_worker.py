"""Workers: woken at once, fair, several beside one another, and nothing is lost with one that is killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from uuid import UUID

import asyncpg
import pytest

from app.database import Database
from app.domain.background import waiting
from app.models import Channel, MembershipOperationKind
from app.server import Server
from app.settings import Settings
from app.worker import Pace, Worker, working
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.domain.test_background import ended_well, one_chunk, status, until
from tests.mutations import ADD
from tests.watcher import Watcher
from tests.world import World

PATIENCE = 60.0

SMALL = {
    "SEGMENTS_CHUNK_SIZE": "20",
    "SEGMENTS_INLINE_ADD_LIMIT": "50",
    "SEGMENTS_WORKER_INTERVAL": "0.05",
    "SEGMENTS_LOG_LEVEL": "WARNING",
}

ADDED = "SELECT added_count FROM membership_operation WHERE account_id = $1 AND id = $2"

StartWorker = Callable[[], Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start_worker(database_url: str) -> AsyncIterator[StartWorker]:
    """Starts `segments worker` as a process of its own, and ends what is left of them."""
    started: list[asyncio.subprocess.Process] = []

    async def start() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from app.cli import main; main()", "worker"),
            env={**os.environ, "DATABASE_URL": database_url, **SMALL},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def queued(world: World, count: int, channel: Channel = Channel.EMAIL) -> UUID:
    candidates = await world.candidates(count)
    return await world.add(await world.segment(channel=channel), candidates)


async def until_added(world: World, operation_id: UUID, least: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await world.run(ADDED, operation_id))[0]["added_count"] < least:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_what_a_process_queues_its_worker_goes_on_with_at_once(
    database_url: str, settings: Settings, world: World
) -> None:
    """The worker looks by itself every minute only: it was told."""
    small = settings.model_copy(update={"inline_add_limit": 50, "workers": 1, "worker_interval": 60.0})
    await world.candidates(60)
    segment_id = await world.segment()
    async with (
        serving(Server(small, database_url, SECRET).app) as address,
        Client.of(address, settings, SECRET, world.account_id) as client,
    ):
        asked = {"segmentId": str(segment_id), "candidates": {"allSearchResults": {}}}
        operation = (await client.data(ADD, input=asked))["done"]["operation"]
        await until(world, UUID(operation["id"]), "COMPLETED")
    assert (await world.operation(UUID(operation["id"])))["stepped_at"] is not None
    await ended_well(world, UUID(operation["id"]))


async def test_what_another_process_queues_is_found_by_looking(large: World, database_url: str) -> None:
    opened = await Database.open(database_url, large.database.settings)
    async with working(opened, large.database.settings):
        operation_id = await queued(large, 60)
        await until(large, operation_id, "COMPLETED")
    await opened.close()
    await ended_well(large, operation_id)


async def test_a_server_may_leave_the_work_to_others(database: Database, settings: Settings) -> None:
    async with working(database, settings.model_copy(update={"workers": 0})) as none:
        assert none is None


async def test_a_small_operation_does_not_wait_for_the_end_of_a_large_one(large: World) -> None:
    huge = await queued(large, 400)
    for _ in range(3):
        await one_chunk(large)
    small = await queued(large, 60, Channel.SMS)
    chunks = 0
    while await status(large, small) != "COMPLETED":
        await one_chunk(large)
        chunks += 1
    assert chunks <= 2 * 3
    assert await status(large, huge) == "RUNNING"


async def test_accounts_take_turns(large: World, other_world: World, queueing: Database) -> None:
    theirs = World(queueing, other_world.account, other_world.policies)
    huge = await queued(large, 400)
    small = await queued(theirs, 60)
    worker = Worker(queueing, queueing.settings)
    working = asyncio.create_task(worker.run())
    await until(theirs, small, "COMPLETED")
    assert await status(large, huge) == "RUNNING"
    worker.stop()
    await working


async def test_an_account_whose_turn_somebody_has_keeps_nobody_else_waiting(
    large: World, other_world: World, queueing: Database, database_url: str
) -> None:
    theirs = World(queueing, other_world.account, other_world.policies)
    held, free = await queued(large, 60), await queued(theirs, 60)
    holder = await asyncpg.connect(database_url)
    worker = Worker(queueing, queueing.settings)
    async with holder.transaction():
        await holder.execute("SELECT FROM endpoint_usage WHERE account_id = $1 FOR UPDATE", large.account_id)
        working = asyncio.create_task(worker.run())
        await until(theirs, free, "COMPLETED")
    await until(large, held, "COMPLETED")
    worker.stop()
    await working
    await holder.close()


async def test_a_chunk_that_waits_for_somebody_s_lock_keeps_no_other_account_waiting(
    large: World, other_world: World, queueing: Database, database_url: str
) -> None:
    theirs = World(queueing, other_world.account, other_world.policies)
    held, free = await queued(large, 60), await queued(theirs, 60)
    holder = await asyncpg.connect(database_url)
    worker = Worker(queueing, queueing.settings)
    async with holder.transaction():
        await holder.execute("SELECT FROM segment WHERE account_id = $1 FOR UPDATE", large.account_id)
        working = asyncio.create_task(worker.run())
        await until(theirs, free, "COMPLETED")
    await until(large, held, "COMPLETED")
    worker.stop()
    await working
    await holder.close()


async def test_an_account_whose_operation_cannot_even_be_failed_keeps_no_other_waiting(
    large: World, other_world: World, queueing: Database, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = World(queueing, other_world.account, other_world.policies)
    broken, sound = await queued(large, 60), await queued(theirs, 60)
    await large.run("UPDATE membership_operation SET attempts = 1000 WHERE account_id = $1")
    # Nobody can release what is not counted.
    await large.run("UPDATE endpoint_usage SET reserved = 0 WHERE account_id = $1")
    worker = Worker(queueing, queueing.settings)
    working = asyncio.create_task(worker.run())
    await until(theirs, sound, "COMPLETED")
    assert [record.getMessage() for record in caplog.records if str(large.account_id) in record.getMessage()]
    # Or the failing of the last chunk, which may come only now, would be the end of it.
    await large.run("UPDATE membership_operation SET attempts = 0 WHERE account_id = $1")
    await large.run("UPDATE endpoint_usage SET reserved = 60 WHERE account_id = $1")
    await until(large, broken, "COMPLETED")
    worker.stop()
    await working


async def test_two_workers_share_the_work_and_do_none_of_it_twice(
    large: World, queueing: Database, database_url: str
) -> None:
    operations = [await queued(large, 200), await queued(large, 100, Channel.SMS)]
    other = await Database.open(database_url, queueing.settings)
    workers = [Worker(queueing, queueing.settings), Worker(other, queueing.settings)]
    await asyncio.gather(*(worker.run_until_idle() for worker in workers))
    await other.close()
    for operation_id in operations:
        await until(large, operation_id, "COMPLETED")
        row = await large.operation(operation_id)
        assert row["matched_count"] == row["added_count"]
        await ended_well(large, operation_id)


async def test_a_killed_worker_takes_nothing_with_it(large: World, start_worker: StartWorker) -> None:
    operation_id = await queued(large, 700)
    first = await start_worker()
    await until_added(large, operation_id, 100)
    first.kill()
    await first.wait()
    row = await large.operation(operation_id)
    assert (row["status"], row["attempts"]) == ("RUNNING", 0)
    assert row["added_count"] < 700
    await start_worker()
    await until(large, operation_id, "COMPLETED")
    assert (await large.operation(operation_id))["added_count"] == 700
    await ended_well(large, operation_id)


async def test_a_worker_survives_the_loss_of_its_connections(
    large: World, watcher: Watcher, start_worker: StartWorker
) -> None:
    operation_id = await queued(large, 700)
    process = await start_worker()
    await until_added(large, operation_id, 60)
    await watcher.end_connections("membership_operation")
    await until(large, operation_id, "COMPLETED")
    assert process.returncode is None
    assert (await large.operation(operation_id))["added_count"] == 700
    await ended_well(large, operation_id)


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGTERM]])
async def test_told_to_stop_it_finishes_its_chunk_and_ends_well(
    numbers: list[signal.Signals], large: World, start_worker: StartWorker
) -> None:
    operation_id = await queued(large, 700)
    process = await start_worker()
    await until_added(large, operation_id, 40)
    for number in numbers:
        process.send_signal(number)
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate()
    assert (process.returncode, said) == (0, b"")
    row = await large.operation(operation_id)
    assert (row["status"], row["added_count"] % 20) == ("RUNNING", 0)


async def test_what_a_test_leaves_undone_or_broken_is_no_work_for_the_next_one(
    large: World, queueing: Database
) -> None:
    """Workers of a process of their own go on with all there is in the database."""
    operation_id = await queued(large, 60)
    await large.run("UPDATE membership_operation SET segment_id = NULL WHERE account_id = $1 AND id = $2", operation_id)
    assert large.account_id in await waiting(queueing)
    await large.leave_nothing_to_do()
    assert large.account_id not in await waiting(queueing)


async def test_an_idle_worker_stops_at_once(queueing: Database) -> None:
    worker = Worker(queueing, queueing.settings.model_copy(update={"worker_interval": 60.0}))
    await worker.run_until_idle()
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    started = monotonic()
    worker.stop()
    await running
    assert monotonic() - started < 5


def test_chunks_become_as_large_as_fit_into_their_time(settings: Settings) -> None:
    pace = Pace(settings.model_copy(update={"chunk_time": 0.1, "chunk_size": 5_000}))
    kind = MembershipOperationKind.ADD
    assert pace.size(kind) == 1_000
    pace.took(kind, 1_000, 0.2)
    assert pace.size(kind) == 500
    pace.took(kind, 500, 0.001)
    assert pace.size(kind) == 1_000
    for _ in range(5):
        pace.took(kind, pace.size(kind), 0.001)
    assert pace.size(kind) == 5_000
    assert pace.size(MembershipOperationKind.REMOVE) == 1_000

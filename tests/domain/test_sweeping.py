"""What workers do now and then, for every account."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.database import Database
from app.domain.idempotency import once
from app.domain.sweeping import sweep_due
from app.models import Channel
from app.worker import Worker
from tests.client import Client
from tests.domain.test_background import one_chunk
from tests.domain.test_check import check
from tests.domain.test_lapses import READS
from tests.world import GENERAL, SMS, World

KEYS = "SELECT key FROM idempotency_key WHERE account_id = $1 ORDER BY key"
MARKS = "SELECT lapses_swept_until, lapses_queued_until FROM endpoint_usage WHERE account_id = $1"


async def crowd(large: World, count: int = 63) -> tuple[UUID, list[UUID]]:
    candidates = await large.candidates(count)
    segment_id = await large.segment()
    for start in range(0, count, 45):
        await large.add(segment_id, candidates[start : start + 45])
    return segment_id, candidates


async def test_every_account_with_expired_consents_is_swept(
    world: World, other_world: World, database: Database
) -> None:
    for each in (world, other_world):
        candidates = await each.candidates(3)
        await each.add(await each.segment())
        await each.add(await each.segment(channel=Channel.SMS))
        await each.lapse(*candidates[:1])
        await each.lapse(*candidates[1:2], policy=SMS)
    assert await sweep_due(database) >= 6
    for each in (world, other_world):
        assert await each.used() == (2, 1)
        assert not (await check(each)).lines()


async def test_an_account_that_cannot_be_swept_keeps_no_other_waiting(
    world: World, other_world: World, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for each in (world, other_world):
        await each.candidates(3)
        await each.add(await each.segment())
    # Nobody can free what is not counted.
    await world.run("UPDATE endpoint_usage SET email_used = 0 WHERE account_id = $1")
    for each in (world, other_world):
        [someone] = await each.run("SELECT id FROM candidate WHERE account_id = $1 LIMIT 1")
        await each.lapse(someone["id"])
    await sweep_due(database)
    assert await other_world.used() == (2, 0)
    assert [record.getMessage() for record in caplog.records if str(world.account_id) in record.getMessage()]
    await world.run("UPDATE endpoint_usage SET email_used = 3 WHERE account_id = $1")
    await sweep_due(database)
    assert await world.used() == (2, 0)


async def test_a_sweep_with_nothing_to_do_changes_nothing(world: World, database: Database) -> None:
    await world.candidates(2)
    await world.add(await world.segment())
    before = await world.run(MARKS)
    await sweep_due(database)
    assert await world.run(MARKS) == before
    assert await world.used() == (2, 0)


async def test_too_many_for_one_transaction_are_queued_and_out_of_sight_until_they_have_ended(
    large: World, client: Client
) -> None:
    segment_id, candidates = await crowd(large)
    await large.lapse(*candidates[:60])
    await sweep_due(large.database)
    assert await large.used() == (63, 0)
    while await one_chunk(large):
        data = await client.data(READS, segment=str(segment_id), candidate=str(candidates[0]))
        assert data["segment"]["members"]["totalCount"] == 3
        assert data["segment"]["hasMember"] is False
        assert (await check(large)).breaches == []
    assert await large.used() == (3, 0)
    await sweep_due(large.database)
    [marks] = await large.run(MARKS)
    assert marks["lapses_queued_until"] is None
    assert not (await check(large)).lines()
    [lost] = await large.run(
        "SELECT requested_by, cause, removed_count FROM membership_operation WHERE account_id = $1"
        " AND kind = 'ELIGIBILITY_LOST'"
    )
    assert tuple(lost) == ("segments", "A consent expired.", 60)


async def test_what_expires_while_others_are_queued_is_swept_at_once(large: World) -> None:
    segment_id, candidates = await crowd(large)
    await large.lapse(*candidates[:55])
    await sweep_due(large.database)
    await large.lapse(*candidates[55:58])
    await large.add(segment_id, await large.candidates(1))
    assert await large.used() == (61, 0), "An addition ends those three, and not the others."
    assert (await check(large)).breaches == []
    await large.lapse(*candidates[58:60])
    await sweep_due(large.database)
    assert await large.used() == (59, 0)
    while await one_chunk(large):
        pass
    await sweep_due(large.database)
    assert await large.used() == (4, 0)
    assert not (await check(large)).lines()


async def test_an_addition_does_not_wait_for_the_end_of_very_many(large: World) -> None:
    segment_id, candidates = await crowd(large)
    await large.lapse(*candidates[:60])
    await large.add(segment_id, await large.candidates(1))
    assert await large.used() == (64, 0)
    assert (await check(large)).breaches == []
    while await one_chunk(large):
        pass
    await sweep_due(large.database)
    assert await large.used() == (4, 0)
    assert not (await check(large)).lines()


async def test_sweeps_at_the_same_time_end_each_membership_once(large: World) -> None:
    _, candidates = await crowd(large, 40)
    await large.lapse(*candidates[:30])
    ended = await asyncio.gather(*(sweep_due(large.database) for _ in range(4)))
    assert sum(ended) >= 30
    assert await large.used() == (10, 0)
    rows = await large.run("SELECT FROM past_segment_member WHERE account_id = $1")
    assert len(rows) == 30
    assert not (await check(large)).lines()


async def test_keys_are_forgotten_when_they_are_too_old(world: World, database: Database) -> None:
    days = database.settings.idempotency_days

    async def nothing() -> UUID:
        return world.account_id

    async with world.database.write(world.account_id) as tx:
        for key in ("new", "old", "very old"):
            await once(tx, key, "nothing", {}, nothing)
    for key, age in (("new", days - 1), ("old", days + 1), ("very old", 10 * days)):
        await world.run(
            "UPDATE idempotency_key SET created_at = $3 WHERE account_id = $1 AND key = $2",
            key,
            datetime.now(UTC) - timedelta(days=age),
        )
    await sweep_due(database)
    assert [row["key"] for row in await world.run(KEYS)] == ["new"]


async def test_a_worker_sweeps_without_being_asked(world: World, queueing: Database) -> None:
    candidates = await world.candidates(2)
    await world.add(await world.segment())
    await world.lapse(candidates[0], policy=GENERAL)
    worker = Worker(queueing, queueing.settings.model_copy(update={"sweep_interval": 0.1}))
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(30):
        while await world.used() != (1, 0):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    worker.stop()
    await running

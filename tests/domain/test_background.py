"""Queued operations: frozen when they were asked for, exact when they end, whatever happens meanwhile."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.database import Database
from app.domain import consents, segments
from app.domain.background import step
from app.domain.errors import OperationFinishedError, QuotaExceededError
from app.models import Channel
from app.worker import Worker
from tests.conftest import as_role
from tests.domain.test_check import check
from tests.world import GENERAL, World

COUNTS = (
    "matched_count",
    "processed_count",
    "added_count",
    "removed_count",
    "already_member_count",
    "ineligible_count",
    "over_quota_count",
)


async def one_chunk(large: World) -> bool:
    """Goes on with what waits, by a chunk of 20. Whether anything did."""
    async with large.database.write(large.account_id) as tx:
        return await step(tx, lambda _: 20, large.database.settings) is not None


async def counts(large: World, operation_id: UUID) -> dict[str, int]:
    """What is counted, less what is zero."""
    row = await large.operation(operation_id)
    return {name.removesuffix("_count"): row[name] for name in COUNTS if row[name]}


async def status(large: World, operation_id: UUID) -> str:
    found: str = (await large.operation(operation_id))["status"]
    return found


async def reserved(large: World) -> int:
    [row] = await large.run("SELECT reserved FROM endpoint_usage WHERE account_id = $1")
    found: int = row["reserved"]
    return found


async def until(large: World, operation_id: UUID, wanted: str) -> None:
    """Returns once the operation has this status."""
    async with asyncio.timeout(60):
        while await status(large, operation_id) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def ended_well(large: World, operation_id: UUID) -> None:
    """Nothing is left of how it went on, and every rule holds."""
    assert await status(large, operation_id) == "COMPLETED"
    assert await reserved(large) == 0
    assert await large.run("SELECT FROM pending_candidate WHERE account_id = $1") == []
    assert (await check(large)).lines() == []


async def withdraw(large: World, *candidate_ids: UUID) -> None:
    async with large.database.write(large.account_id) as tx:
        await consents.withdraw(tx, candidate_ids, large.policies[GENERAL], "tester")


async def test_an_addition_of_as_many_as_may_be_added_at_once_is_not_queued(large: World) -> None:
    await large.candidates(50)
    assert await status(large, await large.add(await large.segment())) == "COMPLETED"


async def test_a_larger_addition_is_queued_counted_and_reserved(large: World) -> None:
    segment_id = await large.segment()
    members = await large.candidates(10)
    await large.add(segment_id, members)
    await large.candidates(7, {})
    await large.candidates(43)
    operation_id = await large.add(segment_id)
    assert await status(large, operation_id) == "QUEUED"
    assert await counts(large, operation_id) == {"matched": 60, "processed": 17, "already_member": 10, "ineligible": 7}
    assert (await large.operation(operation_id))["ineligible"] == {"CONSENT_MISSING": 7}
    assert await reserved(large) == 43
    assert await large.members(segment_id) == set(members)
    assert (await check(large)).lines() == []


async def test_it_goes_on_by_chunks_and_is_exact_after_each(large: World) -> None:
    candidates = await large.candidates(70)
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    for done in (20, 40, 60):
        assert await one_chunk(large)
        assert await counts(large, operation_id) == {"matched": 70, "processed": done, "added": done}
        assert await status(large, operation_id) == "RUNNING"
        assert (await reserved(large), sum(await large.used())) == (70 - done, done)
        assert (await check(large)).lines() == []
    assert await one_chunk(large)
    assert not await one_chunk(large)
    assert await counts(large, operation_id) == {"matched": 70, "processed": 70, "added": 70}
    assert await large.members(segment_id) == set(candidates)
    await ended_well(large, operation_id)


async def test_whom_it_is_about_is_frozen(large: World, worker: Worker) -> None:
    there = await large.candidates(60, city="Paris")
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    await one_chunk(large)
    await large.candidates(30)
    await large.run("UPDATE candidate SET city = 'Rome' WHERE account_id = $1")
    await worker.run_until_idle()
    assert await large.members(segment_id) == set(there)
    await ended_well(large, operation_id)


async def test_who_may_not_join_any_more_is_left_out_with_the_reason(large: World, worker: Worker) -> None:
    candidates = await large.candidates(60)
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    await withdraw(large, *candidates[40:45])
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 60, "processed": 60, "added": 55, "ineligible": 5}
    assert (await large.operation(operation_id))["ineligible"] == {"CONSENT_WITHDRAWN": 5}
    rows = await large.run("SELECT unnest(candidate_ids) AS id FROM skipped_candidate WHERE account_id = $1")
    assert {row["id"] for row in rows} == set(candidates[40:45])
    await ended_well(large, operation_id)


async def test_who_was_in_when_their_chunk_came_was_a_member_already(large: World, worker: Worker) -> None:
    candidates = await large.candidates(60)
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    await large.add(segment_id, candidates[:10])
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 60, "processed": 60, "added": 50, "already_member": 10}
    await ended_well(large, operation_id)


async def test_who_was_erased_meanwhile_may_not_join(large: World, worker: Worker) -> None:
    candidates = await large.candidates(60)
    operation_id = await large.add(await large.segment())
    for table, column in (("consent", "candidate_id"), ("candidate", "id")):
        await large.run(f"DELETE FROM {table} WHERE account_id = $1 AND {column} = ANY($2::uuid[])", candidates[:3])
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 60, "processed": 60, "added": 57, "ineligible": 3}
    await ended_well(large, operation_id)


async def test_no_more_than_so_many_left_out_are_kept_by_name_over_all_chunks(
    large: World, database_url: str, worker: Worker
) -> None:
    few = large.database.settings.model_copy(update={"max_skipped": 12})
    await large.candidates(10, {})
    candidates = await large.candidates(60)
    opened = await Database.open(database_url, few)
    operation_id = await World(opened, large.account, large.policies).add(await large.segment())
    await withdraw(large, *candidates[:30])
    await Worker(opened, few).run_until_idle()
    await opened.close()
    assert (await large.operation(operation_id))["ineligible_count"] == 40
    [row] = await large.run("SELECT sum(cardinality(candidate_ids)) FROM skipped_candidate WHERE account_id = $1")
    assert row[0] == 12
    await ended_well(large, operation_id)


# The contract


async def test_of_two_large_additions_that_only_one_fits_one_is_refused_whole(large: World, worker: Worker) -> None:
    await large.contract(100)
    await large.candidates(60)
    mails, texts = await large.segment(), await large.segment(channel=Channel.SMS)
    first, second = await asyncio.gather(large.add(mails), large.add(texts), return_exceptions=True)
    refused, queued = sorted((first, second), key=lambda each: isinstance(each, UUID))
    assert isinstance(refused, QuotaExceededError)
    assert (refused.limit, refused.used, refused.reserved, refused.needed) == (100, 0, 60, 60)
    assert isinstance(queued, UUID)
    await worker.run_until_idle()
    await ended_well(large, queued)


async def test_what_is_reserved_is_not_there_for_others(large: World, worker: Worker) -> None:
    await large.contract(60)
    candidates = await large.candidates(60)
    operation_id = await large.add(await large.segment())
    with pytest.raises(QuotaExceededError):
        await large.add(await large.segment(channel=Channel.SMS), candidates[:1])
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 60, "processed": 60, "added": 60}
    await ended_well(large, operation_id)


async def test_fill_freezes_the_oldest_whom_there_is_room_for(large: World, worker: Worker) -> None:
    await large.contract(65)
    candidates = await large.candidates(100)
    await large.add(await large.segment(), candidates[90:])
    segment_id = await large.segment()
    operation_id = await large.add(segment_id, policy="FILL")
    assert await counts(large, operation_id) == {"matched": 100, "processed": 35, "over_quota": 35}
    assert await reserved(large) == 55
    await worker.run_until_idle()
    assert await large.members(segment_id) == {*candidates[:55], *candidates[90:]}
    assert sum(await large.used()) == 65
    await ended_well(large, operation_id)


async def test_an_endpoint_out_of_use_meanwhile_is_taken_if_there_is_room(large: World, worker: Worker) -> None:
    """Those who were in another segment needed no endpoint when the set was frozen, and need one now."""
    await large.contract(62)
    candidates = await large.candidates(60)
    elsewhere = await large.segment()
    await large.add(elsewhere, candidates[:10])
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    assert await reserved(large) == 50
    await large.remove(elsewhere, candidates[:10])
    await large.add(await large.segment(channel=Channel.SMS), candidates[:5])
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 60, "processed": 60, "added": 57, "over_quota": 3}
    assert sum(await large.used()) == 62
    await ended_well(large, operation_id)


async def test_a_contract_lowered_meanwhile_lets_nobody_in_beyond_it(large: World, worker: Worker) -> None:
    await large.candidates(70)
    operation_id = await large.add(await large.segment())
    await one_chunk(large)
    await large.contract(30)
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 70, "processed": 70, "added": 30, "over_quota": 40}
    await ended_well(large, operation_id)


# Removals


async def test_a_large_removal_is_queued_and_frozen_too(large: World, world: World, worker: Worker) -> None:
    segment_id, candidates = await large.segment(), await large.candidates(70)
    await world.add(segment_id)
    operation_id = await large.remove(segment_id)
    assert await counts(large, operation_id) == {"matched": 70}
    assert await large.members(segment_id) == set(candidates)
    late = await large.candidate()
    await world.add(segment_id, [late])
    await one_chunk(large)
    assert (sum(await large.used()), len(await large.members(segment_id))) == (51, 51)
    await worker.run_until_idle()
    assert await large.members(segment_id) == {late}
    assert await counts(large, operation_id) == {"matched": 70, "processed": 70, "removed": 70}
    await ended_well(large, operation_id)


async def test_who_left_before_their_chunk_came_is_not_removed_again(
    large: World, world: World, worker: Worker
) -> None:
    segment_id, candidates = await large.segment(), await large.candidates(70)
    await world.add(segment_id)
    operation_id = await large.remove(segment_id)
    await withdraw(large, *candidates[:4])
    await worker.run_until_idle()
    assert await counts(large, operation_id) == {"matched": 70, "processed": 70, "removed": 66}
    await ended_well(large, operation_id)


async def test_who_left_and_came_back_before_their_chunk_came_stays(large: World, world: World, worker: Worker) -> None:
    segment_id, candidates = await large.segment(), await large.candidates(70)
    await world.add(segment_id)
    operation_id = await large.remove(segment_id)
    await large.remove(segment_id, candidates[:4])
    await large.add(segment_id, candidates[:3])
    await worker.run_until_idle()
    assert await large.members(segment_id) == set(candidates[:3])
    assert await counts(large, operation_id) == {"matched": 70, "processed": 70, "removed": 66}
    await ended_well(large, operation_id)


async def test_an_endpoint_that_another_segment_needs_stays_in_use(large: World, world: World, worker: Worker) -> None:
    await large.candidates(60)
    one, other = await large.segment(), await large.segment()
    await world.add(one)
    await world.add(other)
    operation_id = await large.remove(one)
    await worker.run_until_idle()
    assert sum(await large.used()) == 60
    await ended_well(large, operation_id)


# Their end


async def test_cancelled_midway_what_is_in_stays_and_the_rest_is_released(large: World, worker: Worker) -> None:
    await large.candidates(70)
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    await one_chunk(large)
    await large.cancel(operation_id)
    await worker.run_until_idle()
    assert await status(large, operation_id) == "CANCELLED"
    assert await counts(large, operation_id) == {"matched": 70, "processed": 20, "added": 20}
    assert (await reserved(large), len(await large.members(segment_id))) == (0, 20)
    assert await large.run("SELECT FROM pending_candidate WHERE account_id = $1") == []
    assert (await check(large)).lines() == []
    with pytest.raises(OperationFinishedError):
        await large.cancel(operation_id)


async def test_cancelled_while_a_worker_is_at_it_it_ends_between_two_chunks(large: World, worker: Worker) -> None:
    await large.candidates(200)
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    working = asyncio.create_task(worker.run_until_idle())
    await until(large, operation_id, "RUNNING")
    await large.cancel(operation_id)
    await working
    row = await large.operation(operation_id)
    assert row["status"] == "CANCELLED"
    assert row["added_count"] == len(await large.members(segment_id)) < 200
    assert (await check(large)).lines() == []


async def test_deleting_the_segment_ends_what_is_under_way_on_it(large: World, worker: Worker) -> None:
    await large.candidates(70)
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    await one_chunk(large)
    async with large.database.write(large.account_id) as tx:
        await segments.delete(tx, segment_id, "tester")
    assert (await status(large, operation_id), await reserved(large), await large.used()) == ("CANCELLED", 0, (0, 0))
    assert not await one_chunk(large)
    assert (await check(large)).lines() == []


async def test_archiving_the_segment_leaves_what_is_under_way_to_go_on(large: World, worker: Worker) -> None:
    await large.candidates(70)
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    async with large.database.write(large.account_id) as tx:
        await segments.archive(tx, segment_id)
    await worker.run_until_idle()
    assert len(await large.members(segment_id)) == 70
    await ended_well(large, operation_id)


# Undoing


async def state(large: World, segment_id: UUID) -> tuple[Any, ...]:
    """What must be as it was."""
    [row] = await large.run("SELECT member_count FROM segment WHERE account_id = $1 AND id = $2", segment_id)
    return await large.members(segment_id), row["member_count"], await large.used()


async def test_undoing_a_large_addition_restores_members_counts_and_quota(large: World, worker: Worker) -> None:
    segment_id, before = await large.segment(), await large.candidates(10)
    await large.add(segment_id, before)
    await large.candidates(80)
    was = await state(large, segment_id)
    operation_id = await large.add(segment_id)
    await worker.run_until_idle()
    undoing = await large.undo(operation_id)
    assert await counts(large, undoing) == {"matched": 80}
    await worker.run_until_idle()
    assert await state(large, segment_id) == was
    assert await counts(large, undoing) == {"matched": 80, "processed": 80, "removed": 80}
    assert (await large.operation(undoing))["undoes"] == operation_id
    await ended_well(large, undoing)


async def test_undoing_a_large_removal_restores_members_counts_and_quota(
    large: World, world: World, worker: Worker
) -> None:
    segment_id = await large.segment()
    await large.candidates(80)
    await world.add(segment_id)
    was = await state(large, segment_id)
    operation_id = await large.remove(segment_id)
    await worker.run_until_idle()
    undoing = await large.undo(operation_id)
    assert (await counts(large, undoing), await reserved(large)) == ({"matched": 80}, 80)
    await worker.run_until_idle()
    assert await state(large, segment_id) == was
    assert await counts(large, undoing) == {"matched": 80, "processed": 80, "added": 80}
    await ended_well(large, undoing)


async def test_a_removal_is_undone_as_far_as_eligibility_and_the_contract_allow(
    large: World, world: World, worker: Worker
) -> None:
    segment_id = await large.segment()
    candidates = await large.candidates(80)
    await world.add(segment_id)
    operation_id = await large.remove(segment_id)
    await worker.run_until_idle()
    await withdraw(large, *candidates[:5])
    await world.add(segment_id, candidates[5:10])
    await large.contract(65)
    undoing = await large.undo(operation_id)
    await worker.run_until_idle()
    assert await large.members(segment_id) == set(candidates[5:70])
    assert await counts(large, undoing) == {
        "matched": 80, "processed": 80, "added": 60, "already_member": 5, "ineligible": 5, "over_quota": 10
    }  # fmt: skip
    await ended_well(large, undoing)


async def test_who_came_back_while_an_addition_is_being_undone_was_not_added_by_it(
    large: World, worker: Worker
) -> None:
    segment_id = await large.segment()
    candidates = await large.candidates(80)
    operation_id = await large.add(segment_id)
    await worker.run_until_idle()
    undoing = await large.undo(operation_id)
    await large.remove(segment_id, candidates[:1])
    await large.add(segment_id, candidates[:1])
    await worker.run_until_idle()
    assert await large.members(segment_id) == set(candidates[:1])
    await ended_well(large, undoing)


async def test_what_was_cancelled_midway_can_be_undone(large: World, worker: Worker) -> None:
    segment_id = await large.segment()
    await large.candidates(120)
    was = await state(large, segment_id)
    operation_id = await large.add(segment_id)
    for _ in range(3):
        await one_chunk(large)
    await large.cancel(operation_id)
    undoing = await large.undo(operation_id)
    await worker.run_until_idle()
    assert await state(large, segment_id) == was
    assert await counts(large, undoing) == {"matched": 60, "processed": 60, "removed": 60}
    await ended_well(large, undoing)


async def test_an_undoing_that_was_cancelled_may_be_asked_for_again(large: World, worker: Worker) -> None:
    segment_id = await large.segment()
    await large.candidates(120)
    operation_id = await large.add(segment_id)
    await worker.run_until_idle()
    halfway = await large.undo(operation_id)
    await one_chunk(large)
    await large.cancel(halfway)
    undoing = await large.undo(operation_id)
    await worker.run_until_idle()
    assert await counts(large, undoing) == {"matched": 100, "processed": 100, "removed": 100}
    assert await large.members(segment_id) == set()
    await ended_well(large, undoing)


# Chunks that fail

POISON = "ALTER TABLE segment_member ADD CONSTRAINT poisoned CHECK (segment_id <> '{segment}') NOT VALID"
CURE = "ALTER TABLE segment_member DROP CONSTRAINT poisoned"


async def as_owner(superuser_url: str, large: World, statement: str) -> None:
    [row] = await large.database.fetch("SELECT current_database()")
    connection = await asyncpg.connect(as_role(superuser_url, None, row[0]))
    await connection.execute(statement)
    await connection.close()


async def test_a_chunk_that_keeps_failing_ends_its_operation_and_no_other(
    large: World, superuser_url: str, worker: Worker
) -> None:
    await large.candidates(70)
    poisoned, sound = await large.segment(), await large.segment(channel=Channel.SMS)
    operation_id = await large.add(poisoned)
    await one_chunk(large)
    await as_owner(superuser_url, large, POISON.format(segment=poisoned))
    try:
        other = await large.add(sound)
        working = asyncio.create_task(worker.run())
        await until(large, operation_id, "FAILED")
        await until(large, other, "COMPLETED")
        worker.stop()
        await working
    finally:
        await as_owner(superuser_url, large, CURE)
    row = await large.operation(operation_id)
    assert row["failure"] == "It was given up after a step of it had failed 3 times (CheckViolationError)."
    assert (row["added_count"], row["finished_at"] > row["requested_at"]) == (20, True)
    assert (len(await large.members(poisoned)), len(await large.members(sound))) == (20, 70)
    assert await reserved(large) == 0
    assert await large.run("SELECT FROM pending_candidate WHERE account_id = $1") == []
    assert (await check(large)).lines() == []


async def test_a_chunk_that_fails_once_or_twice_fails_nothing(large: World, superuser_url: str, worker: Worker) -> None:
    await large.candidates(70)
    segment_id = await large.segment()
    operation_id = await large.add(segment_id)
    await as_owner(superuser_url, large, POISON.format(segment=segment_id))
    await worker.run_until_idle()
    row = await large.operation(operation_id)
    assert (row["attempts"], row["status"], row["retry_at"] > datetime.now(UTC)) == (1, "QUEUED", True)
    await as_owner(superuser_url, large, CURE)
    working = asyncio.create_task(worker.run())
    await until(large, operation_id, "COMPLETED")
    worker.stop()
    await working
    assert (await large.operation(operation_id))["attempts"] == 0
    await ended_well(large, operation_id)

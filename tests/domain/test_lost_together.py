"""What many people lose in one call is out of sight at once, and ended in the background when it is too much."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from app.database import Transaction
from app.domain import consents, policies, suppressions
from app.domain.consents import Consent
from app.domain.suppressions import Address
from app.domain.sweeping import sweep_due
from app.models import Channel
from app.worker import Worker
from tests.client import Client
from tests.domain.test_background import one_chunk
from tests.domain.test_check import check
from tests.domain.test_lapses import READS
from tests.domain.test_requirements import ENFORCING, demand
from tests.world import GENERAL, SMS, World

LOSING = "SELECT FROM endpoint_usage WHERE account_id = $1 AND losing_since IS NOT NULL"
OPERATIONS = """
SELECT kind, status, cause, matched_count, removed_count FROM membership_operation
WHERE account_id = $1 AND kind = 'ELIGIBILITY_LOST' ORDER BY matched_count DESC
"""


async def crowd(large: World) -> tuple[UUID, list[UUID], list[UUID]]:
    """A segment of three and of sixty others, of whom ten are in another segment too."""
    stay, leave = await large.candidates(3), await large.candidates(60)
    segment_id, other = await large.segment(), await large.segment()
    for start in range(0, 63, 45):
        await large.add(segment_id, [*stay, *leave][start : start + 45])
    await large.add(other, leave[:10])
    return segment_id, stay, leave


async def withdraw(world: World, candidate_ids: list[UUID], policy: str = GENERAL) -> int:
    async with world.database.write(world.account_id) as tx:
        return (await consents.withdraw(tx, candidate_ids, world.policies[policy], "tester")).ended


async def agree(world: World, candidate_ids: list[UUID]) -> None:
    async with world.database.write(world.account_id) as tx:
        await consents.record(tx, [Consent(id, world.policies[GENERAL]) for id in candidate_ids], "tester")


async def suppress(world: World, candidate_ids: list[UUID]) -> int:
    rows = await world.run("SELECT email FROM candidate WHERE account_id = $1 AND id = ANY($2::uuid[])", candidate_ids)
    given = [Address(Channel.EMAIL, row["email"].upper(), "a complaint") for row in rows]
    async with world.database.write(world.account_id) as tx:
        _, kept = await suppressions.add(tx, given, "tester")
        return kept.ended


async def lose_the_address(world: World, candidate_ids: list[UUID]) -> int:
    return await world.readdress(candidate_ids, "email", None)


LOSSES = [withdraw, suppress, lose_the_address]

Lose = Callable[[World, list[UUID]], Awaitable[int]]


async def work(large: World) -> None:
    while await one_chunk(large):
        assert (await check(large)).breaches == []
    await sweep_due(large.database)


@pytest.mark.parametrize("lose", LOSSES)
async def test_they_are_out_of_sight_before_any_operation_goes_on(large: World, client: Client, lose: Lose) -> None:
    segment_id, [stays, *_], leave = await crowd(large)
    assert await lose(large, leave) == 0
    data = await client.data(READS, segment=str(segment_id), candidate=str(leave[0]))
    assert data["segment"]["members"]["totalCount"] == 3
    assert data["segment"]["hasMember"] is False
    assert data["candidate"] == {"segments": {"nodes": []}, "endpoints": []}
    assert len(data["candidates"]["nodes"]) == len(data["segment"]["found"]["nodes"]) == 3
    seen = await client.data(READS, segment=str(segment_id), candidate=str(stays))
    assert seen["segment"]["hasMember"] is True
    assert await large.used() == (63, 0)
    report = await check(large)
    assert (report.breaches, report.waiting) == ([], 70)


@pytest.mark.parametrize("lose", LOSSES)
async def test_operations_end_them_until_readers_need_not_look_any_more(large: World, lose: Lose) -> None:
    segment_id, stay, leave = await crowd(large)
    await lose(large, leave)
    assert await large.run(LOSING) != []
    await work(large)
    assert await large.members(segment_id) == set(stay)
    assert await large.used() == (3, 0)
    rows = [tuple(row) for row in await large.run(OPERATIONS)]
    assert [(status, matched, removed) for _, status, _, matched, removed in rows] == [
        ("COMPLETED", 60, 60),
        ("COMPLETED", 10, 10),
    ]
    assert await large.run(LOSING) == []
    assert not (await check(large)).lines()


async def test_as_many_as_may_end_at_once_do(large: World) -> None:
    segment_id, stay, leave = await crowd(large)
    assert await withdraw(large, leave[:40]) == 50
    assert await large.members(segment_id) == {*stay, *leave[40:]}
    assert await large.run(LOSING) == []
    assert not (await check(large)).lines()


async def test_who_may_be_in_again_meanwhile_is_seen_again_and_stays(large: World, client: Client) -> None:
    segment_id, stay, leave = await crowd(large)
    await withdraw(large, leave)
    await agree(large, leave[:5])
    data = await client.data(READS, segment=str(segment_id), candidate=str(leave[0]))
    assert data["segment"]["members"]["totalCount"] == 8
    assert data["segment"]["hasMember"] is True
    await work(large)
    assert await large.members(segment_id) == {*stay, *leave[:5]}
    assert not (await check(large)).lines()


async def test_who_loses_more_meanwhile_leaves_once(large: World) -> None:
    segment_id, stay, leave = await crowd(large)
    await withdraw(large, leave)
    assert await lose_the_address(large, leave[:7]) == 14
    assert await withdraw(large, leave, SMS) == 0
    await work(large)
    assert await large.members(segment_id) == set(stay)
    assert await large.used() == (3, 0)
    assert not (await check(large)).lines()


async def test_readers_look_until_the_last_of_several_calls_is_done(large: World) -> None:
    segment_id, stay, leave = await crowd(large)
    more = await large.candidates(55)
    for start in range(0, 55, 50):
        await large.add(segment_id, more[start : start + 50])
    await withdraw(large, leave)
    await one_chunk(large)
    await withdraw(large, more)
    await sweep_due(large.database)
    assert await large.run(LOSING) != []
    await work(large)
    assert await large.members(segment_id) == set(stay)
    assert await large.run(LOSING) == []
    assert not (await check(large)).lines()


async def test_a_demand_meanwhile_holds_for_those_who_are_out_of_sight_too(large: World) -> None:
    segment_id, _, leave = await crowd(large)
    await withdraw(large, leave)
    async with large.database.write(large.account_id) as tx:
        large.policies["Third"] = await policies.create(tx, "Third", large.database.settings)
    assert (await demand(large, GENERAL, "Third")).ended == 3
    await agree(large, leave[:5])
    assert await large.run(ENFORCING) != []
    await work(large)
    await sweep_due(large.database)
    assert await large.members(segment_id) == set()
    assert await large.run(ENFORCING) == await large.run(LOSING) == []
    assert not (await check(large)).lines()


async def test_what_an_operation_that_failed_left_behind_is_ended_by_another(large: World, worker: Worker) -> None:
    await crowd(large)
    segment_id, stay, leave = await crowd(large)
    await withdraw(large, leave)
    await large.run(
        "UPDATE membership_operation SET status = 'FAILED', finished_at = now() - interval '2 hours'"
        " WHERE account_id = $1 AND kind = 'ELIGIBILITY_LOST'"
    )
    await large.run("DELETE FROM pending_candidate WHERE account_id = $1")
    await sweep_due(large.database)
    assert await large.run(LOSING) != []
    await worker.run_until_idle()
    await sweep_due(large.database)
    assert await large.members(segment_id) == set(stay)
    assert await large.run(LOSING) == []
    assert not (await check(large)).lines()


async def test_another_tenant_sees_all_meanwhile(large: World, other_world: World, other_client: Client) -> None:
    theirs = await other_world.candidates(2)
    segment_id = await other_world.segment()
    await other_world.add(segment_id, theirs)
    _, _, leave = await crowd(large)
    await withdraw(large, leave)
    data = await other_client.data(READS, segment=str(segment_id), candidate=str(theirs[0]))
    assert data["segment"]["members"]["totalCount"] == 2
    assert not (await check(other_world)).lines()


async def _broken(tx: Transaction, world: World, leave: list[UUID]) -> None:
    await consents.withdraw(tx, leave, world.policies[GENERAL], "tester")
    raise ZeroDivisionError


async def test_a_call_that_fails_hides_nobody(large: World) -> None:
    segment_id, _, leave = await crowd(large)
    with pytest.raises(ZeroDivisionError):
        async with large.database.write(large.account_id) as tx:
            await _broken(tx, large, leave)
    assert len(await large.members(segment_id)) == 63
    assert await large.run(LOSING) == []
    assert not (await check(large)).lines()

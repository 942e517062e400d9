"""Demands that too many do not meet for one transaction: out of sight at once, ended in the background."""

from uuid import UUID

import pytest

from app.database import Transaction
from app.domain import consents, operations, policies, requirements
from app.domain.consents import Consent
from app.domain.errors import NotCancellableError
from app.domain.losses import Ending
from app.domain.sweeping import sweep_due
from app.models import Channel
from app.worker import Worker
from tests.client import Client
from tests.domain.test_background import one_chunk
from tests.domain.test_check import check
from tests.domain.test_lapses import READS
from tests.world import GENERAL, SMS, World

ENFORCING = "SELECT policy_id FROM policy_requirement WHERE account_id = $1 AND enforcing_since IS NOT NULL"


async def demand(world: World, *policies: str, channel: Channel = Channel.EMAIL) -> Ending:
    async with world.database.write(world.account_id) as tx:
        ids = [world.policies[name] for name in policies]
        return await requirements.demand(tx, channel, ids, None, "tester", world.database.settings)


async def crowd(large: World) -> tuple[UUID, list[UUID], list[UUID]]:
    """A segment of three who accepted both policies and sixty who accepted the general one, of whom ten are in another
    segment too."""
    stay, leave = await large.candidates(3), await large.candidates(60, {GENERAL: {}})
    segment_id, other = await large.segment(), await large.segment()
    for start in range(0, 63, 45):
        await large.add(segment_id, [*stay, *leave][start : start + 45])
    await large.add(other, leave[:10])
    return segment_id, stay, leave


async def test_who_does_not_meet_it_is_out_of_sight_before_any_operation_goes_on(large: World, client: Client) -> None:
    segment_id, [stays, *_], [leaves, *_] = await crowd(large)
    ending = await demand(large, GENERAL, SMS)
    assert (ending.queued, ending.ended, len(ending.operation_ids)) == (True, 0, 2)
    data = await client.data(READS, segment=str(segment_id), candidate=str(leaves))
    assert data["segment"]["members"]["totalCount"] == 3
    assert data["segment"]["hasMember"] is False
    assert data["candidate"] == {"segments": {"nodes": []}, "endpoints": []}
    assert len(data["candidates"]["nodes"]) == len(data["segment"]["found"]["nodes"]) == 3
    seen = await client.data(READS, segment=str(segment_id), candidate=str(stays))
    assert seen["segment"]["hasMember"] is True
    assert await large.used() == (63, 0)
    report = await check(large)
    assert (report.breaches, report.waiting) == ([], 70)


async def test_chunks_end_memberships_and_free_endpoints_until_all_is_settled(large: World) -> None:
    segment_id, stay, _ = await crowd(large)
    ending = await demand(large, GENERAL, SMS)
    seen = [sum(await large.used())]
    while await one_chunk(large):
        assert (await check(large)).breaches == []
        seen.append(sum(await large.used()))
    assert seen[0] == 63
    assert seen[-1] == 3
    assert len(set(seen)) > 3
    assert await large.members(segment_id) == set(stay)
    rows = [await large.operation(id) for id in ending.operation_ids]
    assert [(row["status"], row["matched_count"], row["processed_count"], row["removed_count"]) for row in rows] == [
        ("COMPLETED", 60, 60, 60),
        ("COMPLETED", 10, 10, 10),
    ]
    assert await large.run(ENFORCING) != []
    await sweep_due(large.database)
    assert await large.run(ENFORCING) == []
    assert not (await check(large)).lines()


async def test_who_accepts_meanwhile_stays(large: World) -> None:
    segment_id, stay, leave = await crowd(large)
    ending = await demand(large, GENERAL, SMS)
    async with large.database.write(large.account_id) as tx:
        await consents.record(tx, [Consent(id, large.policies[SMS]) for id in leave[:5]], "tester")
    while await one_chunk(large):
        pass
    assert await large.members(segment_id) == {*stay, *leave[:5]}
    assert (await large.operation(ending.operation_ids[0]))["matched_count"] == 55
    await sweep_due(large.database)
    assert not (await check(large)).lines()


async def test_who_leaves_for_another_reason_meanwhile_leaves_once(large: World) -> None:
    _, _, leave = await crowd(large)
    await demand(large, GENERAL, SMS)
    assert await large.readdress(leave[:7], "email", None) == 14
    while await one_chunk(large):
        assert (await check(large)).breaches == []
    assert await large.used() == (3, 0)
    await sweep_due(large.database)
    assert not (await check(large)).lines()


async def test_nobody_without_the_new_consent_joins_meanwhile(large: World) -> None:
    segment_id, _, _ = await crowd(large)
    await demand(large, GENERAL, SMS)
    await large.add(segment_id, [await large.candidate({GENERAL: {}}), await large.candidate()])
    assert await large.used() == (64, 0)
    while await one_chunk(large):
        pass
    assert await large.used() == (4, 0)


async def test_another_demand_meanwhile_queues_only_those_who_were_still_in_sight(large: World) -> None:
    _, stay, _ = await crowd(large)
    await demand(large, GENERAL, SMS)
    large.policies["Third"] = await _policy(large, "Third")
    ending = await demand(large, GENERAL, SMS, "Third")
    assert (ending.queued, ending.ended) == (False, 3)
    while await one_chunk(large):
        assert (await check(large)).breaches == []
    assert await large.used() == (0, 0)
    assert stay
    await sweep_due(large.database)
    assert not (await check(large)).lines()


async def test_a_demand_while_others_are_out_of_sight_holds_for_them_too(large: World) -> None:
    """Or they would be seen again when the demand that they wait for is taken back."""
    segment_id, stay, leave = await crowd(large)
    large.policies["Third"] = await _policy(large, "Third")
    async with large.database.write(large.account_id) as tx:
        await consents.record(tx, [Consent(id, large.policies["Third"]) for id in [*stay, *leave[:4]]], "tester")
    await demand(large, GENERAL, SMS)
    assert (await demand(large, GENERAL, SMS, "Third")).ended == 0
    await demand(large, GENERAL, "Third")
    report = await check(large)
    assert (report.breaches, report.waiting) == ([], 56 + 6), (
        "The members of the second segment are among the first ten."
    )
    while await one_chunk(large):
        assert (await check(large)).breaches == []
    assert await large.members(segment_id) == {*stay, *leave[:4]}
    await sweep_due(large.database)
    assert not (await check(large)).lines()


async def test_a_demand_while_expired_consents_are_queued_is_no_breach(large: World) -> None:
    segment_id, stay, leave = await crowd(large)
    await large.lapse(*leave)
    await sweep_due(large.database)
    assert (await demand(large, GENERAL, SMS)).operation_ids == ()
    while await one_chunk(large):
        assert (await check(large)).breaches == []
    await sweep_due(large.database)
    assert await large.members(segment_id) == set(stay)
    assert await large.run(ENFORCING) == []
    assert not (await check(large)).lines()


async def test_a_demand_taken_back_meanwhile_lets_everybody_stay(large: World, client: Client) -> None:
    segment_id, _, [leaves, *_] = await crowd(large)
    await demand(large, GENERAL, SMS)
    await one_chunk(large)
    left = len(await large.members(segment_id))
    await demand(large, GENERAL)
    data = await client.data(READS, segment=str(segment_id), candidate=str(leaves))
    assert data["segment"]["members"]["totalCount"] == left
    while await one_chunk(large):
        pass
    assert len(await large.members(segment_id)) == left
    assert not (await check(large)).lines()


async def test_what_an_operation_that_failed_left_behind_is_ended_by_another(large: World, worker: Worker) -> None:
    await crowd(large)
    first = await demand(large, GENERAL, SMS)
    ids = list(first.operation_ids)
    await large.run(
        "UPDATE membership_operation SET status = 'FAILED', finished_at = now() WHERE account_id = $1"
        " AND id = ANY($2::uuid[])",
        ids,
    )
    await large.run("DELETE FROM pending_candidate WHERE account_id = $1")
    await sweep_due(large.database)
    await worker.run_until_idle()
    assert await large.used() == (63, 0), "It is not tried again at once."
    await large.run(
        "UPDATE membership_operation SET finished_at = now() - interval '2 hours' WHERE account_id = $1"
        " AND id = ANY($2::uuid[])",
        ids,
    )
    await sweep_due(large.database)
    await worker.run_until_idle()
    assert await large.used() == (3, 0)
    await sweep_due(large.database)
    assert await large.run(ENFORCING) == []
    assert not (await check(large)).lines()


async def test_who_accepts_while_the_end_of_enforcing_waits_for_its_turn_stays(large: World) -> None:
    segment_id, stay, [*_, late] = await crowd(large)
    ending = await demand(large, GENERAL, SMS)
    for _ in range(3):
        await one_chunk(large)
    await large.run(
        "UPDATE membership_operation SET status = 'FAILED', finished_at = now() WHERE account_id = $1"
        " AND id = ANY($2::uuid[])",
        list(ending.operation_ids),
    )
    await large.run("DELETE FROM pending_candidate WHERE account_id = $1")

    async def meanwhile(_: Transaction) -> None:
        async with large.database.write(large.account_id) as tx:
            await consents.record(tx, [Consent(late, large.policies[SMS])], "tester")

    async with large.database.write(large.account_id, meanwhile) as tx:
        await requirements.settle(tx, large.database.settings)
    while await one_chunk(large):
        pass
    await sweep_due(large.database)
    assert await large.members(segment_id) == {*stay, late}
    assert not (await check(large)).lines()


async def test_nobody_cancels_what_ends_memberships_that_must_end(large: World) -> None:
    await crowd(large)
    ending = await demand(large, GENERAL, SMS)
    with pytest.raises(NotCancellableError):
        async with large.database.write(large.account_id) as tx:
            await operations.cancel(tx, ending.operation_ids[0])


async def _policy(world: World, name: str) -> UUID:
    async with world.database.write(world.account_id) as tx:
        return await policies.create(tx, name, world.database.settings)

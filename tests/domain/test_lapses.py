"""Time passes without a transaction: what a consent held up is out of sight at once and ends at the next sweep."""

from uuid import UUID

from app.domain import lapses
from app.domain.removal import remove_candidates
from app.domain.selection import CandidateSelection
from app.models import Channel
from tests.client import Client
from tests.domain.test_check import check
from tests.world import SMS, World

READS = """query($segment: ID!, $candidate: ID!) {
  segment(id: $segment) {
    memberCount hasMember(candidateId: $candidate)
    members(first: 10) { totalCount nodes { id } }
    found: members(first: 10, filter: { hasVerifiedMobile: true }) { nodes { id } }
  }
  candidates(first: 10, filter: { inSegment: $segment }) { nodes { id } }
  candidate(id: $candidate) { segments(first: 10) { nodes { id } } endpoints { channel } }
}"""

OPERATIONS = """
SELECT kind, requested_by, cause, removed_count FROM membership_operation
WHERE account_id = $1 AND kind <> 'ADD' ORDER BY requested_at, id
"""


async def sweep(world: World) -> int:
    async with world.database.write(world.account_id) as tx:
        return await lapses.sweep(tx, world.database.settings)


async def operations(world: World) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await world.database.fetch(OPERATIONS, world.account_id)]


async def filled(world: World, count: int, channel: Channel = Channel.EMAIL) -> tuple[UUID, list[UUID]]:
    """A segment of new candidates."""
    candidates = await world.candidates(count)
    segment_id = await world.segment(channel=channel)
    await world.add(segment_id, candidates)
    return segment_id, candidates


async def test_reads_leave_out_whose_consent_expired_before_any_sweep(world: World, client: Client) -> None:
    segment_id, [gone, stays] = await filled(world, 2)
    await world.lapse(gone)
    data = await client.data(READS, segment=str(segment_id), candidate=str(gone))
    left = [{"id": str(stays)}]
    assert data["segment"]["members"] == {"totalCount": 1, "nodes": left}
    assert data["segment"]["found"]["nodes"] == data["candidates"]["nodes"] == left
    assert data["segment"]["hasMember"] is False
    assert data["candidate"] == {"segments": {"nodes": []}, "endpoints": []}


async def test_a_consent_that_no_channel_of_the_segment_demands_may_expire(world: World, client: Client) -> None:
    segment_id, [someone] = await filled(world, 1)
    await world.lapse(someone, policy=SMS)
    data = await client.data(READS, segment=str(segment_id), candidate=str(someone))
    assert data["segment"]["members"]["totalCount"] == 1
    assert await sweep(world) == 0
    assert await world.used() == (1, 0)


async def test_a_sweep_ends_what_expired_frees_endpoints_and_says_why(world: World) -> None:
    candidates = await world.candidates(3)
    for channel in (Channel.EMAIL, Channel.SMS, Channel.SMS):
        await world.add(await world.segment(channel=channel))
    await world.lapse(*candidates[:1])
    await world.lapse(*candidates[:2], policy=SMS)
    assert await world.used() == (3, 3)
    assert await sweep(world) == 5
    assert await world.used() == (2, 1)
    lost = ("ELIGIBILITY_LOST", "segments", "A consent expired.")
    assert sorted(await operations(world)) == [(*lost, 1), (*lost, 2), (*lost, 2)]
    assert not (await check(world)).lines()


async def test_a_second_sweep_finds_nothing(world: World) -> None:
    _, candidates = await filled(world, 2)
    await world.lapse(*candidates)
    assert await sweep(world) == 2
    assert await sweep(world) == 0
    await world.lapse(await world.candidate())
    assert await sweep(world) == 0
    assert not (await check(world)).lines()


async def test_an_addition_sweeps_first_and_so_finds_the_room(world: World) -> None:
    segment_id, candidates = await filled(world, 3)
    await world.contract(3)
    await world.lapse(*candidates[:2])
    newcomers = await world.candidates(2)
    await world.add(segment_id, newcomers)
    assert await world.used() == (3, 0)
    assert await operations(world) == [("ELIGIBILITY_LOST", "segments", "A consent expired.", 2)]
    assert not (await check(world)).lines()


async def test_a_removal_sweeps_first_and_so_removes_only_who_was_still_in(world: World) -> None:
    segment_id, candidates = await filled(world, 3)
    await world.lapse(*candidates[:1])
    async with world.database.write(world.account_id) as tx:
        selection = CandidateSelection(ids=[str(id) for id in candidates])
        await remove_candidates(tx, segment_id, selection, "tester", world.database.settings)
    assert await world.used() == (0, 0)
    assert [row[0::3] for row in await operations(world)] == [("ELIGIBILITY_LOST", 1), ("REMOVE", 2)]


async def test_losing_an_address_ends_memberships_of_its_channel_only(world: World) -> None:
    candidates = await world.candidates(2)
    for channel in Channel:
        await world.add(await world.segment(channel=channel))
    assert await world.readdress(candidates[:1], "verified_mobile", None) == 1
    assert await world.used() == (2, 1)
    assert await world.readdress(candidates, "verified_mobile", "+31687654321") == 0
    assert await world.readdress(candidates, "email", None) == 2
    assert await world.used() == (0, 1)
    assert await operations(world) == [
        ("ELIGIBILITY_LOST", "world", "An address changed.", 1),
        ("ELIGIBILITY_LOST", "world", "An address changed.", 2),
    ]
    assert not (await check(world)).lines()


async def test_a_channel_that_demands_no_policy_needs_an_address_only(world: World) -> None:
    async with world.database.write(world.account_id) as tx:
        await tx.fetch("DELETE FROM policy_requirement WHERE account_id = $1", world.account_id)
    reachable, unreachable = await world.candidate({}), await world.candidate({}, email=None)
    await world.add(await world.segment(), [reachable, unreachable])
    assert await world.used() == (1, 0)
    assert not (await check(world)).lines()
    assert await world.readdress([reachable], "email", None) == 1
    assert await world.used() == (0, 0)
    assert await sweep(world) == 0

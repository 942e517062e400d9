"""Segment.membersAsOf: who was in a segment at a moment, to the microsecond."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from app.domain.removal import remove_candidates
from app.domain.selection import CandidateSelection
from tests.client import Client
from tests.world import World

INSTANT = timedelta(microseconds=1)

REQUESTED_AT = "SELECT requested_at FROM membership_operation WHERE account_id = $1 AND id = $2"

PAGE = """
query($id: ID!, $at: DateTime!, $first: Int, $after: String) {
  segment(id: $id) {
    membersAsOf(at: $at, first: $first, after: $after) {
      totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor } nodes { id }
    }
  }
}
"""


async def page(client: Client, segment_id: UUID, at: datetime, **variables: Any) -> dict[str, Any]:
    data = await client.data(PAGE.strip(), id=str(segment_id), at=at.isoformat(), **variables)
    found: dict[str, Any] = data["segment"]["membersAsOf"]
    return found


async def members(client: Client, segment_id: UUID, at: datetime) -> list[UUID]:
    found = await page(client, segment_id, at, first=1000)
    ids = [UUID(node["id"]) for node in found["nodes"]]
    assert found["totalCount"] == len(ids)
    return ids


async def moment(world: World, operation_id: UUID) -> datetime:
    """When the operation was."""
    [[at]] = await world.run(REQUESTED_AT, operation_id)
    assert isinstance(at, datetime)
    return at


async def add(world: World, segment_id: UUID, candidate_ids: list[UUID]) -> datetime:
    return await moment(world, await world.add(segment_id, candidate_ids))


async def remove(world: World, segment_id: UUID, candidate_ids: list[UUID]) -> datetime:
    selection = CandidateSelection(ids=[str(id) for id in candidate_ids])
    async with world.database.write(world.account_id) as tx:
        removal = await remove_candidates(tx, segment_id, selection, "world", world.database.settings)
    return await moment(world, removal)


async def test_a_member_is_in_from_the_moment_of_addition_until_the_moment_of_removal(
    client: Client, world: World
) -> None:
    segment_id = await world.segment()
    candidate_id = await world.candidate()
    added_at = await add(world, segment_id, [candidate_id])
    removed_at = await remove(world, segment_id, [candidate_id])
    for at, expected in (
        (added_at - INSTANT, []),
        (added_at, [candidate_id]),
        (removed_at - INSTANT, [candidate_id]),
        (removed_at, []),
    ):
        assert await members(client, segment_id, at) == expected


async def test_those_who_stay_and_those_who_left_are_told_alike(client: Client, world: World) -> None:
    segment_id = await world.segment()
    left, stays, late = await world.candidates(3)
    await add(world, segment_id, [left])
    both_in = await add(world, segment_id, [stays])
    await remove(world, segment_id, [left])
    await add(world, segment_id, [late])
    assert await members(client, segment_id, both_in) == [stays, left]


async def test_one_who_left_and_came_back_is_there_once(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidate_id = await world.candidate()
    moments = []
    for _ in range(3):
        moments.append((await add(world, segment_id, [candidate_id]), [candidate_id]))
        moments.append((await remove(world, segment_id, [candidate_id]), []))
    moments.append((await add(world, segment_id, [candidate_id]), [candidate_id]))
    for at, expected in moments:
        assert await members(client, segment_id, at) == expected


async def test_before_it_was_made_a_segment_had_no_members(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, await world.candidates(2))
    for at in (datetime(1, 1, 1, tzinfo=UTC), datetime.now(UTC) - timedelta(days=1)):
        assert await members(client, segment_id, at) == []


async def test_who_was_erased_since_is_gone(client: Client, world: World) -> None:
    segment_id = await world.segment()
    erased, other = await world.candidates(2)
    added_at = await add(world, segment_id, [erased, other])
    await remove(world, segment_id, [erased])
    for table, column in (("past_segment_member", "candidate_id"), ("consent", "candidate_id"), ("candidate", "id")):
        await world.run(f"DELETE FROM {table} WHERE account_id = $1 AND {column} = $2", erased)
    assert await members(client, segment_id, added_at) == [other]


async def test_a_moment_in_the_future_is_refused(client: Client, world: World) -> None:
    segment_id = await world.segment()
    at = datetime.now(UTC) + timedelta(minutes=1)
    error = await client.error(PAGE.strip(), id=str(segment_id), at=at.isoformat())
    assert (error["code"], error["message"]) == ("BAD_USER_INPUT", "`at` is in the future.")


async def test_the_moment_that_an_answer_gave_is_never_in_the_future(client: Client, world: World) -> None:
    segment_id = await world.segment()
    at = await add(world, segment_id, [await world.candidate()])
    assert len(await members(client, segment_id, at)) == 1


async def test_pages_go_through_all_who_were_there_once(client: Client, world: World) -> None:
    """Of three additions half left again, so that pages are made of both."""
    segment_id = await world.segment()
    candidates = await world.candidates(12)
    for start in (0, 4, 8):
        at = await add(world, segment_id, candidates[start : start + 4])
    await remove(world, segment_id, candidates[::2])
    found: list[UUID] = []
    after = None
    while True:
        told = await page(client, segment_id, at, first=5, after=after)
        assert told["totalCount"] == 12
        assert told["pageInfo"]["hasPreviousPage"] == (after is not None)
        found += [UUID(node["id"]) for node in told["nodes"]]
        after = told["pageInfo"]["endCursor"]
        assert after == told["edges"][-1]["cursor"]
        if not told["pageInfo"]["hasNextPage"]:
            break
    assert found == sorted(candidates, reverse=True)


async def test_a_cursor_of_another_moment_is_refused(client: Client, world: World) -> None:
    segment_id = await world.segment()
    at = await add(world, segment_id, await world.candidates(2))
    cursor = (await page(client, segment_id, at, first=1))["pageInfo"]["endCursor"]
    error = await client.error(PAGE.strip(), id=str(segment_id), at=(at + INSTANT).isoformat(), after=cursor)
    assert error["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("first", [0, -1, 1001])
async def test_a_page_that_cannot_be_is_refused(client: Client, world: World, first: int) -> None:
    error = await client.error(PAGE.strip(), id=str(await world.segment()), at="2026-01-31T09:30:00Z", first=first)
    assert (error["code"], error["message"]) == ("BAD_USER_INPUT", f"`first` is from 1 to 1000, not {first}.")


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_was_added_and_removed_every_moment_is_as_it_was(
    client: Client, world: World, seed: int
) -> None:
    random = Random(seed)
    candidates = await world.candidates(8)
    segments = [await world.segment(), await world.segment()]
    model: dict[UUID, set[UUID]] = {segment_id: set() for segment_id in segments}
    history: list[tuple[datetime, dict[UUID, set[UUID]]]] = []
    for _ in range(20):
        segment_id = random.choice(segments)
        some = random.sample(candidates, random.randint(1, 6))
        if random.random() < 0.55:
            at = await add(world, segment_id, some)
            model[segment_id] |= set(some)
        else:
            at = await remove(world, segment_id, some)
            model[segment_id] -= set(some)
        history.append((at, {each: set(members) for each, members in model.items()}))
    before: dict[UUID, set[UUID]] = {segment_id: set() for segment_id in segments}
    for at, expected in history:
        for moment, members_then in ((at - INSTANT, before), (at, expected)):
            for segment_id in segments:
                found = await members(client, segment_id, moment)
                assert len(found) == len(set(found))
                assert set(found) == members_then[segment_id]
        before = expected

"""removeCandidatesFromSegment"""

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import Channel
from tests.client import Client
from tests.resolvers.mutations.changing import NO_SUCH_SEGMENT, absent_segments, change, failure, failures
from tests.world import World

REMOVE = """mutation Remove($input: RemoveCandidatesFromSegmentInput!) {
  removeCandidatesFromSegment(input: $input) {
    segment { id memberCount lastModifiedAt }
    quotaUsage { used remaining channels { channel used } }
    operation {
      id kind status requestedBy requestedAt finishedAt matchedCount processedCount addedCount removedCount
      alreadyMemberCount ineligibleCount overQuotaCount ineligible { code } skipped { totalCount } segment { id }
    }
    userErrors { ...Failures }
  }
}"""

MEMBERS = "query($id: ID!) { segment(id: $id) { members(first: 1000) { nodes { id } } } }"


def ticked(*candidate_ids: object) -> dict[str, Any]:
    return {"ids": [str(id) for id in candidate_ids]}


def everybody(**more: Any) -> dict[str, Any]:
    return {"allSearchResults": more}


async def remove(client: Client, segment_id: UUID, candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await change(client, REMOVE, segmentId=str(segment_id), candidates=candidates, **more)


async def removed(client: Client, segment_id: UUID, candidates: dict[str, Any]) -> int:
    operation = (await remove(client, segment_id, candidates))["operation"]
    assert operation["matchedCount"] == operation["processedCount"] == operation["removedCount"]
    count: int = operation["removedCount"]
    return count


async def refuse(client: Client, segment_id: object, candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await failure(client, REMOVE, segmentId=str(segment_id), candidates=candidates, **more)


async def members(client: Client, segment_id: UUID) -> set[UUID]:
    segment = (await client.data(MEMBERS, id=str(segment_id)))["segment"]
    return {UUID(node["id"]) for node in segment["members"]["nodes"]}


async def segment_of(world: World, count: int, **values: Any) -> tuple[UUID, list[UUID]]:
    segment_id = await world.segment()
    candidates = await world.candidates(count, **values)
    await world.add(segment_id, candidates)
    return segment_id, candidates


async def test_ticked_members_leave(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 3)
    payload = await remove(client, segment_id, ticked(*candidates[:2]))
    operation = payload["operation"]
    assert operation == {
        "id": operation["id"],
        "kind": "REMOVE",
        "status": "COMPLETED",
        "requestedBy": "tester",
        "requestedAt": payload["segment"]["lastModifiedAt"],
        "finishedAt": payload["segment"]["lastModifiedAt"],
        "matchedCount": 2,
        "processedCount": 2,
        "addedCount": 0,
        "removedCount": 2,
        "alreadyMemberCount": 0,
        "ineligibleCount": 0,
        "overQuotaCount": 0,
        "ineligible": [],
        "skipped": {"totalCount": 0},
        "segment": {"id": str(segment_id)},
    }
    assert payload["segment"]["memberCount"] == 1
    assert await members(client, segment_id) == {candidates[2]}


async def test_those_who_are_not_members_are_passed_over(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 2)
    stranger = await world.candidate()
    assert await removed(client, segment_id, ticked(stranger, candidates[0], candidates[0])) == 1
    assert await removed(client, segment_id, ticked(stranger)) == 0
    assert await members(client, segment_id) == {candidates[1]}


async def test_ids_of_nobody_are_all_named_at_once_and_nobody_leaves(
    client: Client, world: World, other_world: World
) -> None:
    segment_id, candidates = await segment_of(world, 1)
    foreign = await other_world.candidate()
    selection = ticked("no-id", candidates[0], foreign, uuid4())
    found = await failures(client, REMOVE, segmentId=str(segment_id), candidates=selection)
    assert [(each["__typename"], each["code"], each["path"]) for each in found] == [
        ("NotFoundError", "NOT_FOUND", ["input", "candidates", "ids", index]) for index in ("0", "2", "3")
    ]
    assert await members(client, segment_id) == set(candidates)


async def test_more_than_a_thousand_ids_are_refused(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 1)
    refused = await refuse(client, segment_id, ticked(*candidates * 1001))
    assert (refused["code"], refused["path"]) == ("INVALID_INPUT", ["input", "candidates", "ids"])
    assert await removed(client, segment_id, ticked(*candidates * 1000)) == 1


async def test_a_search_is_over_the_members(client: Client, world: World) -> None:
    segment_id, in_paris = await segment_of(world, 3, city="Paris")
    in_rome = await world.candidate(city="Rome")
    await world.add(segment_id, [in_rome])
    await world.candidates(2, city="Paris")
    left_out = str(in_paris[0])
    selection = everybody(filter={"city": {"eq": "Paris"}}, exceptIds=[left_out], expectedCount=2)
    assert await removed(client, segment_id, selection) == 2
    assert await members(client, segment_id) == {in_paris[0], in_rome}


async def test_a_search_without_conditions_empties_the_segment(client: Client, world: World) -> None:
    segment_id, _ = await segment_of(world, 3)
    other_id, others = await segment_of(world, 2)
    assert await removed(client, segment_id, everybody()) == 3
    assert await members(client, segment_id) == set()
    assert await members(client, other_id) == set(others)


async def test_another_count_of_members_than_expected_is_refused(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 3)
    await world.candidate()
    assert await refuse(client, segment_id, everybody(expectedCount=4)) == {
        "__typename": "SearchResultsChangedError",
        "code": "SEARCH_RESULTS_CHANGED",
        "message": "The search now finds 3 candidates instead of 4.",
        "path": ["input", "candidates", "allSearchResults", "expectedCount"],
        "expectedCount": 4,
        "actualCount": 3,
    }
    assert await members(client, segment_id) == set(candidates)


async def test_those_who_may_no_longer_join_can_be_found_and_removed(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 2)
    selection = everybody(filter={"not": {"eligibleFor": "EMAIL"}})
    assert await removed(client, segment_id, selection) == 0
    assert await members(client, segment_id) == set(candidates)


async def test_removing_the_last_membership_frees_the_endpoint(client: Client, world: World) -> None:
    first, (candidate,) = await segment_of(world, 1)
    second, by_sms = await world.segment(), await world.segment(channel=Channel.SMS)
    await world.add(second, [candidate])
    await world.add(by_sms, [candidate])
    used = []
    for segment_id in (first, second, by_sms):
        payload = await remove(client, segment_id, ticked(candidate))
        used.append([channel["used"] for channel in payload["quotaUsage"]["channels"]])
    assert used == [[1, 1], [0, 1], [0, 0]]


async def test_a_freed_endpoint_can_be_used_at_once(client: Client, world: World) -> None:
    await world.contract(1)
    segment_id, (candidate,) = await segment_of(world, 1)
    await remove(client, segment_id, ticked(candidate))
    await world.add(segment_id, [await world.candidate()])


async def test_who_was_removed_may_be_added_again(client: Client, world: World) -> None:
    segment_id, (candidate,) = await segment_of(world, 1)
    for _ in range(2):
        await remove(client, segment_id, ticked(candidate))
        await world.add(segment_id, [candidate])
    assert await members(client, segment_id) == {candidate}
    assert len(await world.run("SELECT FROM past_segment_member WHERE account_id = $1")) == 2


async def test_a_past_membership_says_who_began_and_who_ended_it(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidate = await world.candidate()
    added_by = await world.add(segment_id, [candidate])
    operation = (await remove(client, segment_id, ticked(candidate)))["operation"]
    (past,) = await world.run("SELECT * FROM past_segment_member WHERE account_id = $1")
    assert (past["segment_id"], past["candidate_id"]) == (segment_id, candidate)
    assert (past["added_by"], past["removed_by"]) == (added_by, UUID(operation["id"]))
    assert past["added_at"] < past["removed_at"]


async def test_without_a_contract_it_works_and_says_nothing_of_one(client: Client, world: World) -> None:
    segment_id, _ = await segment_of(world, 2)
    await world.run("DELETE FROM contract WHERE account_id = $1")
    payload = await remove(client, segment_id, everybody())
    assert (payload["quotaUsage"], payload["operation"]["removedCount"]) == (None, 2)


async def test_members_of_an_archived_segment_stay(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 2)
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1")
    refused = await refuse(client, segment_id, ticked(*candidates))
    assert (refused["__typename"], refused["code"]) == ("ConflictError", "SEGMENT_ARCHIVED")
    assert refused["path"] == ["input", "segmentId"]
    assert await members(client, segment_id) == set(candidates)


async def test_a_segment_that_is_not_there_is_not_found_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    for segment_id in await absent_segments(world, other_world):
        assert await refuse(client, segment_id, everybody()) == NO_SUCH_SEGMENT


async def test_a_segment_is_modified_only_when_somebody_left(client: Client, world: World) -> None:
    segment_id, (candidate,) = await segment_of(world, 1)
    stranger = await world.candidate()
    moments = [
        (await remove(client, segment_id, ticked(who)))["segment"]["lastModifiedAt"]
        for who in (stranger, candidate, candidate)
    ]
    assert moments[0] < moments[1] == moments[2]


async def test_the_same_key_and_input_give_the_first_operation_again(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 2)
    first = await remove(client, segment_id, ticked(*candidates), idempotencyKey="a key")
    await world.add(segment_id, candidates)
    again = await remove(client, segment_id, ticked(*candidates), idempotencyKey="a key")
    assert again["operation"] == first["operation"]
    assert await members(client, segment_id) == set(candidates)


async def test_the_same_key_with_another_input_is_refused(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 2)
    await remove(client, segment_id, ticked(candidates[0]), idempotencyKey="a key")
    refused = await refuse(client, segment_id, ticked(candidates[1]), idempotencyKey="a key")
    assert (refused["code"], refused["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
    assert await members(client, segment_id) == {candidates[1]}


async def test_a_failure_is_kept_under_its_key(client: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 2)
    selection = everybody(expectedCount=3)
    first = await refuse(client, segment_id, selection, idempotencyKey="a key")
    await world.add(segment_id, [await world.candidate()])
    assert await refuse(client, segment_id, selection, idempotencyKey="a key") == first
    assert len(await members(client, segment_id)) == len(candidates) + 1


@pytest.mark.parametrize("key", ["", "k" * 201, "a\tb"])
async def test_a_key_out_of_bounds_is_refused(client: Client, world: World, key: str) -> None:
    refused = await refuse(client, await world.segment(), everybody(), idempotencyKey=key)
    assert (refused["code"], refused["path"]) == ("INVALID_INPUT", ["input", "idempotencyKey"])


async def test_a_member_whose_consent_has_expired_leaves_by_an_operation_of_its_own(
    client: Client, world: World
) -> None:
    segment_id, (lapsed, other) = await segment_of(world, 2)
    await world.lapse(lapsed)
    payload = await remove(client, segment_id, everybody())
    assert payload["operation"]["removedCount"] == 1
    assert (payload["segment"]["memberCount"], payload["quotaUsage"]["used"]) == (0, 0)
    history = await client.data(
        "query($id: ID!) { segment(id: $id) { operations { nodes { kind removedCount } } } }", id=str(segment_id)
    )
    assert history["segment"]["operations"]["nodes"] == [
        {"kind": "REMOVE", "removedCount": 1},
        {"kind": "ELIGIBILITY_LOST", "removedCount": 1},
        {"kind": "ADD", "removedCount": 0},
    ]
    assert other not in await members(client, segment_id)


async def test_the_number_of_statements_is_the_same_for_any_number_of_members(
    client: Client, world: World, statements: list[str]
) -> None:
    await client.data("{ viewer { subject } }")
    taken = []
    for size in (1, 30, 400):
        for pick in (ticked, lambda *_: everybody()):
            segment_id, candidates = await segment_of(world, size)
            statements.clear()
            assert (await remove(client, segment_id, pick(*candidates)))["operation"]["removedCount"] == size
            taken.append(len(statements))
    ticking, searching = taken[0::2], taken[1::2]
    assert len(set(ticking)) == len(set(searching)) == 1, taken
    assert max(taken) < 20


async def test_it_needs_the_permission_to_edit_segments(reader: Client, world: World) -> None:
    segment_id, candidates = await segment_of(world, 1)
    input = {"segmentId": str(segment_id), "candidates": everybody()}
    error = await reader.error(REMOVE.replace("...Failures", "code"), input=input)
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert await members(reader, segment_id) == set(candidates)

"""operation, Segment.operations and MembershipOperation.skipped."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from app.domain.lapses import end_lost_memberships
from app.domain.membership import add_candidates
from app.domain.search import CandidateFilter
from app.domain.selection import AllSearchResults, CandidateSelection
from app.settings import Settings
from tests.client import Client
from tests.world import World

FIELDS = """
  id kind status segment { id } requestedBy requestedAt finishedAt matchedCount processedCount addedCount removedCount
  alreadyMemberCount ineligibleCount overQuotaCount failure cause ineligible { code count }
"""


async def ask(client: Client, operation_id: object) -> dict[str, Any] | None:
    data = await client.data(f"query($id: ID!) {{ operation(id: $id) {{ {FIELDS} }} }}", id=str(operation_id))
    operation: dict[str, Any] | None = data["operation"]
    return operation


async def history(client: Client, segment_id: UUID, arguments: str = "first: 100") -> list[dict[str, Any]]:
    data = await client.data(
        f"query($id: ID!) {{ segment(id: $id) {{ operations({arguments}) {{ nodes {{ {FIELDS} }} }} }} }}",
        id=str(segment_id),
    )
    nodes: list[dict[str, Any]] = data["segment"]["operations"]["nodes"]
    return nodes


async def test_an_operation_tells_what_it_did(client: Client, world: World) -> None:
    segment_id = await world.segment()
    fine, missing = await world.candidates(2), await world.candidates(3, {})
    nowhere = await world.candidate({}, email=None)
    await world.add(segment_id, fine[:1])
    operation_id = await world.add(segment_id, [*fine, *missing, nowhere])
    operation = await ask(client, operation_id)
    assert operation is not None
    assert datetime.fromisoformat(operation["requestedAt"]) <= datetime.fromisoformat(operation["finishedAt"])
    assert operation == {
        "id": str(operation_id),
        "kind": "ADD",
        "status": "COMPLETED",
        "segment": {"id": str(segment_id)},
        "requestedBy": "world",
        "requestedAt": operation["requestedAt"],
        "finishedAt": operation["finishedAt"],
        "matchedCount": 6,
        "processedCount": 6,
        "addedCount": 1,
        "removedCount": 0,
        "alreadyMemberCount": 1,
        "ineligibleCount": 4,
        "overQuotaCount": 0,
        "failure": None,
        "cause": None,
        "ineligible": [{"code": "CONSENT_MISSING", "count": 4}, {"code": "EMAIL_MISSING", "count": 1}],
    }
    node = await client.data(
        "query($id: ID!) { node(id: $id) { id ... on MembershipOperation { kind } } }", id=str(operation_id)
    )
    assert node["node"] == {"id": str(operation_id), "kind": "ADD"}


async def test_an_operation_that_is_not_there_is_null_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    foreign = await other_world.add(await other_world.segment(), [await other_world.candidate()])
    for id in (foreign, uuid4(), await world.segment(), "no-id", ""):
        assert await ask(client, id) is None


async def test_the_history_of_a_segment_is_newest_first_and_its_own(client: Client, world: World) -> None:
    segment_id, other_id = await world.segment(), await world.segment()
    candidates = await world.candidates(3)
    made = [str(await world.add(segment_id, [candidate])) for candidate in candidates]
    await world.add(other_id, candidates)
    operations = await history(client, segment_id)
    assert [operation["id"] for operation in operations] == made[::-1]
    assert [operation["id"] for operation in await history(client, segment_id, "last: 1")] == made[:1]


async def test_lost_memberships_are_told_as_operations_that_nobody_asked_for(client: Client, world: World) -> None:
    segment_id = await world.segment()
    gone, stays = await world.candidates(2)
    await world.add(segment_id, [gone, stays])
    async with world.database.write(world.account_id) as tx:
        await tx.fetch(
            "UPDATE consent SET withdrawn_at = $3 WHERE account_id = $1 AND candidate_id = $2",
            world.account_id,
            gone,
            tx.now,
        )
        await end_lost_memberships(tx, [gone, stays], "A consent was withdrawn.")
    lost, added = await history(client, segment_id)
    assert (lost["cause"], added["cause"]) == ("A consent was withdrawn.", None)
    assert (lost["kind"], lost["status"], lost["requestedBy"]) == ("ELIGIBILITY_LOST", "COMPLETED", "segments")
    assert (lost["matchedCount"], lost["removedCount"]) == (1, 1)


async def test_the_candidates_left_out_are_paged_with_their_reasons(client: Client, world: World) -> None:
    segment_id = await world.segment()
    missing = await world.candidates(3, {})
    nowhere = await world.candidate({}, email=None)
    operation_id = await world.add(segment_id, [*missing, nowhere, *await world.candidates(2)])
    page = """query($id: ID!, $first: Int, $after: String) {
      operation(id: $id) {
        skipped(first: $first, after: $after) {
          totalCount
          pageInfo { hasNextPage hasPreviousPage endCursor }
          edges { cursor reasons overQuota node { id fullName } }
        }
      }
    }"""
    told: dict[str, list[str]] = {}
    after, pages = None, 0
    while True:
        found = (await client.data(page, id=str(operation_id), first=3, after=after))["operation"]["skipped"]
        pages += 1
        assert found["totalCount"] == 4
        assert found["pageInfo"]["hasPreviousPage"] == (after is not None)
        told |= {edge["node"]["id"]: edge["reasons"] for edge in found["edges"]}
        after = found["edges"][-1]["cursor"]
        assert after == found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert pages == 2
    assert told == {
        **{str(id): ["CONSENT_MISSING"] for id in missing},
        str(nowhere): ["CONSENT_MISSING", "EMAIL_MISSING"],
    }


async def test_the_history_is_paged_both_ways(client: Client, world: World) -> None:
    segment_id = await world.segment()
    made = [str(await world.add(segment_id, [candidate])) for candidate in await world.candidates(5)]
    page = """query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
      segment(id: $id) {
        operations(first: $first, after: $after, last: $last, before: $before) {
          totalCount pageInfo { startCursor endCursor } nodes { id }
        }
      }
    }"""

    async def ids(**asked: Any) -> tuple[list[str], Any]:
        found = (await client.data(page, id=str(segment_id), **asked))["segment"]["operations"]
        assert found["totalCount"] == 5
        return [node["id"] for node in found["nodes"]], found["pageInfo"]

    newest, marks = await ids(first=2)
    older, _ = await ids(first=2, after=marks["endCursor"])
    assert newest + older == made[:0:-1]
    oldest, marks = await ids(last=2)
    newer, _ = await ids(last=2, before=marks["startCursor"])
    assert newer + oldest == made[3::-1]


async def test_only_so_many_are_kept_by_name_and_the_counts_are_exact(client: Client, world: World) -> None:
    segment_id = await world.segment()
    missing = await world.candidates(5, {})
    await world.candidates(2)
    few = world.database.settings.model_copy(update={"max_skipped": 3})
    everyone = CandidateSelection(all_search_results=AllSearchResults(CandidateFilter()))
    async with world.database.write(world.account_id) as tx:
        operation_id = await add_candidates(tx, segment_id, everyone, "REJECT", "world", few)
    data = await client.data(
        "query($id: ID!) { operation(id: $id) { matchedCount addedCount ineligibleCount ineligible { code count }"
        " skipped { totalCount edges { node { id } } } } }",
        id=str(operation_id),
    )
    operation = data["operation"]
    assert (operation["matchedCount"], operation["addedCount"], operation["ineligibleCount"]) == (7, 2, 5)
    assert operation["ineligible"] == [{"code": "CONSENT_MISSING", "count": 5}]
    assert operation["skipped"]["totalCount"] == 3
    assert {edge["node"]["id"] for edge in operation["skipped"]["edges"]} == {str(id) for id in sorted(missing)[:3]}


def test_a_hundred_thousand_are_kept_by_name() -> None:
    assert Settings().max_skipped == 100_000


async def test_who_found_no_room_is_told_apart_from_who_may_not_join(client: Client, world: World) -> None:
    await world.contract(1)
    segment_id = await world.segment()
    fits, too_many = await world.candidates(2)
    ineligible = await world.candidate({})
    ticked = CandidateSelection(ids=[str(id) for id in (fits, too_many, ineligible)])
    async with world.database.write(world.account_id) as tx:
        operation_id = await add_candidates(tx, segment_id, ticked, "FILL", "world", world.database.settings)
    data = await client.data(
        "query($id: ID!) { operation(id: $id) { overQuotaCount ineligibleCount"
        " skipped { edges { overQuota reasons node { id } } } } }",
        id=str(operation_id),
    )
    operation = data["operation"]
    assert (operation["overQuotaCount"], operation["ineligibleCount"]) == (1, 1)
    told = {edge["node"]["id"]: (edge["overQuota"], edge["reasons"]) for edge in operation["skipped"]["edges"]}
    assert told == {str(too_many): (True, []), str(ineligible): (False, ["CONSENT_MISSING"])}


async def test_who_was_left_out_is_shown_as_they_are_now(client: Client, world: World) -> None:
    candidate_id = await world.candidate({}, first_name="Old", last_name="Name")
    operation_id = await world.add(await world.segment(), [candidate_id])
    await world.run("UPDATE candidate SET first_name = 'New' WHERE account_id = $1")
    data = await client.data(
        "query($id: ID!) { operation(id: $id) { skipped { edges { reasons node { fullName } } } } }",
        id=str(operation_id),
    )
    assert data["operation"]["skipped"]["edges"] == [{"reasons": ["CONSENT_MISSING"], "node": {"fullName": "New Name"}}]


async def test_a_cursor_of_another_list_is_refused(client: Client, world: World) -> None:
    segment_id = await world.segment()
    operation_id = await world.add(segment_id, await world.candidates(2, {}))
    data = await client.data(
        "query($id: ID!) { segment(id: $id) { operations { pageInfo { endCursor } } } }", id=str(segment_id)
    )
    error = await client.error(
        "query($id: ID!, $after: String) { operation(id: $id) { skipped(after: $after) { totalCount } } }",
        id=str(operation_id),
        after=data["segment"]["operations"]["pageInfo"]["endCursor"],
    )
    assert error["code"] == "BAD_USER_INPUT"

"""deleteSegment"""

from typing import Any
from uuid import UUID

import pytest

from app.models import Channel
from tests.client import Client
from tests.resolvers.mutations.changing import NO_SUCH_SEGMENT, absent_segments, change, failure
from tests.world import World

DELETE = """mutation Delete($input: DeleteSegmentInput!) {
  deleteSegment(input: $input) {
    deletedSegmentId
    quotaUsage { used channels { channel used } }
    userErrors { ...Failures }
  }
}"""

OPERATION = """query($id: ID!) {
  operation(id: $id) { kind status requestedBy matchedCount removedCount segment { id } }
}"""


async def delete(client: Client, segment_id: UUID) -> dict[str, Any]:
    return await change(client, DELETE, segmentId=str(segment_id))


async def test_a_deleted_segment_is_gone(client: Client, world: World) -> None:
    segment_id, other_id = await world.segment("Engineers"), await world.segment("Makers")
    assert (await delete(client, segment_id))["deletedSegmentId"] == str(segment_id)
    data = await client.data(
        "query($id: ID!) { segment(id: $id) { id } node(id: $id) { id } segments { nodes { id } } }",
        id=str(segment_id),
    )
    assert data == {"segment": None, "node": None, "segments": {"nodes": [{"id": str(other_id)}]}}


async def test_a_second_time_it_is_not_found(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await delete(client, segment_id)
    assert await failure(client, DELETE, segmentId=str(segment_id)) == NO_SUCH_SEGMENT


async def test_its_name_is_free_again(client: Client, world: World) -> None:
    await delete(client, await world.segment("Engineers"))
    await world.segment("Engineers")


async def test_endpoints_that_no_other_segment_needs_are_free(client: Client, world: World) -> None:
    alone, shared, by_sms = await world.candidate(), await world.candidate(), await world.candidate()
    segment_id = await world.segment()
    await world.add(segment_id, [alone, shared, by_sms])
    await world.add(await world.segment(), [shared])
    await world.add(await world.segment(channel=Channel.SMS), [by_sms])
    usage = (await delete(client, segment_id))["quotaUsage"]
    assert usage == {"used": 2, "channels": [{"channel": "EMAIL", "used": 1}, {"channel": "SMS", "used": 1}]}


async def test_the_memberships_end_by_an_operation_that_outlives_the_segment(client: Client, world: World) -> None:
    segment_id = await world.segment()
    members = await world.candidates(3)
    added_by = await world.add(segment_id, members)
    await delete(client, segment_id)
    past = await world.run("SELECT candidate_id, added_by, removed_by FROM past_segment_member WHERE account_id = $1")
    assert {row["candidate_id"] for row in past} == set(members)
    assert {row["added_by"] for row in past} == {added_by}
    (removed_by,) = {row["removed_by"] for row in past}
    assert (await client.data(OPERATION, id=str(removed_by)))["operation"] == {
        "kind": "REMOVE",
        "status": "COMPLETED",
        "requestedBy": "tester",
        "matchedCount": 3,
        "removedCount": 3,
        "segment": None,
    }
    assert await world.run("SELECT FROM segment_member WHERE account_id = $1") == []


async def test_operations_of_the_segment_can_still_be_read_by_their_ids(client: Client, world: World) -> None:
    segment_id = await world.segment()
    operation_id = await world.add(segment_id, await world.candidates(2))
    await delete(client, segment_id)
    operation = (await client.data(OPERATION, id=str(operation_id)))["operation"]
    assert (operation["kind"], operation["segment"]) == ("ADD", None)


async def test_an_archived_segment_may_be_deleted(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, await world.candidates(2))
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1")
    assert (await delete(client, segment_id))["quotaUsage"]["used"] == 0


async def test_without_a_contract_it_works_and_says_nothing_of_one(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.run("DELETE FROM contract WHERE account_id = $1")
    assert (await delete(client, segment_id))["quotaUsage"] is None


@pytest.mark.parametrize("excluded", [False, True])
async def test_a_segment_that_campaigns_use_stays(client: Client, world: World, excluded: bool) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, await world.candidates(2))
    await world.campaign(segment_id, excluded=excluded)
    await world.campaign(segment_id)
    assert await failure(client, DELETE, segmentId=str(segment_id)) == {
        "__typename": "ConflictError",
        "code": "IN_USE",
        "message": "The segment is used by 2 campaign(s). Take it out of them first.",
        "path": ["input", "segmentId"],
    }
    data = await client.data(
        "query($id: ID!) { segment(id: $id) { memberCount } quotaUsage { used } }", id=str(segment_id)
    )
    assert data == {"segment": {"memberCount": 2}, "quotaUsage": {"used": 2}}


async def test_a_segment_that_is_not_there_is_not_found_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    for segment_id in await absent_segments(world, other_world):
        assert await failure(client, DELETE, segmentId=segment_id) == NO_SUCH_SEGMENT


async def test_another_account_s_segment_stays(client: Client, other_client: Client, other_world: World) -> None:
    segment_id = await other_world.segment()
    await failure(client, DELETE, segmentId=str(segment_id))
    data = await other_client.data("query($id: ID!) { segment(id: $id) { id } }", id=str(segment_id))
    assert data["segment"] == {"id": str(segment_id)}


async def test_it_needs_the_permission_to_edit_segments(reader: Client, world: World) -> None:
    segment_id = await world.segment()
    error = await reader.error(DELETE.replace("...Failures", "code"), input={"segmentId": str(segment_id)})
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert len(await world.run("SELECT FROM segment WHERE account_id = $1")) == 1

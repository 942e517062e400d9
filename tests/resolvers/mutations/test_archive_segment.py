"""archiveSegment"""

from typing import Any
from uuid import UUID

from tests.client import Client
from tests.resolvers.mutations.changing import NO_SUCH_SEGMENT, absent_segments, change, failure
from tests.world import World

ARCHIVE = """mutation Archive($input: ArchiveSegmentInput!) {
  archiveSegment(input: $input) {
    segment { id name createdAt lastModifiedAt archivedAt memberCount }
    userErrors { ...Failures }
  }
}"""


async def archive(client: Client, segment_id: UUID) -> dict[str, Any]:
    segment: dict[str, Any] = (await change(client, ARCHIVE, segmentId=str(segment_id)))["segment"]
    return segment


async def test_an_archived_segment_says_since_when(client: Client, world: World) -> None:
    segment_id = await world.segment()
    segment = await archive(client, segment_id)
    assert segment["id"] == str(segment_id)
    assert segment["archivedAt"] == segment["lastModifiedAt"] > segment["createdAt"]


async def test_it_leaves_the_list_of_segments_unless_asked_for(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await archive(client, segment_id)
    data = await client.data(
        """{
          used: segments { nodes { id } }
          archived: segments(filter: { archived: true }) { nodes { id } }
        }"""
    )
    assert data == {"used": {"nodes": []}, "archived": {"nodes": [{"id": str(segment_id)}]}}


async def test_an_archived_segment_stays_as_it_is(client: Client, world: World) -> None:
    segment_id = await world.segment()
    assert await archive(client, segment_id) == await archive(client, segment_id)


async def test_its_members_stay_and_use_their_endpoints(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, await world.candidates(3))
    assert (await archive(client, segment_id))["memberCount"] == 3
    data = await client.data(
        "query($id: ID!) { quotaUsage { used } segment(id: $id) { members { totalCount } } }", id=str(segment_id)
    )
    assert data == {"quotaUsage": {"used": 3}, "segment": {"members": {"totalCount": 3}}}


async def test_a_segment_that_a_campaign_uses_may_be_archived(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.campaign(segment_id)
    assert (await archive(client, segment_id))["archivedAt"] is not None


async def test_a_segment_that_is_not_there_is_not_found_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    for segment_id in await absent_segments(world, other_world):
        assert await failure(client, ARCHIVE, segmentId=segment_id) == NO_SUCH_SEGMENT


async def test_it_needs_the_permission_to_edit_segments(reader: Client, world: World) -> None:
    segment_id = await world.segment()
    error = await reader.error(ARCHIVE.replace("...Failures", "code"), input={"segmentId": str(segment_id)})
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert await world.run("SELECT FROM segment WHERE account_id = $1 AND archived_at IS NOT NULL") == []

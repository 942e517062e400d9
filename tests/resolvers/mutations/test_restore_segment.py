"""restoreSegment"""

from typing import Any
from uuid import UUID

from tests.client import Client
from tests.resolvers.mutations.changing import NO_SUCH_SEGMENT, absent_segments, change, failure
from tests.world import World

RESTORE = """mutation Restore($input: RestoreSegmentInput!) {
  restoreSegment(input: $input) {
    segment { id createdAt lastModifiedAt archivedAt memberCount }
    userErrors { ...Failures }
  }
}"""

ARCHIVED = "UPDATE segment SET archived_at = now() WHERE account_id = $1"


async def restore(client: Client, segment_id: UUID) -> dict[str, Any]:
    segment: dict[str, Any] = (await change(client, RESTORE, segmentId=str(segment_id)))["segment"]
    return segment


async def test_a_restored_segment_is_in_use_again_with_its_members(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, await world.candidates(2))
    await world.run(ARCHIVED)
    segment = await restore(client, segment_id)
    assert (segment["archivedAt"], segment["memberCount"]) == (None, 2)
    data = await client.data("{ segments { nodes { id lastModifiedAt } } }")
    assert data["segments"]["nodes"] == [{"id": str(segment_id), "lastModifiedAt": segment["lastModifiedAt"]}]


async def test_it_counts_as_a_modification(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.run(ARCHIVED)
    segment = await restore(client, segment_id)
    assert segment["lastModifiedAt"] > segment["createdAt"]


async def test_a_segment_that_is_not_archived_stays_as_it_is(client: Client, world: World) -> None:
    segment = await restore(client, await world.segment())
    assert segment["lastModifiedAt"] == segment["createdAt"]


async def test_its_members_may_change_again(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.run(ARCHIVED)
    await restore(client, segment_id)
    await world.add(segment_id, [await world.candidate()])


async def test_a_segment_that_is_not_there_is_not_found_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    for segment_id in await absent_segments(world, other_world):
        assert await failure(client, RESTORE, segmentId=segment_id) == NO_SUCH_SEGMENT


async def test_it_needs_the_permission_to_edit_segments(reader: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.run(ARCHIVED)
    error = await reader.error(RESTORE.replace("...Failures", "code"), input={"segmentId": str(segment_id)})
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert await world.run("SELECT FROM segment WHERE account_id = $1 AND archived_at IS NULL") == []

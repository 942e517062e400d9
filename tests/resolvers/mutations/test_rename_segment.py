"""renameSegment"""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.client import Client
from tests.resolvers.mutations.changing import NO_SUCH_SEGMENT, absent_segments, change, failure
from tests.world import World

RENAME = """mutation Rename($input: RenameSegmentInput!) {
  renameSegment(input: $input) {
    segment { id name channel createdAt lastModifiedAt archivedAt memberCount }
    userErrors { ...Failures }
  }
}"""

SEGMENT = "query($id: ID!) { segment(id: $id) { name lastModifiedAt } }"


async def rename(client: Client, segment_id: UUID, name: str) -> dict[str, Any]:
    segment: dict[str, Any] = (await change(client, RENAME, segmentId=str(segment_id), name=name))["segment"]
    return segment


async def refuse(client: Client, segment_id: object, name: str) -> dict[str, Any]:
    return await failure(client, RENAME, segmentId=str(segment_id), name=name)


async def seen(client: Client, segment_id: UUID) -> dict[str, Any]:
    segment: dict[str, Any] = (await client.data(SEGMENT, id=str(segment_id)))["segment"]
    return segment


async def test_a_segment_gets_another_name_and_keeps_all_else(client: Client, world: World) -> None:
    segment_id = await world.segment("Engineers")
    await world.add(segment_id, [await world.candidate()])
    before = await seen(client, segment_id)
    segment = await rename(client, segment_id, "  Makers ")
    assert (segment["id"], segment["name"]) == (str(segment_id), "Makers")
    assert (segment["channel"], segment["memberCount"], segment["archivedAt"]) == ("EMAIL", 1, None)
    assert datetime.fromisoformat(segment["lastModifiedAt"]) > datetime.fromisoformat(before["lastModifiedAt"])
    assert await seen(client, segment_id) == {"name": "Makers", "lastModifiedAt": segment["lastModifiedAt"]}


async def test_each_of_several_in_one_document_answers_with_its_own_name(client: Client, world: World) -> None:
    segment_id = await world.segment("First")
    data = await client.data(
        """mutation($id: ID!) {
          second: renameSegment(input: {segmentId: $id, name: "Second"}) { ...Renamed }
          third: renameSegment(input: {segmentId: $id, name: "Third"}) { ...Renamed }
        }
        fragment Renamed on RenameSegmentPayload { segment { name } }""",
        id=str(segment_id),
    )
    assert [data[each]["segment"]["name"] for each in ("second", "third")] == ["Second", "Third"]


async def test_the_old_name_is_free_again(client: Client, world: World) -> None:
    first, second = await world.segment("First"), await world.segment("Second")
    await rename(client, first, "Third")
    assert (await rename(client, second, "First"))["name"] == "First"


async def test_a_name_may_change_its_case_alone(client: Client, world: World) -> None:
    segment_id = await world.segment("engineers")
    before = await seen(client, segment_id)
    segment = await rename(client, segment_id, "Engineers")
    assert segment["name"] == "Engineers"
    assert segment["lastModifiedAt"] > before["lastModifiedAt"]


@pytest.mark.parametrize("name", ["Engineers", " Engineers "])
async def test_the_name_it_has_already_changes_nothing(client: Client, world: World, name: str) -> None:
    segment_id = await world.segment("Engineers")
    before = await seen(client, segment_id)
    segment = await rename(client, segment_id, name)
    assert {"name": segment["name"], "lastModifiedAt": segment["lastModifiedAt"]} == before


async def test_an_archived_segment_may_be_renamed(client: Client, world: World) -> None:
    segment_id = await world.segment("Engineers")
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1")
    segment = await rename(client, segment_id, "Makers")
    assert segment["name"] == "Makers"
    assert segment["archivedAt"] is not None


@pytest.mark.parametrize("archived", [False, True])
async def test_the_name_of_another_segment_is_refused(client: Client, world: World, archived: bool) -> None:
    taken, segment_id = await world.segment("Engineers"), await world.segment("Makers")
    if archived:
        await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1 AND id = $2", taken)
    before = await seen(client, segment_id)
    assert await refuse(client, segment_id, " ENGINEERS") == {
        "__typename": "NameTakenError",
        "code": "NAME_TAKEN",
        "message": "Another segment has this name already.",
        "path": ["input", "name"],
        "segment": {"id": str(taken), "name": "Engineers"},
    }
    assert await seen(client, segment_id) == before


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", "a\x00b"])
async def test_a_name_that_is_none_is_refused(client: Client, world: World, name: str) -> None:
    segment_id = await world.segment("Engineers")
    before = await seen(client, segment_id)
    refused = await refuse(client, segment_id, name)
    assert (refused["__typename"], refused["code"]) == ("InvalidInputError", "INVALID_INPUT")
    assert refused["path"] == ["input", "name"]
    assert await seen(client, segment_id) == before


async def test_a_segment_that_is_not_there_is_not_found_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    for segment_id in await absent_segments(world, other_world):
        assert await refuse(client, segment_id, "Makers") == NO_SUCH_SEGMENT


async def test_it_needs_the_permission_to_edit_segments(reader: Client, world: World) -> None:
    segment_id = await world.segment("Engineers")
    error = await reader.error(
        RENAME.replace("...Failures", "code"), input={"segmentId": str(segment_id), "name": "Makers"}
    )
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert (await seen(reader, segment_id))["name"] == "Engineers"

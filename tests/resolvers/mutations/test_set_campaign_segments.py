"""setCampaignSegments"""

import asyncio
from typing import Any
from uuid import UUID, uuid4

from app.database import WRITES
from app.models import Channel
from tests.client import Client
from tests.resolvers.mutations.campaigns import SET, archive, campaigns, create, texts
from tests.resolvers.mutations.changing import change, failure, failures
from tests.world import World


async def set_segments(client: Client, campaign_id: str, *included: UUID, **more: Any) -> dict[str, list[str]]:
    """The ids of the segments that the campaign has now."""
    payload = await change(client, SET, campaignId=campaign_id, includedSegmentIds=texts(*included), **more)
    campaign = payload["campaign"]
    return {kind: [each["id"] for each in campaign[f"{kind}Segments"]] for kind in ("included", "excluded")}


async def test_the_segments_take_the_place_of_those_before(client: Client, world: World) -> None:
    a, b, c, d = [await world.segment(name) for name in "abcd"]
    campaign = await create(client, includedSegmentIds=texts(a, b), excludedSegmentIds=texts(c))
    changed = await set_segments(client, campaign["id"], b, c, excludedSegmentIds=texts(a, d))
    assert changed == {"included": texts(b, c), "excluded": texts(a, d)}
    [kept] = await campaigns(client)
    assert [each["id"] for each in kept["excludedSegments"]] == texts(a, d)


async def test_the_same_segments_again_change_nothing(client: Client, world: World, statements: list[str]) -> None:
    a, b = [await world.segment(name) for name in "ab"]
    campaign = await create(client, includedSegmentIds=texts(a), excludedSegmentIds=texts(b))
    statements.clear()
    assert await set_segments(client, campaign["id"], a, a, excludedSegmentIds=texts(b)) == {
        "included": texts(a),
        "excluded": texts(b),
    }
    assert [each for each in statements if WRITES.search(each)] == []
    swapped = await set_segments(client, campaign["id"], b, excludedSegmentIds=texts(a))
    assert swapped == {"included": texts(b), "excluded": texts(a)}


async def test_none_at_all_empties_it(client: Client, world: World) -> None:
    campaign = await create(client, includedSegmentIds=texts(await world.segment()))
    assert await set_segments(client, campaign["id"]) == {"included": [], "excluded": []}


async def test_an_archived_segment_stays_but_does_not_come(client: Client, world: World) -> None:
    within, excluded, new = [await world.segment(name) for name in "abc"]
    campaign = await create(client, includedSegmentIds=texts(within), excludedSegmentIds=texts(excluded))
    for each in (within, excluded, new):
        await archive(world, each)
    kept = await set_segments(client, campaign["id"], within, excludedSegmentIds=texts(excluded, new))
    assert kept == {"included": texts(within), "excluded": texts(excluded, new)}
    refused = await failures(
        client, SET, campaignId=campaign["id"], includedSegmentIds=texts(within, excluded, new), excludedSegmentIds=[]
    )
    assert [(each["code"], each["path"]) for each in refused] == [
        ("SEGMENT_ARCHIVED", ["input", "includedSegmentIds", index]) for index in "12"
    ]


async def test_every_obstacle_is_named_and_then_nothing_changes(
    client: Client, world: World, other_world: World
) -> None:
    kept, by_message = await world.segment(), await world.segment(channel=Channel.SMS)
    campaign = await create(client, includedSegmentIds=texts(kept))
    refused = await failures(
        client,
        SET,
        campaignId=campaign["id"],
        includedSegmentIds=texts(kept, by_message, await other_world.segment()),
        excludedSegmentIds=texts(kept),
    )
    assert [(each["code"], each["path"][1:]) for each in refused] == [
        ("CHANNEL_MISMATCH", ["includedSegmentIds", "1"]),
        ("NOT_FOUND", ["includedSegmentIds", "2"]),
        ("INVALID_INPUT", ["excludedSegmentIds", "0"]),
    ]
    [after] = await campaigns(client)
    assert [each["id"] for each in after["includedSegments"]] == texts(kept)


async def test_a_campaign_that_is_not_there_is_not_found(client: Client, other_client: Client) -> None:
    foreign = (await create(other_client))["id"]
    for absent in (foreign, str(uuid4()), "no-id", ""):
        assert await failure(client, SET, campaignId=absent, includedSegmentIds=[]) == {
            "__typename": "NotFoundError",
            "code": "NOT_FOUND",
            "message": "There is no campaign with this id.",
            "path": ["input", "campaignId"],
        }


async def test_of_two_at_once_one_comes_last_whole(client: Client, world: World) -> None:
    campaign = await create(client)
    halves = [[await world.segment() for _ in range(10)] for _ in range(2)]
    await asyncio.gather(*(set_segments(client, campaign["id"], *half) for half in halves * 5))
    [after] = await campaigns(client)
    assert {each["id"] for each in after["includedSegments"]} in [set(texts(*half)) for half in halves]


async def test_a_segment_deleted_at_the_same_time_is_in_no_campaign(client: Client, world: World) -> None:
    campaign = await create(client)
    delete = "mutation($id: ID!) { deleteSegment(input: { segmentId: $id }) { deletedSegmentId } }"
    for _ in range(5):
        segment_id = await world.segment()
        answers = await asyncio.gather(
            client.data(
                SET.replace("...Failures", "code"),
                input={"campaignId": campaign["id"], "includedSegmentIds": texts(segment_id)},
            ),
            client.data(delete, id=str(segment_id)),
        )
        [after] = await campaigns(client)
        is_in = texts(segment_id) == [each["id"] for each in after["includedSegments"]]
        assert is_in == (answers[1]["deleteSegment"]["deletedSegmentId"] is None)


async def test_it_needs_the_permission_to_edit_segments(reader: Client, client: Client, world: World) -> None:
    campaign = await create(client, includedSegmentIds=texts(await world.segment()))
    input = {"campaignId": campaign["id"], "includedSegmentIds": []}
    error = await reader.error(SET.replace("...Failures", "code"), input=input)
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert len((await campaigns(client))[0]["includedSegments"]) == 1

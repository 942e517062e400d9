"""createCampaign"""

from datetime import UTC, datetime

import pytest

from app.models import Channel
from app.settings import Settings
from tests.client import Client
from tests.resolvers.mutations.campaigns import CREATE, archive, campaigns, create, texts
from tests.resolvers.mutations.changing import absent_segments, change, failure, failures
from tests.world import World


@pytest.mark.parametrize("channel", list(Channel))
async def test_a_new_campaign_has_what_it_was_given(client: Client, world: World, channel: Channel) -> None:
    nurses, drivers, asked_last_week = [
        await world.segment(name, channel) for name in ("nurses", "Drivers", "Asked last week")
    ]
    before = datetime.now(UTC)
    campaign = await create(
        client,
        "  Spring \n",
        channel,
        includedSegmentIds=texts(nurses, drivers),
        excludedSegmentIds=texts(asked_last_week),
    )
    assert before <= datetime.fromisoformat(campaign["createdAt"]) <= datetime.now(UTC)
    assert campaign == {
        "id": campaign["id"],
        "name": "Spring",
        "channel": channel,
        "createdAt": campaign["createdAt"],
        "includedSegments": [{"id": str(drivers), "name": "Drivers"}, {"id": str(nurses), "name": "nurses"}],
        "excludedSegments": [{"id": str(asked_last_week), "name": "Asked last week"}],
    }


async def test_it_may_be_made_without_segments_and_with_a_name_that_another_has(client: Client) -> None:
    first, second = await create(client), await create(client)
    assert first["id"] != second["id"]
    assert first["name"] == second["name"]
    assert first["includedSegments"] == first["excludedSegments"] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (" ", "A name needs at least one character."),
        ("x" * 201, "A name has at most 200 characters, this one 201."),
        ("a\x00b", "A name holds no control characters."),
        ("\u200b", "A name needs at least one visible character."),
    ],
)
async def test_a_name_that_is_none_is_refused(client: Client, name: str, message: str) -> None:
    refused = await failure(client, CREATE, name=name, channel="EMAIL")
    assert (refused["code"], refused["message"], refused["path"]) == ("INVALID_INPUT", message, ["input", "name"])
    assert await campaigns(client) == []


@pytest.mark.parametrize("field", ["includedSegmentIds", "excludedSegmentIds"])
async def test_each_segment_that_is_not_there_is_named_by_its_index(
    client: Client, world: World, other_world: World, field: str
) -> None:
    here = str(await world.segment())
    absent = await absent_segments(world, other_world)
    refused = await failures(client, CREATE, name="Spring", channel="EMAIL", **{field: [here, *absent]})
    assert [(each["code"], each["path"]) for each in refused] == [
        ("NOT_FOUND", ["input", field, str(index)]) for index in range(1, len(absent) + 1)
    ]
    assert await campaigns(client) == []


@pytest.mark.parametrize("field", ["includedSegmentIds", "excludedSegmentIds"])
async def test_a_segment_of_the_other_channel_is_refused(client: Client, world: World, field: str) -> None:
    by_mail, by_message = await world.segment(), await world.segment(channel=Channel.SMS)
    refused = await failure(client, CREATE, name="Spring", channel="EMAIL", **{field: texts(by_mail, by_message)})
    assert refused == {
        "__typename": "ConflictError",
        "code": "CHANNEL_MISMATCH",
        "message": "The segment's channel is SMS, the campaign's is EMAIL.",
        "path": ["input", field, "1"],
    }
    assert await campaigns(client) == []


async def test_a_segment_is_included_or_excluded_but_not_both(client: Client, world: World) -> None:
    one, both = await world.segment(), await world.segment()
    refused = await failure(
        client,
        CREATE,
        name="Spring",
        channel="EMAIL",
        includedSegmentIds=texts(both),
        excludedSegmentIds=texts(one, both),
    )
    assert refused == {
        "__typename": "InvalidInputError",
        "code": "INVALID_INPUT",
        "message": "A segment is included or excluded, not both.",
        "path": ["input", "excludedSegmentIds", "1"],
    }
    assert await campaigns(client) == []


async def test_an_archived_segment_may_be_excluded_but_not_included(client: Client, world: World) -> None:
    archived = await world.segment()
    await archive(world, archived)
    refused = await failure(client, CREATE, name="Spring", channel="EMAIL", includedSegmentIds=texts(archived))
    assert refused == {
        "__typename": "ConflictError",
        "code": "SEGMENT_ARCHIVED",
        "message": "The segment is archived. Restore it to include it in a campaign.",
        "path": ["input", "includedSegmentIds", "0"],
    }
    campaign = await create(client, excludedSegmentIds=texts(archived))
    assert [each["id"] for each in campaign["excludedSegments"]] == texts(archived)


async def test_a_segment_named_twice_counts_once(client: Client, world: World) -> None:
    one, other = await world.segment("1"), await world.segment("2")
    campaign = await create(client, includedSegmentIds=texts(one, one), excludedSegmentIds=texts(other, other))
    assert [each["id"] for each in campaign["includedSegments"]] == texts(one)
    assert [each["id"] for each in campaign["excludedSegments"]] == texts(other)


async def test_there_are_at_most_so_many_segments(client: Client, world: World, settings: Settings) -> None:
    ids = texts(*[await world.segment() for _ in range(settings.max_campaign_segments + 1)])
    halves = {"includedSegmentIds": ids[:50], "excludedSegmentIds": ids[50:]}
    refused = await failure(client, CREATE, name="Spring", channel="EMAIL", **halves)
    assert (refused["code"], refused["message"]) == ("INVALID_INPUT", "A campaign has at most 100 segments, not 101.")
    assert await campaigns(client) == []
    campaign = await create(client, includedSegmentIds=ids[:50], excludedSegmentIds=ids[51:])
    assert len(campaign["includedSegments"]) == len(campaign["excludedSegments"]) == 50


async def test_the_same_key_and_input_make_one_campaign(client: Client, world: World) -> None:
    included = texts(await world.segment())
    first = await create(client, idempotencyKey="a key", includedSegmentIds=included)
    assert await create(client, idempotencyKey="a key", includedSegmentIds=included) == first
    refused = await failure(client, CREATE, name="Spring", channel="EMAIL", idempotencyKey="a key")
    assert (refused["code"], refused["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
    assert len(await campaigns(client)) == 1


async def test_what_was_refused_under_a_key_is_refused_alike_again(client: Client, world: World) -> None:
    by_message = await world.segment(channel=Channel.SMS)
    input = {"name": "Spring", "channel": "EMAIL", "idempotencyKey": "a key", "includedSegmentIds": texts(by_message)}
    first = await failure(client, CREATE, **input)
    assert await failure(client, CREATE, **input) == first


async def test_a_key_out_of_bounds_is_refused(client: Client) -> None:
    refused = await failure(client, CREATE, name="Spring", channel="EMAIL", idempotencyKey="")
    assert (refused["code"], refused["path"]) == ("INVALID_INPUT", ["input", "idempotencyKey"])


async def test_the_same_segments_may_be_in_many_campaigns(client: Client, world: World) -> None:
    segment_id = await world.segment()
    for _ in range(2):
        payload = await change(client, CREATE, name="x", channel="EMAIL", includedSegmentIds=texts(segment_id))
        assert [each["id"] for each in payload["campaign"]["includedSegments"]] == texts(segment_id)


async def test_it_needs_the_permission_to_edit_segments(reader: Client) -> None:
    error = await reader.error(CREATE.replace("...Failures", "code"), input={"name": "Spring", "channel": "EMAIL"})
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert await campaigns(reader) == []

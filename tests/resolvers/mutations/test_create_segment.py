"""createSegment"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from app.models import Channel
from tests.client import Client
from tests.resolvers.mutations.changing import change, failure
from tests.world import World

CREATE = """mutation Create($input: CreateSegmentInput!) {
  createSegment(input: $input) {
    segment { id name channel createdAt lastModifiedAt archivedAt memberCount }
    userErrors { ...Failures }
  }
}"""

NAMES = "{ segments(filter: { archived: null }) { nodes { name } } }"


async def create(client: Client, name: str, channel: str = "EMAIL", **more: Any) -> dict[str, Any]:
    segment: dict[str, Any] = (await change(client, CREATE, name=name, channel=channel, **more))["segment"]
    return segment


async def refuse(client: Client, name: str, channel: str = "EMAIL", **more: Any) -> dict[str, Any]:
    return await failure(client, CREATE, name=name, channel=channel, **more)


async def names(client: Client) -> list[str]:
    return [segment["name"] for segment in (await client.data(NAMES))["segments"]["nodes"]]


@pytest.mark.parametrize("channel", list(Channel))
async def test_a_new_segment_is_empty_and_in_use(client: Client, channel: Channel) -> None:
    before = datetime.now(UTC)
    segment = await create(client, "Engineers", channel)
    made_at = datetime.fromisoformat(segment["createdAt"])
    assert before <= made_at <= datetime.now(UTC)
    assert segment == {
        "id": segment["id"],
        "name": "Engineers",
        "channel": channel,
        "createdAt": segment["createdAt"],
        "lastModifiedAt": segment["createdAt"],
        "archivedAt": None,
        "memberCount": 0,
    }
    assert await names(client) == ["Engineers"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Engineers ", "Engineers"),
        ("\t\nEngineers\u3000\u00a0", "Engineers"),
        ("Two  words", "Two  words"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("x", "x"),
        ("x" * 200, "x" * 200),
        (f"  {'x' * 200}  ", "x" * 200),
        ("e\u0301" * 200, "\u00e9" * 200),
        ("👩\u200d👩\u200d👧 families", "👩\u200d👩\u200d👧 families"),
        ("'; DROP TABLE segment; --", "'; DROP TABLE segment; --"),
        ("100 % \\ _", "100 % \\ _"),
    ],
)
async def test_a_name_is_trimmed_and_kept_in_nfc(client: Client, given: str, kept: str) -> None:
    assert (await create(client, given))["name"] == kept


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "A name needs at least one character."),
        (" \t\u3000 ", "A name needs at least one character."),
        ("x" * 201, "A name has at most 200 characters, this one 201."),
        *[
            (f"a{character}b", "A name holds no control characters.")
            for character in "\x00\x01\n\r\t\x1b\x7f\x85\u2028\u2029\ufffe\U0001ffff"
        ],
        ("\u200b", "A name needs at least one visible character."),
        ("\u200d \u2060", "A name needs at least one visible character."),
    ],
)
async def test_a_name_that_is_none_is_refused(client: Client, name: str, message: str) -> None:
    assert await refuse(client, name) == {
        "__typename": "InvalidInputError",
        "code": "INVALID_INPUT",
        "message": message,
        "path": ["input", "name"],
    }
    assert await names(client) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Engineers", "Engineers"),
        ("Engineers", "  eNGINEERS\n"),
        ("Straße", "STRASSE"),
        ("Café", "CAFE\u0301"),
        ("ΣΟΦΟΣ", "σοφος"),
    ],
)
async def test_a_name_is_taken_whatever_its_case_and_surrounding_space(client: Client, first: str, second: str) -> None:
    segment = await create(client, first)
    assert await refuse(client, second, "SMS") == {
        "__typename": "NameTakenError",
        "code": "NAME_TAKEN",
        "message": "Another segment has this name already.",
        "path": ["input", "name"],
        "segment": {"id": segment["id"], "name": segment["name"]},
    }
    assert await names(client) == [segment["name"]]


async def test_names_that_differ_in_an_accent_are_two(client: Client) -> None:
    await create(client, "Cafe")
    await create(client, "Café")
    assert await names(client) == ["Cafe", "Café"]


async def test_an_archived_segment_holds_its_name(client: Client, world: World) -> None:
    segment_id = await world.segment("Engineers")
    await client.data(
        "mutation($id: ID!) { archiveSegment(input: { segmentId: $id }) { segment { id } } }", id=str(segment_id)
    )
    refused = await refuse(client, "engineers")
    assert (refused["code"], refused["segment"]["id"]) == ("NAME_TAKEN", str(segment_id))


async def test_another_account_may_use_the_name(client: Client, other_client: Client) -> None:
    mine = await create(client, "Engineers")
    theirs = await create(other_client, "Engineers")
    assert mine["id"] != theirs["id"]


async def test_a_channel_that_does_not_exist_is_no_input(client: Client) -> None:
    error = await client.error(CREATE.replace("...Failures", "code"), input={"name": "Engineers", "channel": "FAX"})
    assert error["code"] == "BAD_USER_INPUT"


async def test_the_same_key_and_input_make_one_segment(client: Client) -> None:
    key = str(uuid4())
    first = await create(client, "Engineers", idempotencyKey=key)
    again = await create(client, "Engineers", idempotencyKey=key)
    assert again == first
    assert await names(client) == ["Engineers"]


async def test_the_same_key_with_another_input_is_refused(client: Client) -> None:
    await create(client, "Engineers", idempotencyKey="a key")
    for name, channel in (("Others", "EMAIL"), ("Engineers", "SMS")):
        assert await refuse(client, name, channel, idempotencyKey="a key") == {
            "__typename": "ConflictError",
            "code": "IDEMPOTENCY_KEY_REUSED",
            "message": "This idempotency key was used with another input before.",
            "path": ["input", "idempotencyKey"],
        }
    assert await names(client) == ["Engineers"]


async def test_a_key_belongs_to_its_account(client: Client, other_client: Client) -> None:
    mine = await create(client, "Engineers", idempotencyKey="a key")
    theirs = await create(other_client, "Others", idempotencyKey="a key")
    assert mine["id"] != theirs["id"]


async def test_a_failure_is_kept_under_its_key(client: Client, world: World) -> None:
    taken = await world.segment("Engineers")
    first = await refuse(client, "Engineers", idempotencyKey="a key")
    assert first["segment"]["id"] == str(taken)
    await client.data(
        "mutation($id: ID!) { deleteSegment(input: { segmentId: $id }) { deletedSegmentId } }", id=str(taken)
    )
    again = await refuse(client, "Engineers", idempotencyKey="a key")
    assert again == {**first, "segment": None}
    assert (await create(client, "Engineers", idempotencyKey="another key"))["name"] == "Engineers"


async def test_a_bad_name_under_a_key_fails_alike_again(client: Client) -> None:
    first = await refuse(client, "", idempotencyKey="a key")
    assert await refuse(client, "", idempotencyKey="a key") == first
    assert (await refuse(client, "Engineers", idempotencyKey="a key"))["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("key", ["", "k" * 201, "a\x00b", "a\nb"])
async def test_a_key_out_of_bounds_is_refused(client: Client, key: str) -> None:
    assert await refuse(client, "Engineers", idempotencyKey=key) == {
        "__typename": "InvalidInputError",
        "code": "INVALID_INPUT",
        "message": "An idempotency key has 1 to 200 characters, none a control character.",
        "path": ["input", "idempotencyKey"],
    }
    assert await names(client) == []


@pytest.mark.parametrize("key", ["k", "k" * 200, "κλειδί 🔑"])
async def test_a_key_within_bounds_is_taken(client: Client, key: str) -> None:
    first = await create(client, "Engineers", idempotencyKey=key)
    assert await create(client, "Engineers", idempotencyKey=key) == first


async def test_the_segment_of_a_key_is_null_once_it_was_deleted(client: Client) -> None:
    segment = await create(client, "Engineers", idempotencyKey="a key")
    await client.data(
        "mutation($id: ID!) { deleteSegment(input: { segmentId: $id }) { deletedSegmentId } }", id=segment["id"]
    )
    again = await change(client, CREATE, name="Engineers", channel="EMAIL", idempotencyKey="a key")
    assert again["segment"] is None
    assert await names(client) == []


async def test_it_needs_the_permission_to_edit_segments(reader: Client) -> None:
    error = await reader.error(CREATE.replace("...Failures", "code"), input={"name": "Engineers", "channel": "EMAIL"})
    assert (error["code"], error["extensions"]["permission"]) == ("FORBIDDEN", "EDIT_SEGMENTS")
    assert await names(reader) == []

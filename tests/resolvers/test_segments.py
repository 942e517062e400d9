"""segment, segments and everything a segment has."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import Channel
from tests.client import Client
from tests.world import GENERAL, SMS, World

ARCHIVE = "UPDATE segment SET archived_at = now() WHERE account_id = $1 AND name = ANY($2::text[])"


async def names(client: Client, arguments: str = "first: 100") -> list[str]:
    data = await client.data(f"{{ segments({arguments}) {{ nodes {{ name }} }} }}")
    return [node["name"] for node in data["segments"]["nodes"]]


async def available(client: Client, candidate_id: object, more: str = "") -> list[str]:
    """The names of the segments that a candidate may still join."""
    data = await client.data(
        f"query($candidate: ID!) {{ segments(filter: {{ availableFor: $candidate {more} }}) {{ nodes {{ name }} }} }}",
        candidate=str(candidate_id),
    )
    return [node["name"] for node in data["segments"]["nodes"]]


async def ask(client: Client, segment_id: UUID, fields: str, **variables: Any) -> dict[str, Any]:
    """Fields of one segment."""
    declared = "".join(f", ${name}: ID!" for name in variables)
    data = await client.data(
        f"query($id: ID!{declared}) {{ segment(id: $id) {{ {fields} }} }}", id=str(segment_id), **variables
    )
    segment: dict[str, Any] = data["segment"]
    return segment


async def members(client: Client, segment_id: UUID, arguments: str = "first: 100") -> list[UUID]:
    segment = await ask(client, segment_id, f"members({arguments}) {{ nodes {{ id }} }}")
    return [UUID(node["id"]) for node in segment["members"]["nodes"]]


# One segment


async def test_a_segment_has_its_fields(client: Client, world: World) -> None:
    segment_id = await world.segment("Engineers", Channel.SMS)
    await world.add(segment_id, await world.candidates(2))
    segment = await ask(client, segment_id, "id name channel createdAt lastModifiedAt archivedAt memberCount")
    assert {name: segment[name] for name in ("id", "name", "channel", "archivedAt", "memberCount")} == {
        "id": str(segment_id),
        "name": "Engineers",
        "channel": "SMS",
        "archivedAt": None,
        "memberCount": 2,
    }
    created_at, modified_at = (datetime.fromisoformat(segment[name]) for name in ("createdAt", "lastModifiedAt"))
    assert created_at.utcoffset() == timedelta(0)
    assert datetime.now(UTC) - timedelta(minutes=1) < created_at < modified_at <= datetime.now(UTC)


async def test_a_segment_that_is_not_there_is_null_whatever_the_id(
    client: Client, world: World, other_world: World
) -> None:
    for id in (await other_world.segment(), uuid4(), await world.candidate(), "no-id", ""):
        data = await client.data("query($id: ID!) { segment(id: $id) { id } }", id=str(id))
        assert data["segment"] is None


async def test_an_archived_segment_can_be_read_by_its_id(client: Client, world: World) -> None:
    segment_id = await world.segment("Engineers")
    await world.run(ARCHIVE, ["Engineers"])
    segment = await ask(client, segment_id, "name archivedAt")
    assert (segment["name"], segment["archivedAt"] is None) == ("Engineers", False)


# Many segments


async def test_segments_come_by_name_whatever_its_case(client: Client, world: World) -> None:
    for name in ("bees", "Ants", "Élan", "Cows", "zebras"):
        await world.segment(name)
    assert await names(client) == ["Ants", "bees", "Cows", "zebras", "Élan"]
    assert await names(client, "orderBy: { field: NAME, direction: DESC }, first: 2") == ["Élan", "zebras"]


async def test_segments_can_come_by_creation_modification_and_size(client: Client, world: World) -> None:
    first, second, third = [await world.segment(name) for name in ("c", "a", "b")]
    candidates = await world.candidates(3)
    await world.add(third, candidates[:1])
    await world.add(first, candidates)
    assert await names(client, "orderBy: { field: CREATED_AT }") == ["c", "a", "b"]
    assert await names(client, "orderBy: { field: LAST_MODIFIED_AT, direction: DESC }") == ["c", "b", "a"]
    assert await names(client, "orderBy: { field: MEMBER_COUNT, direction: DESC }") == ["c", "b", "a"]
    assert await names(client, "orderBy: { field: MEMBER_COUNT }") == ["a", "b", "c"]
    assert await ask(client, second, "memberCount") == {"memberCount": 0}


@pytest.mark.parametrize("field", ["NAME", "CREATED_AT", "LAST_MODIFIED_AT", "MEMBER_COUNT"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_every_order_pages_through_all_segments_both_ways(
    client: Client, world: World, field: str, direction: str
) -> None:
    """All have the same size, so that ids decide among them."""
    for index in range(5):
        await world.segment(f"segment {index}")
    page = f"""query($first: Int, $after: String, $last: Int, $before: String) {{
      segments(
        orderBy: {{ field: {field}, direction: {direction} }}
        first: $first, after: $after, last: $last, before: $before
      ) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} nodes {{ name }} }}
    }}"""
    everything = [node["name"] for node in (await client.data(page, first=100))["segments"]["nodes"]]
    assert sorted(everything) == [f"segment {index}" for index in range(5)]
    forwards: list[str] = []
    asked: dict[str, Any] = {"first": 2}
    while True:
        found = (await client.data(page, **asked))["segments"]
        forwards += [node["name"] for node in found["nodes"]]
        assert found["totalCount"] == 5
        if not found["pageInfo"]["hasNextPage"]:
            break
        asked["after"] = found["pageInfo"]["endCursor"]
    backwards: list[str] = []
    asked = {"last": 2}
    while True:
        found = (await client.data(page, **asked))["segments"]
        backwards = [node["name"] for node in found["nodes"]] + backwards
        if not found["pageInfo"]["hasPreviousPage"]:
            break
        asked["before"] = found["pageInfo"]["startCursor"]
    assert forwards == backwards == everything


async def test_archived_segments_come_only_when_asked_for(client: Client, world: World) -> None:
    for name in ("used", "archived"):
        await world.segment(name)
    await world.run(ARCHIVE, ["archived"])
    assert await names(client) == ["used"]
    assert await names(client, "filter: null") == ["used"]
    assert await names(client, "filter: {}") == ["used"]
    assert await names(client, "filter: { archived: false }") == ["used"]
    assert await names(client, "filter: { archived: true }") == ["archived"]
    assert await names(client, "filter: { archived: null }") == ["archived", "used"]


async def test_a_filter_finds_a_part_of_the_name_whatever_its_case(client: Client, world: World) -> None:
    for name in ("Engineers", "Big ENGINES", "Straße", "100 % _", "Café"):
        await world.segment(name)
    found = {
        part: await names(client, f'filter: {{ nameContains: "{part}" }}')
        for part in ("eNGINe", "STRASSE", "%", "_", "cafe\u0301", "cafe", "", "zz")
    }
    assert found == {
        "eNGINe": ["Big ENGINES", "Engineers"],
        "STRASSE": ["Straße"],
        "%": ["100 % _"],
        "_": ["100 % _"],
        "cafe\u0301": ["Café"],
        "cafe": [],
        "": ["100 % _", "Big ENGINES", "Café", "Engineers", "Straße"],
        "zz": [],
    }


@pytest.mark.parametrize("text", [r"a\u0000b", r"a\nb", "x" * 201])
async def test_a_text_that_is_none_is_refused(client: Client, world: World, text: str) -> None:
    await world.candidate()
    segments = f'segments(filter: {{ nameContains: "{text}" }}) {{ nodes {{ name }} }}'
    for query in (f"{{ {segments} }}", f"{{ candidates {{ nodes {{ {segments} }} }} }}"):
        assert (await client.error(query))["code"] == "BAD_USER_INPUT"


async def test_filters_must_all_hold(client: Client, world: World) -> None:
    for name, channel in (("a mail", Channel.EMAIL), ("a text", Channel.SMS), ("other", Channel.SMS)):
        await world.segment(name, channel)
    assert await names(client, "filter: { channel: SMS }") == ["a text", "other"]
    assert await names(client, 'filter: { channel: SMS, nameContains: "a " }') == ["a text"]


async def test_another_account_s_segments_are_not_there(client: Client, world: World, other_world: World) -> None:
    await other_world.segment("theirs")
    await world.segment("mine")
    assert await names(client) == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("first: 0", "`first` is from 1 to 100, not 0."),
        ("first: 101", "`first` is from 1 to 100, not 101."),
        ("last: -1", "`last` is from 1 to 100, not -1."),
        ("first: 1, last: 1", "Give `first` or `last`, not both."),
        ('after: "x"', "`after` is not a cursor of this connection in this order."),
    ],
)
async def test_a_page_that_cannot_be_is_refused(client: Client, arguments: str, message: str) -> None:
    error = await client.error(f"{{ segments({arguments}) {{ totalCount }} }}")
    assert (error["code"], error["message"]) == ("BAD_USER_INPUT", message)


# The + on a profile


async def test_segments_that_a_candidate_may_join_are_those_they_are_not_in(client: Client, world: World) -> None:
    candidate, other = await world.candidates(2)
    for name, channel in (("in", Channel.EMAIL), ("out", Channel.EMAIL), ("text", Channel.SMS)):
        segment_id = await world.segment(name, channel)
        if name == "in":
            await world.add(segment_id, [candidate])
        else:
            await world.add(segment_id, [other])
    await world.segment("archived")
    await world.run(ARCHIVE, ["archived"])
    assert await available(client, candidate) == ["out", "text"]
    assert await available(client, candidate, ", channel: SMS") == ["text"]
    assert await available(client, candidate, ', nameContains: "U"') == ["out"]
    assert await available(client, other) == ["in"]


@pytest.mark.parametrize(
    ("consents", "values", "expected"),
    [
        ({GENERAL: {}, SMS: {}}, {}, ["mail", "text"]),
        ({GENERAL: {}}, {}, ["mail"]),
        ({SMS: {}}, {}, []),
        ({GENERAL: {}, SMS: {}}, {"verified_mobile": None, "mobile": "+31612345678"}, ["mail"]),
        ({GENERAL: {}, SMS: {}}, {"email": None}, ["text"]),
        ({}, {}, []),
    ],
)
async def test_only_segments_of_channels_that_a_candidate_is_eligible_for_are_available(
    client: Client, world: World, consents: dict[str, Any], values: dict[str, Any], expected: list[str]
) -> None:
    await world.segment("mail", Channel.EMAIL)
    await world.segment("text", Channel.SMS)
    assert await available(client, await world.candidate(consents, **values)) == expected


async def test_nothing_is_available_for_a_candidate_who_is_not_there(
    client: Client, world: World, other_world: World
) -> None:
    await world.segment()
    for id in (await other_world.candidate(), uuid4(), "no-id", ""):
        assert await available(client, id) == []


# Members


async def test_members_added_last_come_first(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidates = await world.candidates(3)
    for candidate_id in candidates:
        await world.add(segment_id, [candidate_id])
    assert await members(client, segment_id) == candidates[::-1]
    assert await members(client, segment_id, "orderBy: { field: ADDED_AT }") == candidates
    assert await members(client, segment_id, "last: 1") == candidates[:1]


async def test_members_added_together_are_sorted_by_id(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidates = await world.candidates(4)
    await world.add(segment_id, candidates)
    assert await members(client, segment_id) == sorted(candidates, reverse=True)


async def test_members_can_come_by_name(client: Client, world: World) -> None:
    segment_id = await world.segment()
    people = [("Bo", "Zed"), ("ann", "adams"), ("Bob", "Adams")]
    candidates = [await world.candidate(first_name=first, last_name=last) for first, last in people]
    await world.add(segment_id, candidates)
    expected = [candidates[1], candidates[2], candidates[0]]
    assert await members(client, segment_id, "orderBy: { field: LAST_NAME }") == expected
    assert await members(client, segment_id, "orderBy: { field: LAST_NAME, direction: DESC }") == expected[::-1]


async def test_members_can_be_searched(client: Client, world: World) -> None:
    segment_id = await world.segment()
    in_paris, in_rome = await world.candidate(city="Paris"), await world.candidate(city="Rome")
    await world.candidate(city="Paris")
    await world.add(segment_id, [in_paris, in_rome])
    told = await ask(
        client, segment_id, 'members(filter: { city: { eq: "paris" } }) { totalCount edges { node { id } } }'
    )
    assert told["members"] == {"totalCount": 1, "edges": [{"node": {"id": str(in_paris)}}]}


async def test_a_member_says_when_they_were_added(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, await world.candidates(2))
    told = await ask(client, segment_id, "lastModifiedAt members { edges { addedAt cursor } pageInfo { endCursor } }")
    assert {edge["addedAt"] for edge in told["members"]["edges"]} == {told["lastModifiedAt"]}
    assert told["members"]["edges"][-1]["cursor"] == told["members"]["pageInfo"]["endCursor"]


async def test_members_are_paged_up_to_a_thousand_at_once(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidates = await world.candidates(1002)
    await world.add(segment_id)
    page = "members(first: 1000) { totalCount pageInfo { hasNextPage endCursor } nodes { id } }"
    first = (await ask(client, segment_id, page))["members"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (1002, True)
    rest = await members(client, segment_id, f'first: 1000, after: "{first["pageInfo"]["endCursor"]}"')
    assert {UUID(node["id"]) for node in first["nodes"]} | set(rest) == set(candidates)
    assert len(rest) == 2
    error = await client.error(
        "query($id: ID!) { segment(id: $id) { members(first: 1001) { totalCount } } }", id=str(segment_id)
    )
    assert error["code"] == "BAD_USER_INPUT"


async def test_a_member_whose_consent_has_just_expired_is_left_out_at_once(client: Client, world: World) -> None:
    segment_id = await world.segment()
    lapsed, other = await world.candidates(2)
    await world.add(segment_id, [lapsed, other])
    await world.lapse(lapsed)
    told = await ask(
        client,
        segment_id,
        "members { totalCount nodes { id } } lapsed: hasMember(candidateId: $lapsed)"
        " other: hasMember(candidateId: $other)",
        lapsed=str(lapsed),
        other=str(other),
    )
    assert told == {"members": {"totalCount": 1, "nodes": [{"id": str(other)}]}, "lapsed": False, "other": True}
    assert await available(client, lapsed) == []


async def test_a_policy_that_the_channel_does_not_demand_may_expire(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidate_id = await world.candidate()
    await world.add(segment_id, [candidate_id])
    await world.lapse(candidate_id, policy=SMS)
    assert await members(client, segment_id) == [candidate_id]


async def test_has_member_is_false_for_whoever_is_not_in_it(client: Client, world: World, other_world: World) -> None:
    segment_id, other_segment = await world.segment(), await world.segment()
    member, outsider = await world.candidates(2)
    await world.add(segment_id, [member])
    await world.add(other_segment, [outsider])
    foreign = await other_world.candidate()
    for id, expected in ((member, True), (outsider, False), (foreign, False), (uuid4(), False), ("no-id", False)):
        told = await ask(client, segment_id, "hasMember(candidateId: $candidate)", candidate=str(id))
        assert told["hasMember"] is expected


async def test_has_member_can_be_asked_for_several_candidates_at_once(client: Client, world: World) -> None:
    segment_id = await world.segment()
    first, second = await world.candidates(2)
    await world.add(segment_id, [first])
    told = await ask(
        client,
        segment_id,
        "first: hasMember(candidateId: $first) second: hasMember(candidateId: $second)",
        first=str(first),
        second=str(second),
    )
    assert told == {"first": True, "second": False}


# Costs


NESTED = {
    "members": "members { totalCount edges { addedAt node { fullName } } }",
    "members that are searched": 'members(filter: { city: { eq: "Paris" } }) { totalCount nodes { fullName } }',
    "membersAsOf": 'membersAsOf(at: "2026-01-31T09:30:00Z") { totalCount nodes { fullName } }',
    "hasMember": 'hasMember(candidateId: "01a208bb-e716-72df-b4c2-dc3b88261575")',
    "operations": "operations { totalCount nodes { kind addedCount segment { name } } }",
    "skipped": "operations { nodes { skipped { totalCount edges { reasons node { fullName } } } } }",
}


@pytest.mark.parametrize("field", NESTED.values(), ids=NESTED)
async def test_a_nested_field_takes_as_many_statements_for_one_segment_as_for_many(
    client: Client, world: World, statements: list[str], field: str
) -> None:
    await client.data("{ viewer { subject } }")
    candidates = await world.candidates(3) + await world.candidates(3, {})
    taken = []
    for more in (1, 6):
        for _ in range(more):
            await world.add(await world.segment(), candidates)
        statements.clear()
        await client.data(f"{{ segments(first: 100) {{ nodes {{ {field} }} }} }}")
        taken.append(len(statements))
    assert taken[0] == taken[1], statements

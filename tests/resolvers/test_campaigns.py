"""campaigns, and what they and segments tell of each other"""

import pytest

from app.domain import audience
from app.models import Channel
from tests.client import Client
from tests.resolvers.mutations.campaigns import archive, create, texts
from tests.world import GENERAL, SMS, World

AUDIENCE = """query($id: ID!, $first: Int, $after: String) { node(id: $id) { ... on Campaign {
  audience(first: $first, after: $after) { totalCount nodes { id } pageInfo { hasNextPage endCursor } }
} } }"""


async def reached(client: Client, campaign_id: str, size: int = 100) -> list[str]:
    """The ids of the whole audience, page by page. Its count must agree."""
    found: list[str] = []
    after = None
    while True:
        data = await client.data(AUDIENCE, id=campaign_id, first=size, after=after)
        page = data["node"]["audience"]
        found += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            assert page["totalCount"] == len(found)
            return found
        after = page["pageInfo"]["endCursor"]


async def names(client: Client, arguments: str = "first: 100") -> list[str]:
    data = await client.data(f"{{ campaigns({arguments}) {{ nodes {{ name }} }} }}")
    return [node["name"] for node in data["campaigns"]["nodes"]]


async def test_those_made_last_come_first(client: Client) -> None:
    for name in ("first", "second", "third"):
        await create(client, name)
    assert await names(client) == ["third", "second", "first"]
    assert await names(client, "last: 1") == ["first"]


async def test_a_filter_finds_a_part_of_the_name_and_the_channel(client: Client) -> None:
    await create(client, "Spring 100 %")
    await create(client, "SPRING by message", "SMS")
    await create(client, "Summer")
    assert await names(client, 'filter: { nameContains: "spring" }') == ["SPRING by message", "Spring 100 %"]
    assert await names(client, 'filter: { nameContains: "spring", channel: EMAIL }') == ["Spring 100 %"]
    assert await names(client, 'filter: { nameContains: "%" }') == ["Spring 100 %"]
    assert await names(client, "filter: { channel: SMS }") == ["SPRING by message"]


async def test_a_segment_tells_which_campaigns_use_it(client: Client, world: World) -> None:
    segment_id, other = await world.segment(), await world.segment()
    await create(client, "includes", includedSegmentIds=texts(segment_id))
    await create(client, "excludes", includedSegmentIds=texts(other), excludedSegmentIds=texts(segment_id))
    await create(client, "does neither", includedSegmentIds=texts(other))
    data = await client.data(
        "query($id: ID!) { segment(id: $id) { campaigns(first: 1) {"
        " totalCount nodes { name } pageInfo { hasNextPage } } } }",
        id=str(segment_id),
    )
    assert data["segment"]["campaigns"] == {
        "totalCount": 2,
        "nodes": [{"name": "excludes"}],
        "pageInfo": {"hasNextPage": True},
    }


async def test_the_audience_is_who_is_in_an_included_and_in_no_excluded_segment_each_once(
    client: Client, world: World
) -> None:
    a, b, both, excluded, nowhere = await world.candidates(5)
    first, second, third = [await world.segment() for _ in range(3)]
    await world.add(first, [a, both, excluded])
    await world.add(second, [b, both])
    await world.add(third, [excluded, nowhere])
    campaign = await create(client, includedSegmentIds=texts(first, second), excludedSegmentIds=texts(third))
    assert await reached(client, campaign["id"]) == texts(a, b, both)


async def test_without_included_segments_nobody_is_reached(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.add(segment_id, await world.candidates(2))
    empty = await create(client)
    only_excluding = await create(client, excludedSegmentIds=texts(segment_id))
    assert await reached(client, empty["id"]) == await reached(client, only_excluding["id"]) == []


async def test_an_archived_segment_counts_like_others(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidates = await world.candidates(2)
    await world.add(segment_id, candidates)
    campaign = await create(client, includedSegmentIds=texts(segment_id))
    await archive(world, segment_id)
    assert await reached(client, campaign["id"]) == texts(*candidates)


@pytest.mark.parametrize("channel", list(Channel))
async def test_who_is_no_longer_eligible_is_not_reached_even_before_memberships_are_swept(
    client: Client, world: World, channel: Channel
) -> None:
    expired, stays = await world.candidates(2)
    segment_id = await world.segment(channel=channel)
    await world.add(segment_id, [expired, stays])
    campaign = await create(client, channel=channel, includedSegmentIds=texts(segment_id))
    await world.lapse(expired, policy=GENERAL if channel is Channel.EMAIL else SMS)
    assert await reached(client, campaign["id"]) == texts(stays)


async def test_every_demand_of_the_channel_is_asked_again(client: Client, world: World) -> None:
    """Even if a membership were left that should have ended, nobody is contacted who must not be."""
    suppressed, no_number, withdrawn, fine = await world.candidates(4)
    segment_id = await world.segment(channel=Channel.SMS)
    await world.add(segment_id)
    campaign = await create(client, channel="SMS", includedSegmentIds=texts(segment_id))
    of = "WHERE account_id = $1 AND id = $2"
    await world.run(
        "INSERT INTO suppression (account_id, channel, address, reason, created_by)"
        f" SELECT $1, 'SMS', verified_mobile, 'asked', 'world' FROM candidate {of}",
        suppressed,
    )
    await world.run(f"UPDATE candidate SET verified_mobile = NULL {of}", no_number)
    await world.run(
        "UPDATE consent SET withdrawn_at = now() WHERE account_id = $1 AND candidate_id = $2 AND policy_id = $3",
        withdrawn,
        world.policies[SMS],
    )
    assert await reached(client, campaign["id"]) == texts(fine)


@pytest.mark.parametrize("most_walked", [1, 3, 2_500])
async def test_pages_hold_everybody_once_however_far_candidates_are_gone_through(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, most_walked: int
) -> None:
    monkeypatch.setattr(audience, "MOST_WALKED", most_walked)
    candidates = await world.candidates(20)
    first, second, excluded = [await world.segment() for _ in range(3)]
    await world.add(first, candidates[::2])
    await world.add(second, candidates[::3])
    await world.add(excluded, candidates[10:14])
    campaign = await create(client, includedSegmentIds=texts(first, second), excludedSegmentIds=texts(excluded))
    expected = [
        candidate
        for index, candidate in enumerate(candidates)
        if (index % 2 == 0 or index % 3 == 0) and not 10 <= index < 14
    ]
    for size in (1, 2, 5, 100):
        assert await reached(client, campaign["id"], size) == texts(*expected)


async def test_nobody_is_met_twice_while_segments_change(client: Client, world: World) -> None:
    candidates = await world.candidates(6)
    first, second = await world.segment(), await world.segment()
    await world.add(first, candidates)
    campaign = await create(client, includedSegmentIds=texts(first, second))
    data = await client.data(AUDIENCE, id=campaign["id"], first=3)
    page = data["node"]["audience"]
    await world.add(second, candidates)
    data = await client.data(AUDIENCE, id=campaign["id"], first=10, after=page["pageInfo"]["endCursor"])
    rest = data["node"]["audience"]
    assert [node["id"] for node in page["nodes"] + rest["nodes"]] == texts(*candidates)


async def test_campaigns_of_both_channels_with_all_they_have_take_as_many_statements_for_one_as_for_many(
    client: Client, world: World, statements: list[str]
) -> None:
    await client.data("{ viewer { subject } }")
    candidates = await world.candidates(3)
    counts = []
    for more in (1, 4):
        for _ in range(more):
            for channel in Channel:
                segment_id, excluded = await world.segment(channel=channel), await world.segment(channel=channel)
                await world.add(segment_id, candidates)
                await create(
                    client, channel=channel, includedSegmentIds=texts(segment_id), excludedSegmentIds=texts(excluded)
                )
        statements.clear()
        data = await client.data(
            "{ campaigns { nodes { channel audience(first: 2) { totalCount nodes { id fullName } }"
            " includedSegments { name campaigns { nodes { name } } } excludedSegments { name } } } }"
        )
        counts.append(len(statements))
        for campaign in data["campaigns"]["nodes"]:
            assert campaign["audience"]["totalCount"] == 3
            assert [node["id"] for node in campaign["audience"]["nodes"]] == texts(*candidates[:2])
    assert counts[0] == counts[1], statements


async def test_nobody_is_counted_unless_asked(client: Client, world: World, statements: list[str]) -> None:
    campaign = await create(client, includedSegmentIds=texts(await world.segment()))
    statements.clear()
    await client.data("query($id: ID!) { node(id: $id) { ... on Campaign { audience { nodes { id } } } } }", **campaign)
    assert not any("count(*) FROM (SELECT DISTINCT" in statement for statement in statements)


async def test_another_account_s_campaigns_are_not_there(client: Client, other_client: Client, world: World) -> None:
    theirs = await create(other_client)
    assert await names(client) == []
    data = await client.data("query($id: ID!) { node(id: $id) { id } }", id=theirs["id"])
    assert data == {"node": None}

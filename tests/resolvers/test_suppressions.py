"""Query.suppressions"""

from typing import Any

from tests.client import Client
from tests.resolvers.mutations.test_add_suppressions import address, suppress
from tests.world import World

PAGE = """query($filter: SuppressionFilter, $first: Int, $after: String, $last: Int, $before: String) {
  suppressions(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { channel address reason createdBy createdAt } pageInfo { hasNextPage startCursor endCursor }
  }
}"""


async def page(client: Client, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await client.data(PAGE, **asked))["suppressions"]
    return found


def addresses(found: dict[str, Any]) -> list[str]:
    return [each["address"] for each in found["nodes"]]


async def some(client: Client) -> None:
    await suppress(
        client,
        address("SMS", "+31612345678"),
        address("EMAIL", "bob@example.org"),
        address("SMS", "+31612345670"),
        address("EMAIL", "ada@example.com"),
    )


ALL = ["ada@example.com", "bob@example.org", "+31612345670", "+31612345678"]


async def test_they_come_by_channel_and_address(client: Client) -> None:
    await some(client)
    found = await page(client)
    assert (addresses(found), found["totalCount"]) == (ALL, 4)


async def test_pages_join_without_a_gap_either_way(client: Client) -> None:
    await some(client)
    seen: list[str] = []
    after = None
    while True:
        found = await page(client, first=1, after=after)
        seen += addresses(found)
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert seen == ALL
    assert addresses(await page(client, last=2, before=after)) == ALL[1:3]


async def test_they_are_found_by_channel_and_by_any_part_of_the_address(client: Client) -> None:
    await some(client)
    assert addresses(await page(client, filter={"channel": "SMS"})) == ALL[2:]
    assert addresses(await page(client, filter={"addressContains": "EXAMPLE.C"})) == ALL[:1]
    assert addresses(await page(client, filter={"channel": "EMAIL", "addressContains": "0"})) == []
    assert addresses(await page(client, filter={"addressContains": "%"})) == []


async def test_those_of_another_account_are_not_seen(
    client: Client, other_client: Client, world: World, other_world: World
) -> None:
    await some(other_client)
    assert await page(client) == {
        "totalCount": 0,
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "startCursor": None, "endCursor": None},
    }

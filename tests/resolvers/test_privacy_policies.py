"""privacyPolicies"""

from typing import Any

from uuid_utils.compat import uuid7

from tests.client import Client
from tests.world import GENERAL, SMS, World

POLICIES = "{ privacyPolicies { id name requiredFor } }"


async def policies(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.data(POLICIES))["privacyPolicies"]
    return found


async def test_each_policy_says_which_channels_demand_it(client: Client, world: World) -> None:
    newsletter = uuid7()
    await world.insert("privacy_policy", id=newsletter, name="newsletter")
    assert await policies(client) == [
        {"id": str(world.policies[GENERAL]), "name": GENERAL, "requiredFor": ["EMAIL", "SMS"]},
        {"id": str(newsletter), "name": "newsletter", "requiredFor": []},
        {"id": str(world.policies[SMS]), "name": SMS, "requiredFor": ["SMS"]},
    ]


async def test_a_policy_can_be_read_by_its_id(client: Client, world: World) -> None:
    data = await client.data(
        "query($id: ID!) { node(id: $id) { id ... on PrivacyPolicy { name requiredFor } } }",
        id=str(world.policies[SMS]),
    )
    assert data["node"] == {"id": str(world.policies[SMS]), "name": SMS, "requiredFor": ["SMS"]}


async def test_another_account_s_policies_are_not_there(client: Client, world: World, other_world: World) -> None:
    mine = {str(id) for id in world.policies.values()}
    assert {policy["id"] for policy in await policies(client)} == mine
    foreign = str(other_world.policies[GENERAL])
    assert (await client.data("query($id: ID!) { node(id: $id) { id } }", id=foreign))["node"] is None


async def test_they_take_one_statement(client: Client, world: World, statements: list[str]) -> None:
    await client.data("{ viewer { subject } }")
    statements.clear()
    await policies(client)
    assert len(statements) == 1

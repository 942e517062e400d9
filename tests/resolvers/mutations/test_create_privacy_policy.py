"""createPrivacyPolicy"""

from typing import Any

import pytest

from app.domain import policies
from app.domain.errors import InvalidInputError
from app.settings import Settings
from tests.client import Client
from tests.resolvers.mutations.changing import change, failure
from tests.world import GENERAL, World

CREATE = """mutation($input: CreatePrivacyPolicyInput!) { createPrivacyPolicy(input: $input) {
  policy { id name requiredFor } userErrors { ...Failures }
} }"""


async def create(client: Client, name: str) -> dict[str, Any]:
    policy: dict[str, Any] = (await change(client, CREATE, name=name))["policy"]
    return policy


async def test_a_policy_is_made_that_no_channel_demands(client: Client) -> None:
    policy = await create(client, "  Referrals ")
    assert (policy["name"], policy["requiredFor"]) == ("Referrals", [])
    data = await client.data("{ privacyPolicies { name } }")
    assert [each["name"] for each in data["privacyPolicies"]] == ["General", "Referrals", "Text messages"]


@pytest.mark.parametrize("name", [GENERAL, GENERAL.upper(), f" {GENERAL} "])
async def test_a_name_is_given_once_whatever_its_case(world: World, client: Client, name: str) -> None:
    assert await failure(client, CREATE, name=name) == {
        "__typename": "ConflictError",
        "code": "NAME_TAKEN",
        "message": "Another privacy policy has this name already.",
        "path": ["input", "name"],
    }


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "x" * 201])
async def test_a_name_that_is_none_is_refused(client: Client, name: str) -> None:
    found = await failure(client, CREATE, name=name)
    assert (found["code"], found["path"]) == ("INVALID_INPUT", ["input", "name"])


async def test_the_name_of_another_account_s_policy_is_free(client: Client, other_client: Client) -> None:
    for each in (client, other_client):
        assert (await create(each, "Referrals"))["name"] == "Referrals"


async def test_an_account_has_so_many_policies_and_no_more(world: World, settings: Settings) -> None:
    few = settings.model_copy(update={"max_policies": 3})
    async with world.database.write(world.account_id) as tx:
        await policies.create(tx, "Third", few)
        with pytest.raises(InvalidInputError):
            await policies.create(tx, "Fourth", few)

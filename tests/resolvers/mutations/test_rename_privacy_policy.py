"""renamePrivacyPolicy"""

from uuid import uuid4

from tests.client import Client
from tests.resolvers.mutations.changing import change, failure
from tests.world import GENERAL, SMS, World

RENAME = """mutation($input: RenamePrivacyPolicyInput!) { renamePrivacyPolicy(input: $input) {
  policy { id name requiredFor } userErrors { ...Failures }
} }"""


async def test_a_renamed_policy_is_the_same_policy(world: World, client: Client) -> None:
    policy_id = str(world.policies[GENERAL])
    await world.candidate()
    await world.add(await world.segment())
    done = await change(client, RENAME, policyId=policy_id, name="Everyone")
    assert done["policy"] == {"id": policy_id, "name": "Everyone", "requiredFor": ["EMAIL", "SMS"]}
    assert await world.used() == (1, 0)


async def test_its_own_name_in_another_case_is_free(world: World, client: Client) -> None:
    done = await change(client, RENAME, policyId=str(world.policies[GENERAL]), name=GENERAL.upper())
    assert done["policy"]["name"] == GENERAL.upper()


async def test_the_name_of_another_is_taken(world: World, client: Client) -> None:
    found = await failure(client, RENAME, policyId=str(world.policies[GENERAL]), name=SMS.lower())
    assert (found["code"], found["path"]) == ("NAME_TAKEN", ["input", "name"])


async def test_the_policy_of_another_account_is_not_found(world: World, other_world: World, client: Client) -> None:
    found = [
        await failure(client, RENAME, policyId=str(id), name="Mine")
        for id in (other_world.policies[GENERAL], uuid4(), "no-id", await world.segment())
    ]
    assert found == [found[0]] * 4
    assert (found[0]["code"], found[0]["path"]) == ("NOT_FOUND", ["input", "policyId"])

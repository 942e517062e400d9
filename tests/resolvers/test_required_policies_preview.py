"""Query.requiredPoliciesPreview"""

from typing import Any
from uuid import UUID, uuid4

from app.models import Channel
from tests.client import Client
from tests.resolvers.mutations.test_set_required_policies import demand, some
from tests.world import GENERAL, SMS, World

PREVIEW = """query($channel: Channel!, $policyIds: [ID!]!) {
  requiredPoliciesPreview(channel: $channel, policyIds: $policyIds) {
    lostMembershipCount lostCandidateCount segments { lostCount segment { id name } }
  }
}"""


async def preview(client: Client, channel: str, *policy_ids: UUID) -> dict[str, Any]:
    data = await client.data(PREVIEW, channel=channel, policyIds=[str(id) for id in policy_ids])
    found: dict[str, Any] = data["requiredPoliciesPreview"]
    return found


async def test_it_says_who_would_leave_and_changes_nothing(world: World, client: Client) -> None:
    segment_id, candidates = await some(world)
    other = await world.segment("Other")
    await world.add(other, candidates[:2])
    await world.add(await world.segment(channel=Channel.SMS))
    found = await preview(client, "EMAIL", world.policies[GENERAL], world.policies[SMS])
    assert (found["lostMembershipCount"], found["lostCandidateCount"]) == (3, 2)
    assert [(each["lostCount"], each["segment"]["id"]) for each in found["segments"]] == [
        (2, str(segment_id)),
        (1, str(other)),
    ]
    assert await world.used() == (3, 1)


async def test_it_says_what_the_mutation_then_does(world: World, client: Client) -> None:
    _, candidates = await some(world)
    await world.lapse(candidates[2])
    policies = world.policies[GENERAL], world.policies[SMS]
    expected = (await preview(client, "EMAIL", *policies))["lostMembershipCount"]
    done = await demand(client, "EMAIL", *policies, expectedLostCount=expected)
    assert (done["removedMembershipCount"], done["userErrors"]) == (expected, [])
    assert (await preview(client, "EMAIL", *policies))["lostMembershipCount"] == 0


async def test_demanding_less_or_the_same_loses_nobody(world: World, client: Client) -> None:
    await some(world)
    for policies in ([], [world.policies[GENERAL]]):
        assert await preview(client, "EMAIL", *policies) == {
            "lostMembershipCount": 0,
            "lostCandidateCount": 0,
            "segments": [],
        }


async def test_the_segments_that_lose_most_come_first_and_not_all_of_them(world: World, client: Client) -> None:
    candidates = await world.candidates(3, {GENERAL: {}})
    for number in range(27):
        await world.add(await world.segment(), candidates[: 1 + number % 3])
    found = await preview(client, "EMAIL", world.policies[SMS])
    assert [each["lostCount"] for each in found["segments"]] == [3] * 9 + [2] * 9 + [1] * 7
    assert found["lostMembershipCount"] == 54


async def test_a_policy_of_another_account_is_as_missing_as_none(
    world: World, other_world: World, client: Client
) -> None:
    answers = [
        await client.error(PREVIEW, channel="EMAIL", policyIds=[str(world.policies[SMS]), str(id)])
        for id in (other_world.policies[GENERAL], uuid4(), "no-id")
    ]
    assert answers == [answers[0]] * 3
    assert answers[0]["extensions"] == {"code": "NOT_FOUND", "input": [["policyIds", "1"]]}

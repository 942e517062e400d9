"""setRequiredPolicies"""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import Channel
from tests.client import Client
from tests.domain.test_check import check
from tests.mutations import ADD
from tests.resolvers.mutations.changing import FAILURES
from tests.world import GENERAL, SMS, World

DEMAND = (
    """mutation($input: SetRequiredPoliciesInput!) { done: setRequiredPolicies(input: $input) {
  policies { name requiredFor } removedMembershipCount quotaUsage { used }
  operations { kind status matchedCount removedCount requestedBy segment { id memberCount } }
  userErrors { ...Failures }
} }"""
    + FAILURES
)


async def demand(client: Client, channel: str, *policy_ids: UUID | str, **more: int) -> dict[str, Any]:
    input = {"channel": channel, "policyIds": [str(id) for id in policy_ids], **more}
    done: dict[str, Any] = (await client.data(DEMAND, input=input))["done"]
    return done


async def some(world: World) -> tuple[UUID, list[UUID]]:
    """Three members of an e-mail segment who accepted the general policy, of whom the first accepted both."""
    candidates = [*await world.candidates(1), *await world.candidates(2, {GENERAL: {}})]
    segment_id = await world.segment()
    await world.add(segment_id)
    return segment_id, candidates


async def test_who_did_not_accept_a_new_demand_leaves_with_it(world: World, client: Client) -> None:
    segment_id, [stays, *_] = await some(world)
    done = await demand(client, "EMAIL", world.policies[GENERAL], world.policies[SMS])
    assert done == {
        "policies": [
            {"name": GENERAL, "requiredFor": ["EMAIL", "SMS"]},
            {"name": SMS, "requiredFor": ["EMAIL", "SMS"]},
        ],
        "removedMembershipCount": 2,
        "quotaUsage": {"used": 1},
        "operations": [
            {
                "kind": "ELIGIBILITY_LOST",
                "status": "COMPLETED",
                "matchedCount": 2,
                "removedCount": 2,
                "requestedBy": "tester",
                "segment": {"id": str(segment_id), "memberCount": 1},
            }
        ],
        "userErrors": [],
    }
    [member] = await world.run("SELECT candidate_id FROM segment_member WHERE account_id = $1")
    assert member["candidate_id"] == stays
    assert await world.run("SELECT FROM policy_requirement WHERE account_id = $1 AND enforcing_since IS NOT NULL") == []
    assert not (await check(world)).lines()


async def test_each_segment_that_loses_members_has_an_operation_and_other_channels_none(
    world: World, client: Client
) -> None:
    segment_id, candidates = await some(world)
    other, unaffected = await world.segment(), await world.segment()
    texts = await world.segment(channel=Channel.SMS)
    await world.add(other, candidates[:2])
    await world.add(unaffected, candidates[:1])
    await world.add(texts)
    done = await demand(client, "EMAIL", world.policies[GENERAL], world.policies[SMS])
    assert {(each["segment"]["id"], each["removedCount"]) for each in done["operations"]} == {
        (str(segment_id), 2),
        (str(other), 1),
    }
    assert await world.used() == (1, 1)
    assert not (await check(world)).lines()


async def test_demanding_less_ends_nothing_and_lets_more_people_join(world: World, client: Client) -> None:
    segment_id, _ = await some(world)
    newcomer = await world.candidate({})
    done = await demand(client, "EMAIL")
    assert (done["policies"], done["removedMembershipCount"], done["operations"]) == ([], 0, [])
    await world.add(segment_id, [newcomer])
    assert await world.used() == (4, 0)
    again = await demand(client, "EMAIL", world.policies[GENERAL])
    assert again["removedMembershipCount"] == 1
    assert not (await check(world)).lines()


async def test_demanding_the_same_again_changes_nothing(world: World, client: Client) -> None:
    await some(world)
    for _ in range(2):
        done = await demand(client, "EMAIL", world.policies[GENERAL], world.policies[GENERAL])
        assert (done["removedMembershipCount"], done["operations"], done["userErrors"]) == (0, [], [])
    assert [each["name"] for each in done["policies"]] == [GENERAL]


@pytest.mark.parametrize(("expected", "goes"), [(2, True), (1, False), (0, False), (3, False)])
async def test_when_another_number_would_leave_than_the_user_saw_nothing_is_done(
    world: World, client: Client, expected: int, goes: bool
) -> None:
    await some(world)
    policies = world.policies[GENERAL], world.policies[SMS]
    done = await demand(client, "EMAIL", *policies, expectedLostCount=expected)
    if goes:
        assert (done["removedMembershipCount"], done["userErrors"]) == (2, [])
        return
    assert done["userErrors"] == [
        {
            "__typename": "ConflictError",
            "code": "LOST_COUNT_CHANGED",
            "message": f"This would now end 2 memberships instead of {expected}.",
            "path": ["input", "expectedLostCount"],
        }
    ]
    assert (done["policies"], done["operations"]) == ([], [])
    assert await world.used() == (3, 0)
    assert len(await world.run("SELECT FROM policy_requirement WHERE account_id = $1")) == 3


async def test_a_policy_of_another_account_is_as_missing_as_none(
    world: World, other_world: World, client: Client
) -> None:
    await some(world)
    answers = [
        await demand(client, "EMAIL", world.policies[SMS], id)
        for id in (other_world.policies[GENERAL], uuid4(), "no-id")
    ]
    assert answers == [answers[0]] * 3
    assert [(each["code"], each["path"]) for each in answers[0]["userErrors"]] == [
        ("NOT_FOUND", ["input", "policyIds", "1"])
    ]
    assert await world.used() == (3, 0)


async def test_who_has_lapsed_already_is_not_counted_among_those_who_leave(world: World, client: Client) -> None:
    _, candidates = await some(world)
    await world.lapse(candidates[1])
    done = await demand(client, "EMAIL", world.policies[GENERAL], world.policies[SMS], expectedLostCount=1)
    assert (done["removedMembershipCount"], done["userErrors"]) == (1, [])
    assert not (await check(world)).lines()


async def test_what_was_read_of_the_rules_before_is_not_believed_after(world: World, client: Client) -> None:
    """Of two mutations in one document, the second one's payload tells of its own demands."""
    await some(world)
    query = """mutation($one: SetRequiredPoliciesInput!, $two: SetRequiredPoliciesInput!) {
      one: setRequiredPolicies(input: $one) { policies { requiredFor } }
      two: setRequiredPolicies(input: $two) { policies { requiredFor } }
    }"""
    sms = [str(world.policies[SMS])]
    data = await client.data(
        query, one={"channel": "SMS", "policyIds": sms}, two={"channel": "EMAIL", "policyIds": sms}
    )
    assert data["one"]["policies"] == [{"requiredFor": ["SMS"]}]
    assert data["two"]["policies"] == [{"requiredFor": ["EMAIL", "SMS"]}]


@pytest.mark.parametrize("round", range(5))
async def test_a_demand_that_races_additions_leaves_nobody_in_who_does_not_meet_it(
    world: World, client: Client, round: int
) -> None:
    segments = [await world.segment() for _ in range(3)]
    candidates = [*await world.candidates(10), *await world.candidates(10, {GENERAL: {}})]
    selection = {"ids": [str(id) for id in candidates]}
    await asyncio.gather(
        demand(client, "EMAIL", world.policies[GENERAL], world.policies[SMS]),
        *(client.data(ADD, input={"segmentId": str(id), "candidates": selection}) for id in segments),
    )
    assert await world.used() == (10, 0)
    assert not (await check(world)).lines()

"""withdrawConsents"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import Channel
from tests.client import Client
from tests.domain.test_check import check
from tests.mutations import ADD
from tests.resolvers.mutations.changing import FAILURES
from tests.world import GENERAL, SMS, World

WITHDRAW = (
    """mutation($input: WithdrawConsentsInput!) { done: withdrawConsents(input: $input) {
  candidates { id segments { nodes { id } } endpoints { channel } }
  removedMembershipCount quotaUsage { used } userErrors { ...Failures }
} }"""
    + FAILURES
)

LOST = """query($id: ID!) { segment(id: $id) { memberCount operations(first: 1) { nodes {
  kind status requestedBy matchedCount removedCount
} } } }"""


async def withdraw(client: Client, candidate_ids: Sequence[UUID | str], policy_id: UUID | str) -> dict[str, Any]:
    input = {"candidateIds": [str(id) for id in candidate_ids], "policyId": str(policy_id)}
    done: dict[str, Any] = (await client.data(WITHDRAW, input=input))["done"]
    return done


async def test_memberships_end_with_the_consent_they_rested_on(world: World, client: Client) -> None:
    candidates = await world.candidates(3)
    mails, texts = await world.segment(), await world.segment(channel=Channel.SMS)
    await world.add(mails)
    await world.add(texts)
    done = await withdraw(client, candidates[:2], world.policies[SMS])
    stay = {"segments": {"nodes": [{"id": str(mails)}]}, "endpoints": [{"channel": "EMAIL"}]}
    assert done == {
        "candidates": [{"id": str(id), **stay} for id in candidates[:2]],
        "removedMembershipCount": 2,
        "quotaUsage": {"used": 4},
        "userErrors": [],
    }
    segment = (await client.data(LOST, id=str(texts)))["segment"]
    assert segment == {
        "memberCount": 1,
        "operations": {
            "nodes": [
                {
                    "kind": "ELIGIBILITY_LOST",
                    "status": "COMPLETED",
                    "requestedBy": "tester",
                    "matchedCount": 2,
                    "removedCount": 2,
                }
            ]
        },
    }
    assert not (await check(world)).lines()


async def test_a_second_time_there_is_nothing_to_withdraw(world: World, client: Client) -> None:
    [someone] = await world.candidates(1)
    await world.add(await world.segment())
    assert (await withdraw(client, [someone], world.policies[GENERAL]))["removedMembershipCount"] == 1
    before = await world.run("SELECT withdrawn_at FROM consent WHERE account_id = $1")
    again = await withdraw(client, [someone], world.policies[GENERAL])
    assert (again["removedMembershipCount"], again["userErrors"]) == (0, [])
    assert [each["id"] for each in again["candidates"]] == [str(someone)]
    assert await world.run("SELECT withdrawn_at FROM consent WHERE account_id = $1") == before


async def test_who_is_not_found_is_named_and_the_others_are_done(
    world: World, other_world: World, client: Client
) -> None:
    one, other = await world.candidates(2)
    foreign = await other_world.candidate()
    await world.add(await world.segment())
    done = await withdraw(client, [one, foreign, "no-id", uuid4(), other, one], world.policies[GENERAL])
    assert [(each["code"], each["path"]) for each in done["userErrors"]] == [
        ("NOT_FOUND", ["input", "candidateIds", index]) for index in ("1", "2", "3")
    ]
    assert [each["id"] for each in done["candidates"]] == [str(one), str(other)]
    assert done["removedMembershipCount"] == 2
    assert await other_world.run("SELECT FROM consent WHERE account_id = $1 AND withdrawn_at IS NOT NULL") == []


async def test_without_the_policy_nothing_is_done(world: World, other_world: World, client: Client) -> None:
    [someone] = await world.candidates(1)
    await world.add(await world.segment())
    for policy_id in (other_world.policies[GENERAL], uuid4(), "no-id"):
        done = await withdraw(client, [someone, uuid4()], policy_id)
        assert [(each["code"], each["path"]) for each in done["userErrors"]] == [("NOT_FOUND", ["input", "policyId"])]
        assert done["candidates"] == []
    assert await world.used() == (1, 0)


async def test_a_thousand_at_once_and_no_more(world: World, client: Client) -> None:
    candidates = await world.candidates(1_001)
    await world.add(await world.segment())
    query = """mutation($input: WithdrawConsentsInput!) { done: withdrawConsents(input: $input) {
      removedMembershipCount userErrors { code path } } }"""
    given = {"candidateIds": [str(id) for id in candidates], "policyId": str(world.policies[GENERAL])}
    done = (await client.data(query, input=given))["done"]
    assert done["userErrors"] == [{"code": "INVALID_INPUT", "path": ["input", "candidateIds"]}]
    assert await world.used() == (1_001, 0)
    done = (await client.data(query, input={**given, "candidateIds": given["candidateIds"][1:]}))["done"]
    assert done == {"removedMembershipCount": 1_000, "userErrors": []}
    assert await world.used() == (1, 0)
    assert not (await check(world)).lines()


@pytest.mark.parametrize("round", range(5))
async def test_a_withdrawal_that_races_additions_leaves_nobody_in_without_a_consent(
    world: World, client: Client, round: int
) -> None:
    segments = [await world.segment() for _ in range(3)]
    candidates = await world.candidates(20)
    selection = {"ids": [str(id) for id in candidates]}
    _, *added = await asyncio.gather(
        withdraw(client, candidates[:5], world.policies[GENERAL]),
        *(client.data(ADD, input={"segmentId": str(id), "candidates": selection}) for id in segments),
    )
    assert [each["done"]["userErrors"] for each in added] == [[]] * 3
    assert await world.used() == (15, 0)
    assert not (await check(world)).lines()

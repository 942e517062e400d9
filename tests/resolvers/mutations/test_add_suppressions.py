"""addSuppressions"""

import asyncio
from typing import Any

import pytest

from app.models import Channel
from tests.client import Client
from tests.domain.test_check import check
from tests.mutations import ADD
from tests.resolvers.mutations.changing import FAILURES
from tests.world import World

SUPPRESS = (
    """mutation($input: AddSuppressionsInput!) { done: addSuppressions(input: $input) {
  candidates { id } removedMembershipCount quotaUsage { used } userErrors { ...Failures }
} }"""
    + FAILURES
)

SUPPRESSED = "{ suppressions { nodes { channel address reason createdBy } } }"


def address(channel: str, text: str, reason: str = "STOP") -> dict[str, str]:
    return {"channel": channel, "address": text, "reason": reason}


async def suppress(client: Client, *given: dict[str, str]) -> dict[str, Any]:
    done: dict[str, Any] = (await client.data(SUPPRESS, input={"suppressions": list(given)}))["done"]
    return done


async def test_memberships_end_in_the_channel_of_the_address_and_no_other(world: World, client: Client) -> None:
    someone = await world.candidate(email="Ada@example.com", verified_mobile="+31612345678")
    mails, texts = await world.segment(), await world.segment(channel=Channel.SMS)
    await world.add(mails)
    await world.add(texts)
    done = await suppress(client, address("SMS", "+31 6 1234 5678"))
    assert done == {
        "candidates": [{"id": str(someone)}],
        "removedMembershipCount": 1,
        "quotaUsage": {"used": 1},
        "userErrors": [],
    }
    assert await world.used() == (1, 0)
    assert not (await check(world)).lines()


async def test_everyone_who_has_the_address_leaves_whatever_its_case(world: World, client: Client) -> None:
    await world.candidate(email="Ada.Lovelace@example.com")
    await world.candidate(email="ada.lovelace@EXAMPLE.com".lower())
    stays = await world.candidate(email="ada@example.com")
    await world.add(await world.segment())
    done = await suppress(client, address("EMAIL", " ADA.Lovelace@Example.COM "))
    assert (len(done["candidates"]), done["removedMembershipCount"]) == (2, 2)
    [member] = await world.run("SELECT candidate_id FROM segment_member WHERE account_id = $1")
    assert member["candidate_id"] == stays
    assert not (await check(world)).lines()


async def test_addresses_are_kept_as_candidates_have_them(world: World, client: Client) -> None:
    await suppress(client, address("SMS", "+31 6 1234 5678", " bounced "), address("EMAIL", "Ada@Example.com"))
    assert (await client.data(SUPPRESSED))["suppressions"]["nodes"] == [
        {"channel": "EMAIL", "address": "ada@example.com", "reason": "STOP", "createdBy": "tester"},
        {"channel": "SMS", "address": "+31612345678", "reason": "bounced", "createdBy": "tester"},
    ]


async def test_who_has_it_may_not_join_from_then_on(world: World, client: Client) -> None:
    someone = await world.candidate(email="ada@example.com")
    await suppress(client, address("EMAIL", "ada@example.com"))
    await world.add(await world.segment(), [someone])
    assert await world.used() == (0, 0)


async def test_one_that_is_suppressed_already_keeps_its_first_reason(world: World, client: Client) -> None:
    for reasons in (("first", "second"), ("third",)):
        done = await suppress(client, *(address("EMAIL", "ada@example.com", reason) for reason in reasons))
        assert done["userErrors"] == []
    [row] = await world.run("SELECT reason FROM suppression WHERE account_id = $1")
    assert row["reason"] == "first"


async def test_what_is_no_address_is_named_and_the_others_are_suppressed(world: World, client: Client) -> None:
    done = await suppress(
        client,
        address("EMAIL", "+31612345678"),
        address("SMS", "ada@example.com"),
        address("SMS", "0612345678"),
        address("EMAIL", ""),
        address("EMAIL", "ada@example.com", " "),
        address("EMAIL", "ada@example.com", "x" * 501),
        address("EMAIL", "fine@example.com"),
    )
    assert [(each["code"], each["path"]) for each in done["userErrors"]] == [
        ("INVALID_INPUT", ["input", "suppressions", str(index), "reason" if index in (4, 5) else "address"])
        for index in range(6)
    ]
    [row] = await world.run("SELECT address FROM suppression WHERE account_id = $1")
    assert row["address"] == "fine@example.com"


async def test_another_account_is_not_touched(world: World, other_world: World, client: Client) -> None:
    for each in (world, other_world):
        await each.candidate(email="ada@example.com")
        await each.add(await each.segment())
    done = await suppress(client, address("EMAIL", "ada@example.com"))
    assert done["removedMembershipCount"] == 1
    assert await other_world.used() == (1, 0)
    assert not (await check(other_world)).lines()


async def test_a_thousand_at_once_and_no_more(world: World, client: Client) -> None:
    given = [address("EMAIL", f"a{index}@example.com") for index in range(1_001)]
    done = await suppress(client, *given)
    assert [(each["code"], each["path"]) for each in done["userErrors"]] == [
        ("INVALID_INPUT", ["input", "suppressions"])
    ]
    assert (await suppress(client, *given[1:]))["userErrors"] == []
    assert len(await world.run("SELECT FROM suppression WHERE account_id = $1")) == 1_000


@pytest.mark.parametrize("round", range(5))
async def test_a_suppression_that_races_an_addition_leaves_nobody_in(world: World, client: Client, round: int) -> None:
    candidates = await world.candidates(5)
    segment_id = await world.segment()
    await asyncio.gather(
        client.data(ADD, input={"segmentId": str(segment_id), "candidates": {"ids": [str(id) for id in candidates]}}),
        suppress(client, *(address("EMAIL", f"{id}@example.com") for id in candidates[:3])),
    )
    assert await world.used() == (2, 0)
    assert not (await check(world)).lines()


async def test_it_is_in_the_audit_log_even_when_others_failed_and_nobody_has_the_address(client: Client) -> None:
    await suppress(client, address("EMAIL", "nobody@example.com"), address("EMAIL", "no address"))
    await suppress(client, address("EMAIL", "nobody@example.com"), address("EMAIL", "no address"))
    entries = (await client.data("{ auditLog { nodes { action counts { name count } } } }"))["auditLog"]["nodes"]
    assert [entry["action"] for entry in entries] == ["addSuppressions"], "The second one changed nothing."
    assert {each["name"]: each["count"] for each in entries[0]["counts"]} == {
        "suppressions": 2,
        "suppressedCount": 1,
        "removedMembershipCount": 0,
        "userErrors": 1,
    }

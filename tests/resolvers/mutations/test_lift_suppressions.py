"""liftSuppressions"""

from typing import Any

from tests.client import Client
from tests.resolvers.mutations.changing import FAILURES
from tests.resolvers.mutations.test_add_suppressions import address, suppress
from tests.world import World

LIFT = (
    """mutation($input: LiftSuppressionsInput!) { done: liftSuppressions(input: $input) {
  liftedCount userErrors { ...Failures }
} }"""
    + FAILURES
)


async def lift(client: Client, *given: tuple[str, str]) -> dict[str, Any]:
    input = {"suppressions": [{"channel": channel, "address": text} for channel, text in given]}
    done: dict[str, Any] = (await client.data(LIFT, input=input))["done"]
    return done


async def test_who_has_a_lifted_address_may_join_but_does_not_by_that(world: World, client: Client) -> None:
    await world.candidate(email="ada@example.com")
    segment_id = await world.segment()
    await world.add(segment_id)
    await suppress(client, address("EMAIL", "ada@example.com"))
    assert await lift(client, ("EMAIL", "ADA@example.com")) == {"liftedCount": 1, "userErrors": []}
    assert await world.used() == (0, 0)
    await world.add(segment_id)
    assert await world.used() == (1, 0)


async def test_an_address_that_is_not_suppressed_stays_as_it_is(client: Client) -> None:
    await suppress(client, address("EMAIL", "ada@example.com"))
    assert (await lift(client, ("SMS", "+31612345678"), ("EMAIL", "other@example.com")))["liftedCount"] == 0
    assert (await lift(client, ("EMAIL", "ada@example.com"), ("EMAIL", "ada@example.com")))["liftedCount"] == 1
    assert (await lift(client, ("EMAIL", "ada@example.com"))) == {"liftedCount": 0, "userErrors": []}


async def test_what_is_no_address_is_named_and_the_others_are_lifted(client: Client) -> None:
    await suppress(client, address("EMAIL", "ada@example.com"))
    done = await lift(client, ("EMAIL", "nobody"), ("EMAIL", "ada@example.com"))
    assert done["liftedCount"] == 1
    assert [(each["code"], each["path"]) for each in done["userErrors"]] == [
        ("INVALID_INPUT", ["input", "suppressions", "0", "address"])
    ]


async def test_a_suppression_of_another_account_stays(
    world: World, other_world: World, client: Client, other_client: Client
) -> None:
    await suppress(other_client, address("EMAIL", "ada@example.com"))
    assert (await lift(client, ("EMAIL", "ada@example.com")))["liftedCount"] == 0
    assert len(await other_world.run("SELECT FROM suppression WHERE account_id = $1")) == 1

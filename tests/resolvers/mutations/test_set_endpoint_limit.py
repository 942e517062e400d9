"""setEndpointLimit"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.auth import Permission
from app.domain.check import check_account
from app.models import Channel
from app.settings import Settings
from tests.client import Client
from tests.conftest import SECRET
from tests.mutations import ADD
from tests.resolvers.mutations.changing import change, failure
from tests.world import World

SET = """mutation Set($input: SetEndpointLimitInput!) {
  setEndpointLimit(input: $input) {
    quotaUsage { limit used remaining contract { name endpointLimit } }
    userErrors { ...Failures }
  }
}"""

DAY = timedelta(days=1)


async def set_limit(client: Client, limit: int) -> dict[str, Any]:
    usage: dict[str, Any] = (await change(client, SET, endpointLimit=limit))["quotaUsage"]
    return usage


async def add(client: Client, segment_id: object, *candidates: object, fill: bool = False) -> dict[str, Any]:
    payload: dict[str, Any] = (
        await client.data(
            ADD,
            input={
                "segmentId": str(segment_id),
                "candidates": {"ids": [str(id) for id in candidates]},
                "onQuotaExceeded": "FILL" if fill else "REJECT",
            },
        )
    )["done"]
    return payload


async def test_the_contract_in_force_allows_what_was_set(client: Client, world: World) -> None:
    await world.contract(10)
    assert await set_limit(client, 250) == {
        "limit": 250,
        "used": 0,
        "remaining": 250,
        "contract": {"name": "The contract", "endpointLimit": 250},
    }


async def test_contracts_that_are_not_in_force_stay_as_they_are(client: Client, world: World) -> None:
    today = datetime.now(UTC).date()
    await world.contract(1, today - 9 * DAY, today - DAY)
    for name, limit, starts_on in (("now", 2, today), ("older", 3, today - DAY), ("next", 4, today + DAY)):
        await world.another_contract(name, limit, starts_on, today + 9 * DAY)
    await set_limit(client, 99)
    rows = await world.run("SELECT name, endpoint_limit FROM contract WHERE account_id = $1")
    assert dict(map(tuple, rows)) == {"The contract": 1, "now": 99, "older": 3, "next": 4}


async def test_beneath_its_use_nothing_is_taken_away_and_nothing_new_is_added(client: Client, world: World) -> None:
    segment_id = await world.segment()
    members, others = await world.candidates(3), await world.candidates(1)
    await world.add(segment_id, members)
    assert await set_limit(client, 2) == {
        "limit": 2,
        "used": 3,
        "remaining": 0,
        "contract": {"name": "The contract", "endpointLimit": 2},
    }
    assert [error["code"] for error in (await add(client, segment_id, *others))["userErrors"]] == ["QUOTA_EXCEEDED"]
    filled = await add(client, segment_id, *others, fill=True)
    assert (filled["operation"]["addedCount"], filled["operation"]["overQuotaCount"]) == (0, 1)
    assert await world.used() == (3, 0)


@pytest.mark.parametrize("fill", [False, True])
async def test_beneath_its_use_those_whose_endpoint_is_in_use_can_still_be_added(
    client: Client, world: World, fill: bool
) -> None:
    """The contract counts endpoints, and this needs no new one."""
    members = await world.candidates(3)
    await world.add(await world.segment(), members)
    await set_limit(client, 1)
    added = await add(client, await world.segment(), *members, fill=fill)
    assert (added["userErrors"], added["operation"]["addedCount"]) == ([], 3)
    by_message = await add(client, await world.segment(channel=Channel.SMS), *members)
    assert [error["code"] for error in by_message["userErrors"]] == ["QUOTA_EXCEEDED"]
    assert await world.used() == (3, 0)


async def test_a_limit_beneath_the_use_is_no_breach(client: Client, world: World) -> None:
    await world.add(await world.segment(), await world.candidates(3))
    await set_limit(client, 0)
    async with world.database.snapshot() as snapshot:
        report = await check_account(snapshot, world.account)
    assert (report.breaches, report.over_limit) == ([], 3)


async def test_raised_again_it_has_room(client: Client, world: World) -> None:
    segment_id, candidates = await world.segment(), await world.candidates(3)
    await set_limit(client, 2)
    assert (await add(client, segment_id, *candidates))["userErrors"]
    await set_limit(client, 3)
    assert (await add(client, segment_id, *candidates))["userErrors"] == []


async def test_additions_at_the_same_time_keep_to_the_old_limit_or_the_new_one(client: Client, world: World) -> None:
    await world.contract(10)
    segment_id, candidates = await world.segment(), await world.candidates(40)
    await asyncio.gather(
        *(add(client, segment_id, *candidates[first : first + 4]) for first in range(0, 40, 4)), set_limit(client, 20)
    )
    used = sum(await world.used())
    assert used in (8, 12, 16, 20)
    await add(client, segment_id, *candidates, fill=True)
    assert await world.used() == (20, 0)


async def test_a_limit_below_nothing_is_refused(client: Client) -> None:
    assert await failure(client, SET, endpointLimit=-1) == {
        "__typename": "InvalidInputError",
        "code": "INVALID_INPUT",
        "message": "A contract allows 0 endpoints or more, not -1.",
        "path": ["input", "endpointLimit"],
    }


@pytest.mark.parametrize("days", [(-2, -1), (1, 2)], ids=["past", "future"])
async def test_without_a_contract_in_force_there_is_nothing_to_change(
    client: Client, world: World, days: tuple[int, int]
) -> None:
    today = datetime.now(UTC).date()
    await world.contract(10, today + days[0] * DAY, today + days[1] * DAY)
    refused = await failure(client, SET, endpointLimit=5)
    assert (refused["__typename"], refused["code"]) == ("ConflictError", "CONTRACT_INACTIVE")
    assert [row[0] for row in await world.run("SELECT endpoint_limit FROM contract WHERE account_id = $1")] == [10]


async def test_another_account_s_contract_stays_as_it_is(
    client: Client, other_client: Client, other_world: World
) -> None:
    await set_limit(client, 5)
    usage = await other_client.data("{ quotaUsage { limit } }")
    assert usage["quotaUsage"]["limit"] == 1_000_000


async def test_it_needs_the_permission_to_manage_the_account(
    server_address: str, settings: Settings, world: World
) -> None:
    permissions = [each for each in Permission if each is not Permission.MANAGE_ACCOUNT]
    async with Client.of(server_address, settings, SECRET, world.account_id, permissions) as editor:
        error = await editor.error(SET.replace("...Failures", "code"), input={"endpointLimit": 5})
    assert error["extensions"]["permission"] == "MANAGE_ACCOUNT"

"""quotaUsage"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from app.models import Channel
from tests.client import Client
from tests.world import World

USAGE = """{
  quotaUsage {
    limit used reserved remaining
    contract { name endpointLimit startsOn endsOn }
    channels { channel used }
  }
}"""

DAY = timedelta(days=1)


async def usage(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = (await client.data(USAGE))["quotaUsage"]
    return found


async def test_an_unused_contract_is_all_left(client: Client, world: World) -> None:
    today = datetime.now(UTC).date()
    await world.contract(500, today, today + DAY)
    assert await usage(client) == {
        "limit": 500,
        "used": 0,
        "reserved": 0,
        "remaining": 500,
        "contract": {
            "name": "The contract",
            "endpointLimit": 500,
            "startsOn": today.isoformat(),
            "endsOn": (today + DAY).isoformat(),
        },
        "channels": [{"channel": "EMAIL", "used": 0}, {"channel": "SMS", "used": 0}],
    }


async def test_used_counts_each_candidate_once_for_each_channel(client: Client, world: World) -> None:
    candidates = await world.candidates(5)
    await world.add(await world.segment(), candidates[:3])
    await world.add(await world.segment(), candidates[2:4])
    await world.add(await world.segment(channel=Channel.SMS), candidates[3:])
    found = await usage(client)
    assert (found["used"], found["remaining"]) == (6, 999_994)
    assert found["channels"] == [{"channel": "EMAIL", "used": 4}, {"channel": "SMS", "used": 2}]


async def test_what_is_set_aside_is_not_left(client: Client, world: World) -> None:
    await world.contract(10)
    await world.add(await world.segment(), await world.candidates(2))
    await world.run("UPDATE endpoint_usage SET reserved = 5 WHERE account_id = $1")
    found = await usage(client)
    assert (found["used"], found["reserved"], found["remaining"]) == (2, 5, 3)


async def test_a_contract_lowered_beneath_its_use_has_nothing_left(client: Client, world: World) -> None:
    await world.add(await world.segment(), await world.candidates(3))
    await world.contract(2)
    found = await usage(client)
    assert (found["limit"], found["used"], found["remaining"]) == (2, 3, 0)


@pytest.mark.parametrize("days", [None, (-2, -1), (1, 2)], ids=["none", "past", "future"])
async def test_without_a_contract_in_force_it_says_so(
    client: Client, world: World, days: tuple[int, int] | None
) -> None:
    if days is None:
        await world.run("DELETE FROM contract WHERE account_id = $1")
    else:
        today = datetime.now(UTC).date()
        await world.contract(10, today + days[0] * DAY, today + days[1] * DAY)
    error = await client.error(USAGE)
    assert error["code"] == "CONTRACT_INACTIVE"
    assert error["message"] == "No contract of the account is in force today."


async def test_of_two_contracts_in_force_the_one_that_started_last_counts(client: Client, world: World) -> None:
    today = datetime.now(UTC).date()
    await world.contract(1, today - 2 * DAY, today + 9 * DAY)
    await world.insert(
        "contract", id=uuid7(), name="The newer one", endpoint_limit=2, starts_on=today - DAY, ends_on=today
    )
    assert (await usage(client))["contract"]["name"] == "The newer one"


async def test_another_account_s_use_is_not_counted(client: Client, world: World, other_world: World) -> None:
    await other_world.add(await other_world.segment(), await other_world.candidates(3))
    assert (await usage(client))["used"] == 0


async def test_it_takes_one_statement(client: Client, world: World, statements: list[str]) -> None:
    await client.data("{ viewer { subject } }")
    statements.clear()
    await usage(client)
    assert len(statements) == 1

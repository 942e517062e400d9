"""renewContract"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.auth import Permission
from app.settings import Settings
from tests.client import Client
from tests.conftest import SECRET
from tests.resolvers.mutations.changing import change, failure
from tests.world import World

RENEW = """mutation Renew($input: RenewContractInput!) {
  renewContract(input: $input) {
    contract { id name endpointLimit startsOn endsOn }
    quotaUsage { limit contract { name } }
    userErrors { ...Failures }
  }
}"""

CONTRACTS = "{ contracts { id name endpointLimit startsOn endsOn } }"

DAY = timedelta(days=1)


def today() -> date:
    return datetime.now(UTC).date()


def given(name: str = "Next year", limit: int = 500, starts: int = 1, ends: int = 365, **more: Any) -> dict[str, Any]:
    """An input with dates so many days from today."""
    starts_on, ends_on = today() + starts * DAY, today() + ends * DAY
    dates = {"startsOn": starts_on.isoformat(), "endsOn": ends_on.isoformat()}
    return {"name": name, "endpointLimit": limit, **dates, **more}


async def names(client: Client) -> list[str]:
    return [contract["name"] for contract in (await client.data(CONTRACTS))["contracts"]]


async def test_the_next_contract_waits_for_its_day(client: Client) -> None:
    payload = await change(client, RENEW, **given())
    assert payload["contract"] == {
        "id": payload["contract"]["id"],
        "name": "Next year",
        "endpointLimit": 500,
        "startsOn": (today() + DAY).isoformat(),
        "endsOn": (today() + 365 * DAY).isoformat(),
    }
    assert payload["quotaUsage"] == {"limit": 1_000_000, "contract": {"name": "The contract"}}
    contracts = (await client.data(CONTRACTS))["contracts"]
    assert contracts[0] == payload["contract"]
    assert [contract["name"] for contract in contracts] == ["Next year", "The contract"]


async def test_one_that_has_started_is_in_force_at_once(client: Client) -> None:
    payload = await change(client, RENEW, **given(starts=-1, limit=7))
    assert payload["quotaUsage"] == {"limit": 7, "contract": {"name": "Next year"}}


async def test_one_that_started_before_the_one_in_force_is_not_in_force(client: Client) -> None:
    payload = await change(client, RENEW, **given(starts=-31, limit=7))
    assert payload["quotaUsage"]["contract"] == {"name": "The contract"}
    assert await names(client) == ["The contract", "Next year"]


async def test_an_older_one_is_in_force_again_once_a_shorter_one_is_over(client: Client, world: World) -> None:
    await change(client, RENEW, **given("A busy week", 7, starts=-6, ends=0))
    await world.run(
        "UPDATE contract SET ends_on = ends_on - 1 WHERE account_id = $1 AND name = 'A busy week'",
    )
    assert (await client.data("{ quotaUsage { contract { name } } }"))["quotaUsage"]["contract"] == {
        "name": "The contract"
    }


async def test_it_ends_the_time_without_a_contract(client: Client, world: World) -> None:
    await world.contract(5, today() - 9 * DAY, today() - DAY)
    assert (await change(client, RENEW, **given()))["quotaUsage"] is None
    assert (await change(client, RENEW, **given("Now", 6, starts=0)))["quotaUsage"]["limit"] == 6


async def test_it_may_last_a_day(client: Client) -> None:
    await change(client, RENEW, **given(starts=0, ends=0))


@pytest.mark.parametrize(
    ("differently", "path", "message"),
    [
        ({"starts": 2, "ends": 1}, "endsOn", "A contract ends on the day it starts or later."),
        ({"starts": -9, "ends": -1}, "endsOn", "A contract that is over already would never be in force."),
        ({"starts": -30}, "startsOn", "Another contract starts on this day."),
        ({"limit": -1}, "endpointLimit", "A contract allows 0 endpoints or more, not -1."),
        ({"name": " "}, "name", "A name needs at least one character."),
    ],
)
async def test_what_makes_no_contract_is_refused(
    client: Client, differently: dict[str, Any], path: str, message: str
) -> None:
    assert await failure(client, RENEW, **given(**differently)) == {
        "__typename": "InvalidInputError",
        "code": "INVALID_INPUT",
        "message": message,
        "path": ["input", path],
    }
    assert await names(client) == ["The contract"]


async def test_the_same_key_and_input_make_one_contract(client: Client) -> None:
    first = await change(client, RENEW, **given(idempotencyKey="a key"))
    assert await change(client, RENEW, **given(idempotencyKey="a key")) == first
    assert await names(client) == ["Next year", "The contract"]
    refused = await failure(client, RENEW, **given(limit=501, idempotencyKey="a key"))
    assert refused["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_of_many_at_once_that_start_on_one_day_one_is_made(client: Client) -> None:
    answers = await asyncio.gather(
        *(
            client.data(RENEW.replace("...Failures", "code"), input=given(f"Number {number}", number))
            for number in range(8)
        )
    )
    errors = [answer["renewContract"]["userErrors"] for answer in answers]
    assert sorted(map(len, errors)) == [0] + [1] * 7
    assert len(await names(client)) == 2


async def test_another_account_may_start_one_on_the_same_day(client: Client, other_client: Client) -> None:
    await change(client, RENEW, **given("Mine"))
    await change(other_client, RENEW, **given("Theirs"))
    assert await names(client) == ["Mine", "The contract"]
    assert await names(other_client) == ["Theirs", "The contract"]


async def test_at_most_a_page_of_contracts_is_listed(client: Client, world: World, settings: Settings) -> None:
    for days in range(1, settings.max_page + 1):
        await world.another_contract(f"Number {days}", 1, today() + days * DAY, today() + 900 * DAY)
    listed = await names(client)
    assert (len(listed), listed[0], listed[-1]) == (settings.max_page, f"Number {settings.max_page}", "Number 1")


async def test_it_needs_the_permission_to_manage_the_account(
    server_address: str, settings: Settings, world: World
) -> None:
    permissions = [each for each in Permission if each is not Permission.MANAGE_ACCOUNT]
    async with Client.of(server_address, settings, SECRET, world.account_id, permissions) as editor:
        error = await editor.error(RENEW.replace("...Failures", "code"), input=given())
        assert error["extensions"]["permission"] == "MANAGE_ACCOUNT"
        assert await names(editor) == ["The contract"]

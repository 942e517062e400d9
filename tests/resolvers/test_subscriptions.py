"""What is followed is told now and again whenever it changes, whichever process changed it."""

import asyncio
import json
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from app.database import Database
from tests.client import Client
from tests.world import World

QUOTA = "subscription { quotaUsage { limit used remaining channels { channel used } } }"
OPERATION = """
subscription($id: ID!) { operation(id: $id) { status addedCount segment { name members { nodes { fullName } } } } }
"""


async def told(events: Any) -> Any:
    async with asyncio.timeout(10):
        return json.loads(await anext(events))


async def test_the_quota_is_told_now_and_when_another_process_uses_it(client: Client, world: World) -> None:
    candidate = await world.candidate()
    segment = await world.segment()
    async with aclosing(client.events({"query": QUOTA})) as events:
        assert (await told(events))["data"]["quotaUsage"]["used"] == 0
        await world.add(segment, [candidate])
        usage = (await told(events))["data"]["quotaUsage"]
    assert (usage["used"], usage["remaining"]) == (1, usage["limit"] - 1)
    assert usage["channels"] == [{"channel": "EMAIL", "used": 1}, {"channel": "SMS", "used": 0}]


async def test_a_change_of_the_contract_is_told(client: Client, world: World, database: Database) -> None:
    async with aclosing(client.events({"query": QUOTA})) as events:
        await told(events)
        async with database.write(world.account_id) as tx:
            await tx.fetch("UPDATE contract SET endpoint_limit = 7 WHERE account_id = $1", world.account_id)
        assert (await told(events))["data"]["quotaUsage"]["limit"] == 7


async def test_without_a_contract_in_force_it_ends_and_says_so(
    client: Client, world: World, database: Database
) -> None:
    async with aclosing(client.events({"query": QUOTA})) as events:
        await told(events)
        async with database.write(world.account_id) as tx:
            await tx.fetch("DELETE FROM contract WHERE account_id = $1", world.account_id)
        [error] = (await told(events))["errors"]
        assert error["extensions"]["code"] == "CONTRACT_INACTIVE"
        assert [event async for event in events if event] == []


async def test_an_operation_that_has_ended_is_told_once(client: Client, world: World) -> None:
    candidate = await world.candidate(first_name="Ada", last_name="Lovelace")
    operation = await world.add(await world.segment("Poets"), [candidate])
    asked = {"query": OPERATION.strip(), "variables": {"id": str(operation)}}
    async with aclosing(client.events(asked)) as events:
        answers = [json.loads(event) async for event in events if event]
    segment = {"name": "Poets", "members": {"nodes": [{"fullName": "Ada Lovelace"}]}}
    assert answers == [{"data": {"operation": {"status": "COMPLETED", "addedCount": 1, "segment": segment}}}]


async def test_an_operation_is_told_at_every_step(client: Client, world: World, database: Database) -> None:
    """As a long one goes: its counts grow, and at last it has finished."""
    operation = await world.add(await world.segment(), [await world.candidate()])
    step = """
    UPDATE membership_operation
    SET matched_count = $3, processed_count = $3, added_count = $3, finished_at = $4::timestamptz
    WHERE account_id = $1 AND id = $2
    """
    finished = (await database.fetch("SELECT now()"))[0][0]

    async def go_on(added: int, at: Any) -> None:
        async with database.write(world.account_id) as tx:
            await tx.fetch(step, world.account_id, operation, added, at)

    await go_on(1, None)
    async with aclosing(client.events({"query": OPERATION.strip(), "variables": {"id": str(operation)}})) as events:
        counts = [(await told(events))["data"]["operation"]["addedCount"]]
        for added, at in ((2, None), (3, finished)):
            await go_on(added, at)
            counts.append((await told(events))["data"]["operation"]["addedCount"])
        assert [event async for event in events if event] == []
    assert counts == [1, 2, 3]


async def test_an_unknown_operation_is_not_found(client: Client) -> None:
    error = await client.error(OPERATION.strip(), id=str(uuid4()))
    assert error["code"] == "NOT_FOUND"

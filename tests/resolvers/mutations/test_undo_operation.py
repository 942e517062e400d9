"""undoOperation"""

import asyncio
from typing import Any
from uuid import UUID, uuid4

from app.domain import segments
from app.domain.consents import withdraw
from app.worker import Worker
from tests.client import Client
from tests.domain.test_check import check
from tests.resolvers.mutations.changing import change, failure
from tests.resolvers.mutations.test_cancel_operation import NO_SUCH_OPERATION
from tests.world import GENERAL, World

UNDO = """mutation Undo($input: UndoOperationInput!) {
  undoOperation(input: $input) {
    operation {
      id kind status requestedBy matchedCount processedCount addedCount removedCount alreadyMemberCount ineligibleCount
      overQuotaCount ineligible { code count } undoneOperation { id kind } segment { memberCount }
    }
    quotaUsage { used reserved }
    userErrors { ...Failures }
  }
}"""


async def undo(client: Client, operation_id: UUID, **more: Any) -> dict[str, Any]:
    return await change(client, UNDO, operationId=str(operation_id), **more)


async def refused(client: Client, operation_id: UUID) -> str:
    """What is said to the user, of an operation that cannot be undone."""
    error = await failure(client, UNDO, operationId=str(operation_id))
    assert (error["__typename"], error["code"], error["path"]) == (
        "ConflictError",
        "NOT_UNDOABLE",
        ["input", "operationId"],
    )
    message: str = error["message"]
    return message


async def test_undoing_an_addition_removes_those_whom_it_added(client: Client, world: World) -> None:
    segment_id = await world.segment()
    before = await world.candidates(2)
    await world.add(segment_id, before)
    operation_id = await world.add(segment_id, [*before, *await world.candidates(3)])
    payload = await undo(client, operation_id)
    operation = payload["operation"]
    assert operation == {
        "id": operation["id"],
        "kind": "UNDO",
        "status": "COMPLETED",
        "requestedBy": "tester",
        "matchedCount": 3,
        "processedCount": 3,
        "addedCount": 0,
        "removedCount": 3,
        "alreadyMemberCount": 0,
        "ineligibleCount": 0,
        "overQuotaCount": 0,
        "ineligible": [],
        "undoneOperation": {"id": str(operation_id), "kind": "ADD"},
        "segment": {"memberCount": 2},
    }
    assert payload["quotaUsage"] == {"used": 2, "reserved": 0}
    assert await world.members(segment_id) == set(before)
    assert (await check(world)).lines() == []


async def test_who_left_and_came_back_by_another_way_stays(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidates = await world.candidates(3)
    operation_id = await world.add(segment_id)
    await world.remove(segment_id, candidates[:2])
    await world.add(segment_id, candidates[:1])
    assert (await undo(client, operation_id))["operation"]["removedCount"] == 1
    assert await world.members(segment_id) == {candidates[0]}
    assert (await check(world)).lines() == []


async def test_undoing_a_removal_brings_back_those_who_may_join(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidates = await world.candidates(5)
    await world.add(segment_id)
    operation_id = await world.remove(segment_id, candidates[:4])
    async with world.database.write(world.account_id) as tx:
        await withdraw(tx, candidates[:1], world.policies[GENERAL], "tester")
    await world.add(segment_id, candidates[1:2])
    operation = (await undo(client, operation_id))["operation"]
    assert (operation["matchedCount"], operation["addedCount"]) == (4, 2)
    assert (operation["alreadyMemberCount"], operation["ineligible"]) == (
        1,
        [{"code": "CONSENT_WITHDRAWN", "count": 1}],
    )
    assert await world.members(segment_id) == set(candidates[1:])
    assert (await check(world)).lines() == []


async def test_the_oldest_come_back_when_the_contract_has_no_room_for_all(client: Client, world: World) -> None:
    segment_id = await world.segment()
    candidates = await world.candidates(5)
    await world.add(segment_id)
    operation_id = await world.remove(segment_id)
    await world.contract(3)
    payload = await undo(client, operation_id)
    assert (payload["operation"]["addedCount"], payload["operation"]["overQuotaCount"]) == (3, 2)
    assert payload["quotaUsage"]["used"] == 3
    assert await world.members(segment_id) == set(candidates[:3])


async def test_an_operation_is_undone_once(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.candidates(2)
    operation_id = await world.add(segment_id)
    undoing = UUID((await undo(client, operation_id))["operation"]["id"])
    assert await refused(client, operation_id) == "The operation cannot be undone: it has been undone already."
    assert await refused(client, undoing) == "The operation cannot be undone: it took another one back itself."


async def test_of_two_who_undo_at_once_one_does(client: Client, world: World) -> None:
    await world.candidates(2)
    operation_id = await world.add(await world.segment())
    asked = {"operationId": str(operation_id)}
    document = "mutation($input: UndoOperationInput!) { done: undoOperation(input: $input) { userErrors { code } } }"
    answers = await asyncio.gather(*(client.data(document, input=asked) for _ in range(5)))
    codes = [[error["code"] for error in answer["done"]["userErrors"]] for answer in answers]
    assert sorted(codes) == [[], *[["NOT_UNDOABLE"]] * 4]


async def test_a_key_makes_a_second_try_the_first_one(client: Client, world: World) -> None:
    await world.candidates(2)
    operation_id = await world.add(await world.segment())
    first = await undo(client, operation_id, idempotencyKey="once")
    assert await undo(client, operation_id, idempotencyKey="once") == first


async def test_what_is_under_way_is_cancelled_before_it_is_undone(client: Client, large: World) -> None:
    await large.candidates(60)
    operation_id = await large.add(await large.segment())
    assert await refused(client, operation_id) == ("The operation cannot be undone: it has not ended; cancel it first.")
    await large.cancel(operation_id)
    assert (await undo(client, operation_id))["operation"]["matchedCount"] == 0


async def test_who_may_not_be_contacted_is_not_brought_back(client: Client, world: World) -> None:
    [candidate] = await world.candidates(1)
    await world.add(await world.segment())
    async with world.database.write(world.account_id) as tx:
        await withdraw(tx, [candidate], world.policies[GENERAL], "tester")
    [lost] = await world.run("SELECT id FROM membership_operation WHERE account_id = $1 AND kind = 'ELIGIBILITY_LOST'")
    assert await refused(client, lost["id"]) == ("The operation cannot be undone: those who left may not be contacted.")


async def test_the_segment_must_be_there_and_open(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.candidates(1)
    operation_id = await world.add(segment_id)
    async with world.database.write(world.account_id) as tx:
        await segments.archive(tx, segment_id)
    archived = await failure(client, UNDO, operationId=str(operation_id))
    assert (archived["code"], archived["path"]) == ("SEGMENT_ARCHIVED", ["input", "operationId"])
    async with world.database.write(world.account_id) as tx:
        await segments.delete(tx, segment_id, "tester")
    assert await refused(client, operation_id) == "The operation cannot be undone: its segment has been deleted."


async def test_a_removal_needs_a_contract_in_force_to_be_undone(client: Client, world: World) -> None:
    segment_id = await world.segment()
    await world.candidates(1)
    await world.add(segment_id)
    operation_id = await world.remove(segment_id)
    await world.run("DELETE FROM contract WHERE account_id = $1")
    assert (await failure(client, UNDO, operationId=str(operation_id)))["code"] == "CONTRACT_INACTIVE"


async def test_a_large_one_is_queued(large: World, client: Client, worker: Worker) -> None:
    segment_id = await large.segment()
    await large.candidates(60)
    operation_id = await large.add(segment_id)
    await worker.run_until_idle()
    undoing = await large.undo(operation_id)
    assert await refused(client, operation_id) == "The operation cannot be undone: it has been undone already."
    assert await refused(client, undoing) == "The operation cannot be undone: it took another one back itself."
    assert (await large.operation(undoing))["status"] == "QUEUED"


async def test_what_is_no_operation_of_the_account_is_not_found(
    client: Client, world: World, other_world: World
) -> None:
    await other_world.candidates(1)
    foreign = await other_world.add(await other_world.segment())
    for id in (foreign, uuid4(), "no-id", await world.segment()):
        assert await failure(client, UNDO, operationId=str(id)) == NO_SUCH_OPERATION


async def test_reading_is_not_enough_to_undo(reader: Client, world: World) -> None:
    await world.candidates(1)
    error = await reader.error(
        "mutation($input: UndoOperationInput!) { undoOperation(input: $input) { operation { id } } }",
        input={"operationId": str(await world.add(await world.segment()))},
    )
    assert error["code"] == "FORBIDDEN"

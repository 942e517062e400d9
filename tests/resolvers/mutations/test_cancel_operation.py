"""cancelOperation"""

from uuid import UUID, uuid4

from app.worker import Worker
from tests.client import Client
from tests.domain.test_check import check
from tests.resolvers.mutations.changing import change, failure
from tests.world import World

CANCEL = """mutation Cancel($input: CancelOperationInput!) {
  cancelOperation(input: $input) {
    operation { id status finishedAt matchedCount processedCount addedCount failure segment { memberCount } }
    quotaUsage { used reserved }
    userErrors { ...Failures }
  }
}"""

NO_SUCH_OPERATION = {
    "__typename": "NotFoundError",
    "code": "NOT_FOUND",
    "message": "There is no operation with this id.",
    "path": ["input", "operationId"],
}


async def queued(large: World, count: int = 60) -> UUID:
    await large.candidates(count)
    return await large.add(await large.segment())


async def test_a_queued_operation_ends_and_holds_nothing_any_more(client: Client, large: World) -> None:
    operation_id = await queued(large)
    payload = await change(client, CANCEL, operationId=str(operation_id))
    operation = payload["operation"]
    assert operation.pop("finishedAt") is not None
    assert operation == {
        "id": str(operation_id),
        "status": "CANCELLED",
        "matchedCount": 60,
        "processedCount": 0,
        "addedCount": 0,
        "failure": None,
        "segment": {"memberCount": 0},
    }
    assert payload["quotaUsage"] == {"used": 0, "reserved": 0}
    assert (await check(large)).lines() == []


async def test_an_operation_that_has_ended_cannot_be_cancelled(client: Client, large: World, worker: Worker) -> None:
    at_once = await large.add(await large.segment(), [await large.candidate()])
    in_time = await queued(large)
    await worker.run_until_idle()
    cancelled = await queued(large)
    await change(client, CANCEL, operationId=str(cancelled))
    for operation_id in (at_once, in_time, cancelled):
        assert await failure(client, CANCEL, operationId=str(operation_id)) == {
            "__typename": "ConflictError",
            "code": "OPERATION_FINISHED",
            "message": "The operation has ended already.",
            "path": ["input", "operationId"],
        }


async def test_what_is_no_operation_of_the_account_is_not_found(
    client: Client, large: World, other_world: World
) -> None:
    await other_world.candidates(1)
    foreign = await other_world.add(await other_world.segment())
    for id in (foreign, uuid4(), "no-id", "", await large.segment()):
        assert await failure(client, CANCEL, operationId=str(id)) == NO_SUCH_OPERATION


async def test_a_queued_operation_of_another_account_goes_on(
    client: Client, large: World, other_world: World, worker: Worker
) -> None:
    theirs = World(large.database, other_world.account, other_world.policies)
    operation_id = await queued(theirs)
    assert await failure(client, CANCEL, operationId=str(operation_id)) == NO_SUCH_OPERATION
    await worker.run_until_idle()
    assert (await theirs.operation(operation_id))["status"] == "COMPLETED"


async def test_reading_is_not_enough_to_cancel(reader: Client, large: World) -> None:
    error = await reader.error(
        "mutation($input: CancelOperationInput!) { cancelOperation(input: $input) { operation { id } } }",
        input={"operationId": str(await queued(large))},
    )
    assert error["code"] == "FORBIDDEN"

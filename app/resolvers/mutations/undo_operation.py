"""undoOperation"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import operations
from app.domain.idempotency import once
from app.domain.names import idempotency_key, one_id
from app.domain.undoing import undo
from app.engine.batch import batch_field
from app.resolvers.changing import Result, change, made
from app.resolvers.loaders.segments import operations_by_id
from app.schema.operation import MembershipOperation
from app.schema.payloads import QuotaPayload


@strawberry.input(description="An operation to be undone.")
class UndoOperationInput:
    operation_id: strawberry.ID = strawberry.field(
        description=(
            "An addition or a removal that has ended, however it did. NOT_UNDOABLE when it is anything else, when it"
            " has been undone, or when its segment has been deleted; SEGMENT_ARCHIVED while that is archived."
        )
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description=(
            "1 to 200 characters. The same key with the same input gives the first outcome again, nothing done twice."
        ),
    )


@strawberry.type(
    description=(
        "The outcome of undoOperation. Those whom an addition added leave, if they have been members ever since. Those"
        " whom a removal removed come back, if they may join now and the contract has room, the oldest first."
    )
)
class UndoOperationPayload(QuotaPayload):
    operation: MembershipOperation | None = batch_field(
        operations_by_id,
        key="operation_id",
        description="The operation that takes the other back, of kind UNDO; null when the mutation failed.",
    )


async def undo_operation(info: Info[Context, None], input: UndoOperationInput) -> UndoOperationPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        key = idempotency_key(input.idempotency_key)
        operation_id = one_id(input.operation_id, operations.OPERATION_ID, "operation")
        subject, settings = context.principal.subject, context.settings
        done = await once(tx, key, "undoOperation", input, lambda: undo(tx, operation_id, subject, settings))
        return made(done, operation_id=done.id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

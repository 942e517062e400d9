"""cancelOperation"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import operations
from app.domain.names import one_id
from app.engine.batch import batch_field
from app.resolvers.changing import Result, change
from app.resolvers.loaders.segments import operations_by_id
from app.schema.operation import MembershipOperation
from app.schema.payloads import QuotaPayload


@strawberry.input(description="An operation to be stopped.")
class CancelOperationInput:
    operation_id: strawberry.ID = strawberry.field(
        description="The operation. OPERATION_FINISHED when it has ended already."
    )


@strawberry.type(
    description="The outcome of cancelOperation. What the operation had done stays; the endpoints it held are free."
)
class CancelOperationPayload(QuotaPayload):
    operation: MembershipOperation | None = batch_field(
        operations_by_id,
        key="operation_id",
        description="The operation, which is CANCELLED; null when the mutation failed.",
    )


async def cancel_operation(info: Info[Context, None], input: CancelOperationInput) -> CancelOperationPayload:
    async def work(tx: Transaction, _: Context) -> Result:
        operation_id = one_id(input.operation_id, operations.OPERATION_ID, "operation")
        return Result(operation_id=await operations.cancel(tx, operation_id))

    return await change(info, Permission.EDIT_SEGMENTS, work)

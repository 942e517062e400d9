"""deleteSegment"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import segments
from app.domain.names import one_id
from app.resolvers.changing import Result, change
from app.schema.payloads import QuotaPayload


@strawberry.input(description="A segment to be deleted.")
class DeleteSegmentInput:
    segment_id: strawberry.ID = strawberry.field(
        description="The segment, archived or not. IN_USE while a campaign uses it."
    )


@strawberry.type(description="The outcome of deleteSegment. The memberships ended and their endpoints are free.")
class DeleteSegmentPayload(QuotaPayload):
    deleted_segment_id: strawberry.ID | None = strawberry.field(
        description="The id the segment had; null when the mutation failed."
    )


async def delete_segment(info: Info[Context, None], input: DeleteSegmentInput) -> DeleteSegmentPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        segment_id = one_id(input.segment_id, segments.SEGMENT_ID, "segment")
        await segments.delete(tx, segment_id, context.principal.subject)
        return Result(deleted_segment_id=segment_id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

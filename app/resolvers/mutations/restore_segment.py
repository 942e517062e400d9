"""restoreSegment"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import segments
from app.domain.names import one_id
from app.resolvers.changing import Result, change
from app.schema.payloads import SegmentPayload


@strawberry.input(description="An archived segment to be taken back into use.")
class RestoreSegmentInput:
    segment_id: strawberry.ID = strawberry.field(description="The segment; one that is not archived stays as it is.")


@strawberry.type(description="The outcome of restoreSegment.")
class RestoreSegmentPayload(SegmentPayload):
    pass


async def restore_segment(info: Info[Context, None], input: RestoreSegmentInput) -> RestoreSegmentPayload:
    async def work(tx: Transaction, _: Context) -> Result:
        segment_id = one_id(input.segment_id, segments.SEGMENT_ID, "segment")
        await segments.restore(tx, segment_id)
        return Result(segment_id=segment_id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

"""renameSegment"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import segments
from app.domain.names import one_id
from app.resolvers.changing import Result, change
from app.schema.payloads import SegmentPayload


@strawberry.input(description="A segment and its new name.")
class RenameSegmentInput:
    segment_id: strawberry.ID = strawberry.field(description="The segment, archived or not.")
    name: str = strawberry.field(description="The new name, under the rules of createSegment.")


@strawberry.type(description="The outcome of renameSegment.")
class RenameSegmentPayload(SegmentPayload):
    pass


async def rename_segment(info: Info[Context, None], input: RenameSegmentInput) -> RenameSegmentPayload:
    async def work(tx: Transaction, _: Context) -> Result:
        segment_id = one_id(input.segment_id, segments.SEGMENT_ID, "segment")
        await segments.rename(tx, segment_id, input.name)
        return Result(segment_id=segment_id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

"""createSegment"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import segments
from app.domain.idempotency import once
from app.domain.names import idempotency_key
from app.resolvers.changing import Result, change, made
from app.schema.enums import Channel
from app.schema.payloads import SegmentPayload


@strawberry.input(description="A segment to be made.")
class CreateSegmentInput:
    name: str = strawberry.field(
        description=(
            "1 to 200 characters after trimming, none of them a control character; unique in the account, whatever"
            " its case. Kept in Unicode NFC."
        )
    )
    channel: Channel = strawberry.field(description="How its members will be contacted; it never changes.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="1 to 200 characters. The same key with the same input gives the first outcome, done once.",
    )


@strawberry.type(description="The outcome of createSegment.")
class CreateSegmentPayload(SegmentPayload):
    pass


async def create_segment(info: Info[Context, None], input: CreateSegmentInput) -> CreateSegmentPayload:
    async def work(tx: Transaction, _: Context) -> Result:
        key = idempotency_key(input.idempotency_key)
        done = await once(tx, key, "createSegment", input, lambda: segments.create(tx, input.name, input.channel))
        return made(done, segment_id=done.id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

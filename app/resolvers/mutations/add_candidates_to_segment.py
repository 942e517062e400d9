"""addCandidatesToSegment"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import segments
from app.domain.freezing import Adding
from app.domain.idempotency import once
from app.domain.names import idempotency_key, one_id
from app.resolvers.changing import Result, change, made
from app.schema.enums import QuotaPolicy
from app.schema.inputs import CandidateSelection
from app.schema.payloads import OperationPayload


@strawberry.input(description="Candidates to be added to a segment.")
class AddCandidatesToSegmentInput:
    segment_id: strawberry.ID = strawberry.field(description="The segment; it must not be archived.")
    candidates: CandidateSelection = strawberry.field(description="Whom to add.")
    on_quota_exceeded: QuotaPolicy = strawberry.field(
        default=QuotaPolicy.REJECT, description="What to do when the contract does not allow them all."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description=(
            "1 to 200 characters. The same key with the same input gives the first outcome again, nothing done twice."
        ),
    )


@strawberry.type(
    description=(
        "The outcome of addCandidatesToSegment. Those who may not join are left out and counted: that is no failure."
    )
)
class AddCandidatesToSegmentPayload(OperationPayload):
    pass


async def add_candidates_to_segment(
    info: Info[Context, None], input: AddCandidatesToSegmentInput
) -> AddCandidatesToSegmentPayload:
    context = info.context
    subject, settings = context.principal.subject, context.settings
    adding = Adding(input.segment_id, input.candidates, input.on_quota_exceeded.value, subject, settings)

    async def ahead(tx: Transaction) -> None:
        await adding.look_ahead(tx, input.idempotency_key)

    async def work(tx: Transaction, _: Context) -> Result:
        key = idempotency_key(input.idempotency_key)
        segment_id = one_id(input.segment_id, segments.SEGMENT_ID, "segment")
        done = await once(tx, key, "addCandidatesToSegment", input, lambda: adding.add(tx, segment_id))
        await adding.forget(tx)
        return made(done, segment_id=segment_id, operation_id=done.id)

    searches = input.candidates.all_search_results is not None
    return await change(info, Permission.EDIT_SEGMENTS, work, ahead if searches else None)

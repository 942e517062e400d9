"""removeCandidatesFromSegment"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import segments
from app.domain.idempotency import once
from app.domain.names import idempotency_key, one_id
from app.domain.removal import remove_candidates
from app.resolvers.changing import Result, change, made
from app.schema.inputs import CandidateSelection
from app.schema.payloads import OperationPayload


@strawberry.input(description="Candidates to be removed from a segment.")
class RemoveCandidatesFromSegmentInput:
    segment_id: strawberry.ID = strawberry.field(description="The segment; it must not be archived.")
    candidates: CandidateSelection = strawberry.field(
        description=(
            "Whom to remove. A search is over the members; those who are not members are passed over, and so are those"
            " whom a queued addition has yet to add."
        )
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description=(
            "1 to 200 characters. The same key with the same input gives the first outcome again, nothing done twice."
        ),
    )


@strawberry.type(description="The outcome of removeCandidatesFromSegment.")
class RemoveCandidatesFromSegmentPayload(OperationPayload):
    pass


async def remove_candidates_from_segment(
    info: Info[Context, None], input: RemoveCandidatesFromSegmentInput
) -> RemoveCandidatesFromSegmentPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        key = idempotency_key(input.idempotency_key)
        segment_id = one_id(input.segment_id, segments.SEGMENT_ID, "segment")
        done = await once(
            tx,
            key,
            "removeCandidatesFromSegment",
            input,
            lambda: remove_candidates(tx, segment_id, input.candidates, context.principal.subject, context.settings),
        )
        return made(done, segment_id=segment_id, operation_id=done.id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

"""What follows from policies that a channel demands."""

from uuid import UUID

import strawberry

from app.engine.batch import batch_field
from app.resolvers.loaders.segments import segments_by_id
from app.schema.segment import Segment


@strawberry.type(description="How many members one segment would lose.")
class SegmentLoss:
    segment_id: strawberry.Private[UUID]
    lost_count: int = strawberry.field(description="How many of its members would leave.")
    segment: Segment | None = batch_field(
        segments_by_id, key="segment_id", description="The segment; null when it was deleted in this very moment."
    )


@strawberry.type(description="What setRequiredPolicies would do, without doing it.")
class RequiredPoliciesPreview:
    lost_membership_count: int = strawberry.field(
        description="How many memberships would end: what setRequiredPolicies takes as `expectedLostCount`."
    )
    lost_candidate_count: int = strawberry.field(
        description=(
            "How many candidates would leave. Each leaves every segment of the channel, so that this is also how many"
            " endpoints would be free."
        )
    )
    segments: list[SegmentLoss] = strawberry.field(
        description="The segments that would lose members, those that lose the most first; at most 25."
    )

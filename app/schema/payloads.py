"""What mutations answer, piece by piece. Each piece is read after the change, when it is asked for."""

from typing import Any

import strawberry
from strawberry.types import Info

from app.domain import quota
from app.domain.errors import ContractInactiveError
from app.engine.batch import batch_field
from app.resolvers.loaders.campaigns import campaigns_by_id
from app.resolvers.loaders.segments import operations_by_id, segments_by_id
from app.schema.account import QuotaUsage
from app.schema.campaign import Campaign
from app.schema.errors import UserError
from app.schema.operation import MembershipOperation
from app.schema.segment import Segment


@strawberry.type
class Payload:
    """What every payload has."""

    user_errors: list[UserError] = strawberry.field(
        description="The expected failures. When there is any, nothing was changed."
    )


@strawberry.type
class SegmentPayload(Payload):
    """A payload with the segment that was made or changed."""

    segment: Segment | None = batch_field(
        segments_by_id, key="segment_id", description="The segment as it is now; null when the mutation failed."
    )


@strawberry.type
class CampaignPayload(Payload):
    """A payload with the campaign that was made or changed."""

    campaign: Campaign | None = batch_field(
        campaigns_by_id, key="campaign_id", description="The campaign as it is now; null when the mutation failed."
    )


@strawberry.type
class QuotaPayload(Payload):
    """A payload of a change that may use or free endpoints."""

    @strawberry.field(description="What the contract allows and what is used of it now; null when none is in force.")
    async def quota_usage(self: Any, info: Info) -> QuotaUsage | None:
        try:
            return await quota.usage(info.context.database, info.context.account_id)
        except ContractInactiveError:
            return None


@strawberry.type
class OperationPayload(SegmentPayload, QuotaPayload):
    """A payload of a change of members."""

    operation: MembershipOperation | None = batch_field(
        operations_by_id,
        key="operation_id",
        description="What was done and to how many; null when the mutation failed.",
    )


@strawberry.type
class SyncPayload(Payload):
    """A payload of items that another system says: the good ones are kept."""

    updated_count: int = strawberry.field(description="Those that were known otherwise.")
    user_errors: list[UserError] = strawberry.field(
        description=(
            "What is wrong with items, each with its place, as in [input, candidates, 3, email]. An item with errors"
            " was not kept, and all others were; when there are too many items, none was."
        )
    )


@strawberry.type
class UpsertPayload(SyncPayload):
    """A payload of items that have ids of their own."""

    created_count: int = strawberry.field(description="Those that were not known before.")

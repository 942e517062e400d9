"""What mutations answer, piece by piece. Each piece is read after the change, when it is asked for."""

from typing import Any

import strawberry
from strawberry.types import Info

from app.domain import quota
from app.domain.errors import ContractInactiveError
from app.engine.batch import batch_field
from app.resolvers.loaders.campaigns import campaigns_by_id
from app.resolvers.loaders.candidates import candidates_by_id, policies_by_id
from app.resolvers.loaders.segments import operations_by_id, segments_by_id
from app.schema.account import QuotaUsage
from app.schema.campaign import Campaign
from app.schema.candidate import Candidate
from app.schema.errors import UserError
from app.schema.operation import MembershipOperation
from app.schema.policy import PrivacyPolicy
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
class ItemsPayload(Payload):
    """A payload of a change of many items, each of which is kept or refused."""

    user_errors: list[UserError] = strawberry.field(
        description=(
            "The expected failures. An item that has one, by its index in `path`, was refused and the others were kept;"
            " a failure of the call as a whole, without an index, left everything as it was."
        )
    )


@strawberry.type
class CandidatesPayload(ItemsPayload):
    """A payload with the candidates whom the kept items are about."""

    @strawberry.field(
        description="Whom the items that were kept are about, each once and in their order, as they are now."
    )
    async def candidates(self: Any, info: Info) -> list[Candidate]:
        rows = await candidates_by_id(info.context, self.candidate_ids)
        found: list[Any] = [rows[id] for id in self.candidate_ids if id in rows]
        return found


@strawberry.type
class EndingPayload(QuotaPayload):
    """A payload of a change that may end memberships."""

    @strawberry.field(
        description=(
            "How many memberships ended with it, in the same transaction. 0 when they are so many that operations of"
            " kind ELIGIBILITY_LOST end them in the background; nobody sees them any more even so."
        )
    )
    def removed_membership_count(self: Any) -> int:
        return self.removed_membership_count or 0


@strawberry.type
class PolicyPayload(Payload):
    """A payload with the privacy policy that was made or changed."""

    policy: PrivacyPolicy | None = batch_field(
        policies_by_id, key="policy_id", description="The policy as it is now; null when the mutation failed."
    )


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

"""setCampaignSegments"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import campaigns
from app.domain.campaigns import CampaignSegments
from app.domain.names import one_id
from app.resolvers.changing import Result, change
from app.schema.payloads import CampaignPayload


@strawberry.input(description="The segments that a campaign is to have in place of those it has.")
class SetCampaignSegmentsInput:
    campaign_id: strawberry.ID = strawberry.field(description="The campaign.")
    included_segment_ids: list[strawberry.ID] = strawberry.field(
        description=(
            "The segments whose members it is for, of its channel; an archived one only when the campaign includes it"
            " already. One named twice counts once. With the excluded ones at most 100."
        )
    )
    excluded_segment_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list,
        description="The segments whose members it leaves out, of its channel, archived or not.",
    )


@strawberry.type(description="The outcome of setCampaignSegments.")
class SetCampaignSegmentsPayload(CampaignPayload):
    pass


async def set_campaign_segments(
    info: Info[Context, None], input: SetCampaignSegmentsInput
) -> SetCampaignSegmentsPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        campaign_id = one_id(input.campaign_id, campaigns.CAMPAIGN_ID, "campaign")
        segments = CampaignSegments(input.included_segment_ids, input.excluded_segment_ids)
        await campaigns.set_segments(tx, campaign_id, segments, context.settings)
        return Result(campaign_id=campaign_id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

"""deleteCampaign"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import campaigns
from app.domain.names import one_id
from app.resolvers.changing import Result, change
from app.schema.payloads import Payload


@strawberry.input(description="A campaign to be deleted.")
class DeleteCampaignInput:
    campaign_id: strawberry.ID = strawberry.field(description="The campaign. Its segments stay as they are.")


@strawberry.type(description="The outcome of deleteCampaign.")
class DeleteCampaignPayload(Payload):
    deleted_campaign_id: strawberry.ID | None = strawberry.field(
        description="The id the campaign had; null when the mutation failed."
    )


async def delete_campaign(info: Info[Context, None], input: DeleteCampaignInput) -> DeleteCampaignPayload:
    async def work(tx: Transaction, _: Context) -> Result:
        campaign_id = one_id(input.campaign_id, campaigns.CAMPAIGN_ID, "campaign")
        await campaigns.delete(tx, campaign_id)
        return Result(deleted_campaign_id=campaign_id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

"""createCampaign"""

import strawberry
from strawberry.types import Info

from app.auth import Permission
from app.context import Context
from app.database import Transaction
from app.domain import campaigns
from app.domain.campaigns import CampaignSegments
from app.domain.idempotency import once
from app.domain.names import idempotency_key
from app.resolvers.changing import Result, change, made
from app.schema.enums import Channel
from app.schema.payloads import CampaignPayload


@strawberry.input(description="A campaign to be made.")
class CreateCampaignInput:
    name: str = strawberry.field(
        description=(
            "1 to 200 characters after trimming, none of them a control character. Kept in Unicode NFC. Other campaigns"
            " may have it."
        )
    )
    channel: Channel = strawberry.field(description="How its audience will be contacted; it never changes.")
    included_segment_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list,
        description=(
            "The segments whose members it is for, in use and of its channel; one named twice counts once. With the"
            " excluded ones at most 100."
        ),
    )
    excluded_segment_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list,
        description="The segments whose members it leaves out, of its channel, archived or not.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="1 to 200 characters. The same key with the same input gives the first outcome, done once.",
    )


@strawberry.type(description="The outcome of createCampaign.")
class CreateCampaignPayload(CampaignPayload):
    pass


async def create_campaign(info: Info[Context, None], input: CreateCampaignInput) -> CreateCampaignPayload:
    async def work(tx: Transaction, context: Context) -> Result:
        key = idempotency_key(input.idempotency_key)
        segments = CampaignSegments(input.included_segment_ids, input.excluded_segment_ids)
        done = await once(
            tx,
            key,
            "createCampaign",
            input,
            lambda: campaigns.create(tx, input.name, input.channel, segments, context.settings),
        )
        return made(done, campaign_id=done.id)

    return await change(info, Permission.EDIT_SEGMENTS, work)

"""What campaigns have."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from app.context import Context
from app.domain import audience, campaigns, lists
from app.domain.paging import Page, PageArguments
from app.engine.plan import Columns, read_of
from app.models import Channel
from app.resolvers.loaders.pages import pages
from app.schema.connections import After, Before, First, Last

CampaignKey = tuple[UUID, str]
"""A campaign's id and its channel."""


async def campaigns_by_id(context: Context, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return await campaigns.by_id(context.database, context.account_id, list(ids))


async def campaigns_by_segment(
    context: Context,
    segment_ids: Sequence[UUID],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    listing = lists.CAMPAIGNS_OF_SEGMENT
    asked = PageArguments(first, after, last, before)
    return await pages(context, segment_ids, listing, asked, columns)


async def included_by_campaign(context: Context, campaign_ids: Sequence[UUID]) -> dict[UUID, list[Record]]:
    return await campaigns.segments_of(context.database, context.account_id, campaign_ids, excluded=False)


async def excluded_by_campaign(context: Context, campaign_ids: Sequence[UUID]) -> dict[UUID, list[Record]]:
    return await campaigns.segments_of(context.database, context.account_id, campaign_ids, excluded=True)


async def audience_by_campaign(
    context: Context,
    keys: Sequence[CampaignKey],
    first: First = None,
    after: After = None,
    columns: Columns | None = None,
) -> dict[CampaignKey, Page]:
    """One statement for each channel, as each has its own rules."""
    wanted = read_of(columns, "Candidate")
    asked = PageArguments(first, after)
    found: dict[CampaignKey, Page] = {}
    for channel in Channel:
        ids = [id for id, its_channel in keys if its_channel == channel]
        if ids:
            listing = audience.audiences(channel, await context.rules(), wanted)
            its_pages = await pages(context, ids, listing, asked, columns)
            found |= {(id, channel): page for id, page in its_pages.items()}
    return found

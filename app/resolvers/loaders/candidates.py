"""What candidates have."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry
from asyncpg import Record

from app.context import Context
from app.domain import eligibility, lists, reading
from app.domain.eligibility import NO_RULES
from app.domain.paging import Page, PageArguments
from app.engine.plan import Columns, read_of
from app.models import Channel, IneligibilityCode
from app.resolvers.loaders.pages import pages
from app.schema.connections import After, Before, First, Last
from app.schema.inputs import SegmentFilter

MESSAGES = {
    IneligibilityCode.CONSENT_MISSING: "Has not accepted this privacy policy.",
    IneligibilityCode.CONSENT_WITHDRAWN: "Has withdrawn the consent to this privacy policy.",
    IneligibilityCode.CONSENT_EXPIRED: "The consent to this privacy policy has expired.",
    IneligibilityCode.EMAIL_MISSING: "Has no e-mail address.",
    IneligibilityCode.MOBILE_NOT_VERIFIED: "Has no verified mobile number.",
    IneligibilityCode.SUPPRESSED: "The address must not be contacted.",
}


async def candidates_by_id(context: Context, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return await reading.rows_by_id(context.database, reading.CANDIDATES, context.account_id, ids)


async def candidates_in_order(
    context: Context, keys: Sequence[tuple[UUID, ...]]
) -> dict[tuple[UUID, ...], list[Record]]:
    """The candidates of each sequence of ids, in its order."""
    found = reading.rows_in_order
    return {ids: await found(context.database, reading.CANDIDATES, context.account_id, ids) for ids in keys}


async def consents_by_candidate(
    context: Context, candidate_ids: Sequence[UUID], columns: Columns | None = None
) -> dict[UUID, list[Record]]:
    return await reading.consents(context.database, context.account_id, candidate_ids, read_of(columns, "Consent"))


async def policies_by_id(context: Context, _: Sequence[UUID]) -> dict[UUID, Record]:
    return await context.policies()


async def eligibility_by_candidate(
    context: Context,
    candidate_ids: Sequence[UUID],
    channel: Annotated[Channel, strawberry.argument(description="The channel to be contacted through.")],
) -> dict[UUID, dict[str, Any]]:
    reasons = await eligibility.reasons_by_candidate(
        context.database, context.account_id, list(candidate_ids), await context.rules(), channel
    )
    return {
        candidate_id: {
            "channel": channel,
            "eligible": not found,
            "reasons": [{"code": code, "message": MESSAGES[code], "policy_id": policy_id} for code, policy_id in found],
        }
        for candidate_id, found in reasons.items()
    }


async def endpoints_by_candidate(context: Context, candidate_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    return await reading.endpoints_by_candidate(context.database, context.account_id, candidate_ids)


async def segments_by_candidate(
    context: Context,
    candidate_ids: Sequence[UUID],
    filter: Annotated[SegmentFilter | None, strawberry.argument(description="Which segments.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    shown = filter or SegmentFilter()
    demands = await context.rules() if shown.available_for is not None else NO_RULES
    listing = lists.segments_of_candidate(shown, demands, context.settings)
    asked = PageArguments(first, after, last, before)
    return await pages(context, candidate_ids, listing, asked, columns)


async def applications_by_candidate(
    context: Context,
    candidate_ids: Sequence[UUID],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    listing = lists.applications("candidate")
    asked = PageArguments(first, after, last, before)
    return await pages(context, candidate_ids, listing, asked, columns)


async def candidate_lists_by_candidate(context: Context, candidate_ids: Sequence[UUID]) -> dict[UUID, list[Record]]:
    return await reading.rows_by(context.database, reading.LISTS_OF_CANDIDATES, context.account_id, candidate_ids)

"""What segments and operations have."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry
from asyncpg import Record

from app.context import Context
from app.domain import lists, operations, reading, segments
from app.domain.eligibility import NO_RULES
from app.domain.names import uuid
from app.domain.paging import Page, PageArguments
from app.engine.plan import Columns, read_of
from app.resolvers.loaders.pages import pages
from app.schema.connections import After, Before, First, Last
from app.schema.enums import OrderDirection, SegmentMemberOrderField
from app.schema.inputs import CandidateFilter, SegmentMemberOrder

ADDED_LAST_FIRST = SegmentMemberOrder(field=SegmentMemberOrderField.ADDED_AT, direction=OrderDirection.DESC)


async def segments_by_id(context: Context, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return await segments.by_id(context.database, context.account_id, list(ids))


async def operations_by_id(context: Context, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return await operations.by_id(context.database, context.account_id, list(ids))


async def members_by_segment(
    context: Context,
    segment_ids: Sequence[UUID],
    filter: Annotated[CandidateFilter | None, strawberry.argument(description="Which of the members.")] = None,
    order_by: Annotated[
        SegmentMemberOrder | None, strawberry.argument(description="Default: those added last come first.")
    ] = None,
    first: Annotated[
        int | None,
        strawberry.argument(description="How many from the start, 1 to 1,000. Default, when neither end is named: 25."),
    ] = None,
    after: After = None,
    last: Annotated[
        int | None, strawberry.argument(description="How many from the end, 1 to 1,000. Not with `first`.")
    ] = None,
    before: Before = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    order = order_by or ADDED_LAST_FIRST
    descending = order.direction is OrderDirection.DESC
    wanted = read_of(columns, "Candidate")
    demands = await context.rules() if filter and filter.needs_rules else NO_RULES
    listing = lists.members(filter, order.field, descending, demands, context.settings, wanted)
    asked = PageArguments(first, after, last, before)
    return await pages(context, segment_ids, listing, asked, columns, context.settings.max_member_page)


async def members_as_of_by_segment(
    context: Context,
    segment_ids: Sequence[UUID],
    at: Annotated[datetime, strawberry.argument(description="The moment, to the microsecond; not in the future.")],
    first: Annotated[
        int | None, strawberry.argument(description="How many from the start, 1 to 1,000. Default: 25.")
    ] = None,
    after: After = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    await segments.demand_past(context.database, context.account_id, at)
    listing = lists.members_as_of(at, read_of(columns, "Candidate"))
    asked = PageArguments(first, after)
    return await pages(context, segment_ids, listing, asked, columns, context.settings.max_member_page)


async def membership_by_segment(
    context: Context,
    segment_ids: Sequence[UUID],
    candidate_id: Annotated[strawberry.ID, strawberry.argument(description="The candidate.")],
) -> dict[UUID, bool]:
    candidate = uuid(candidate_id)
    if candidate is None:
        return dict.fromkeys(segment_ids, False)
    found = await reading.segments_with_candidate(context.database, context.account_id, segment_ids, candidate)
    return {segment_id: segment_id in found for segment_id in segment_ids}


async def operations_by_segment(
    context: Context,
    segment_ids: Sequence[UUID],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    listing = lists.OPERATIONS_OF_SEGMENT
    asked = PageArguments(first, after, last, before)
    return await pages(context, segment_ids, listing, asked, columns)


async def skipped_by_operation(
    context: Context,
    operation_ids: Sequence[UUID],
    first: First = None,
    after: After = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    listing = lists.SKIPPED_OF_OPERATION
    asked = PageArguments(first, after)
    return await pages(context, operation_ids, listing, asked, columns)

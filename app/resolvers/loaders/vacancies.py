"""What vacancies and candidate lists have."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from app.context import Context
from app.domain import lists, reading
from app.domain.paging import Page, PageArguments
from app.engine.plan import Columns
from app.resolvers.loaders.pages import pages
from app.schema.connections import After, Before, First, Last


async def vacancies_by_id(context: Context, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return await reading.rows_by_id(context.database, reading.VACANCIES, context.account_id, ids)


async def candidate_lists_by_id(context: Context, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return await reading.rows_by_id(context.database, reading.CANDIDATE_LISTS, context.account_id, ids)


async def vacancies_in_order(
    context: Context, keys: Sequence[tuple[UUID, ...]]
) -> dict[tuple[UUID, ...], list[Record]]:
    """The vacancies of each sequence of ids, in its order."""
    found = reading.rows_in_order
    return {ids: await found(context.database, reading.VACANCIES, context.account_id, ids) for ids in keys}


async def candidate_lists_in_order(
    context: Context, keys: Sequence[tuple[UUID, ...]]
) -> dict[tuple[UUID, ...], list[Record]]:
    """The candidate lists of each sequence of ids, in its order."""
    found = reading.rows_in_order
    return {ids: await found(context.database, reading.CANDIDATE_LISTS, context.account_id, ids) for ids in keys}


async def applications_by_vacancy(
    context: Context,
    vacancy_ids: Sequence[UUID],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    listing = lists.applications("vacancy")
    asked = PageArguments(first, after, last, before)
    return await pages(context, vacancy_ids, listing, asked, columns)


async def candidates_by_list(
    context: Context,
    list_ids: Sequence[UUID],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    columns: Columns | None = None,
) -> dict[UUID, Page]:
    listing = lists.CANDIDATES_OF_LIST
    asked = PageArguments(first, after, last, before)
    return await pages(context, list_ids, listing, asked, columns)

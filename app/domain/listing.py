"""Reading pages: of one list, or of the lists of many parents with one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from app.database import Database
from app.domain.paging import Cursors, Order, Page, Window, page
from app.domain.sql import Parameters


@dataclass(frozen=True, slots=True)
class Listing:
    """What rows to read: their columns, the FROM they come from and, given a statement's parameters, the condition.

    The condition must scope every table of the FROM by account, $1. In the list of a parent it names the parent's id
    as `parent.id`.
    """

    purpose: str
    columns: str
    source: str
    condition: Callable[[Parameters], str]
    order: Order
    searched: bool = False
    """Whether the best plan depends on the values, as it does with a search filter."""


async def read_page(database: Database, account_id: UUID, listing: Listing, window: Window, cursors: Cursors) -> Page:
    """A page of one list: one statement, and another only when it is asked to count."""
    run = database.search if listing.searched else database.fetch

    async def count() -> int:
        p = Parameters(account_id)
        condition = listing.condition(p)
        statement = f"-- Count {listing.purpose}.\nSELECT count(*) FROM {listing.source} WHERE {condition}"
        total: int = (await run(statement, *p.values))[0][0]
        return total

    p = Parameters(account_id)
    rows = await run(f"-- A page of {listing.purpose}.\n{_rows(listing, window, p)}", *p.values)
    return page(rows, window, listing.order, cursors, count)


async def read_pages(
    database: Database,
    account_id: UUID,
    parent_ids: Sequence[UUID],
    listing: Listing,
    window: Window,
    cursors: Cursors,
) -> dict[UUID, Page]:
    """A page for each parent: one statement for all, and one more when any is asked to count."""
    run = database.search if listing.searched else database.fetch
    counts = _Counts(database, account_id, parent_ids, listing)
    p = Parameters(account_id)
    parents = f"unnest({p(list(parent_ids))}::uuid[]) AS parent(id)"
    rows = await run(
        f"-- For each parent, a page of {listing.purpose}.\n"
        f"SELECT parent.id AS parent_id, listed.* FROM {parents}\n"
        f"CROSS JOIN LATERAL (\n{_rows(listing, window, p)}\n) AS listed",
        *p.values,
    )
    by_parent: dict[UUID, list[Record]] = {parent_id: [] for parent_id in parent_ids}
    for row in rows:
        by_parent[row["parent_id"]].append(row)
    return {
        parent_id: page(found, window, listing.order, cursors, counts.of(parent_id))
        for parent_id, found in by_parent.items()
    }


class _Counts:
    """How many rows each parent has, counted for all of them when the first is asked for."""

    def __init__(self, database: Database, account_id: UUID, parent_ids: Sequence[UUID], listing: Listing) -> None:
        self._database = database
        self._account_id = account_id
        self._parent_ids = list(parent_ids)
        self._listing = listing
        self._counted: asyncio.Task[dict[UUID, int]] | None = None

    def of(self, parent_id: UUID) -> Callable[[], Awaitable[int]]:
        async def count() -> int:
            if self._counted is None:
                self._counted = asyncio.create_task(self._count())
            return (await self._counted)[parent_id]

        return count

    async def _count(self) -> dict[UUID, int]:
        p = Parameters(self._account_id)
        parents = f"unnest({p(self._parent_ids)}::uuid[]) AS parent(id)"
        condition = self._listing.condition(p)
        rows = await self._database.search(
            f"-- For each parent, count {self._listing.purpose}.\n"
            f"SELECT parent.id, counted.count FROM {parents} CROSS JOIN LATERAL (\n"
            f"SELECT count(*) AS count FROM {self._listing.source} WHERE {condition}\n) AS counted",
            *p.values,
        )
        return {row["id"]: row["count"] for row in rows}


def _rows(listing: Listing, window: Window, p: Parameters) -> str:
    return (
        f"SELECT {listing.columns}, {listing.order.columns} FROM {listing.source}\n"
        f"WHERE {listing.condition(p)} AND {window.condition(listing.order, p)}\n"
        f"ORDER BY {window.order_by(listing.order)} LIMIT {window.limit}"
    )

"""Reading pages: of one list, or of the lists of many parents with one statement.

How many rows meet a search nobody knows beforehand: statistics are shared by all accounts, and some conditions have
none. So a search with an order of its own goes through the first rows in that order, up to a bound, which fills the
page when much is found; when it does not, little is found, and all of it is sought by the best index and sorted. To
plan both takes twice as long, so a single list is sought by a second statement, if need be; the lists of many parents,
of which some may be walked and others sought, by one statement for both.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from asyncpg import Record

from app.database import Database
from app.domain.paging import Cursors, Order, Page, Read, Window
from app.domain.sql import Parameters

MOST_WALKED = 2_500
"""Rows gone through before all that is found is sought. To go through them takes some 5 ms; when they hold no page,
about one candidate in a hundred is found, and to seek those takes some 30 ms among a million."""

MOST_WALKED_COMBINED = 8_000
"""The same for conditions that may each find very many and together few: to seek is to go through one of them."""

MOST_WALKED_UNSERVED = 20_000
"""The same where no index serves the search, and to seek is to read the whole account."""

MOST_KEPT = 500
"""Statements that are kept to be used again."""

MOST_LISTED = 60
"""Items in a list among the values of a statement that is kept with them."""

NOBODY = UUID(int=0)


@dataclass(slots=True)
class Walk:
    """A table whose index has the rows of a listing in their order."""

    table: str
    alias: str
    scope: Callable[[Parameters], str]
    """The condition that the index serves: the account, the parent if it has one, and where to begin and end."""
    joins: str
    condition: Callable[[Parameters], str]
    """Which rows are found: the listing's condition, as it is best asked of one row."""
    most: int = MOST_WALKED
    planned_once: bool = False
    """Whether its plan is right for all values: so many rows, and little to look up for each."""


Source = Callable[[Parameters, Window | None], str]
"""The FROM of the rows in this window, or of all rows when they are only counted."""


Count = Callable[[Database, UUID, Sequence[UUID]], Awaitable[dict[UUID, int]]]
"""How many rows each of these parents has, in an account."""


@dataclass(slots=True, eq=False)
class Listing:
    """What rows to read: their columns, the FROM they come from and, given a statement's parameters, the condition.

    FROM and condition must scope every table by account, $1. In the list of a parent they name the parent's id as
    `parent.id`.
    """

    purpose: str
    columns: str
    source: str | Source
    condition: Callable[[Parameters], str]
    order: Order
    searched: bool = False
    """Whether the best plan depends on the values, as it does with a search filter."""
    walk: Walk | None = None
    """For a search that may find very many rows or very few."""
    count: Count | None = None
    """How the rows of many parents are counted, where that is not best done as they are read."""
    fixed: bool = False
    """Whether it stays and takes no values, so that its statements can be kept."""
    walks: dict[tuple[int, bool, bool], tuple[str, list[Any]]] = field(default_factory=dict)
    """The statements that walk it from an end, with their values but for the account: by the size of the page, whether
    it is the last one, and whether rows have cursors. For a listing that is kept itself."""

    def rows_from(self, p: Parameters, window: Window | None = None) -> str:
        return self.source if isinstance(self.source, str) else self.source(p, window)


async def read_page(
    database: Database, account_id: UUID, listing: Listing, window: Window, cursors: Cursors, keyed: bool = True
) -> Page:
    """A page of one list: one statement, a second when it must be sought, and another only when it is asked to count.

    `keyed` says whether its rows need cursors.
    """
    run = database.search if listing.searched else database.fetch

    async def count(_: UUID | None) -> int:
        p = Parameters(account_id)
        condition = listing.condition(p)
        statement = f"-- Count {listing.purpose}.\nSELECT count(*) FROM {listing.rows_from(p)} WHERE {condition}"
        total: int = (await run(statement, *p.values))[0][0]
        return total

    rows: list[Record] = []
    if listing.walk is not None:
        walked, values = _walking(listing, window, keyed)
        rows = await (database.walk if listing.walk.planned_once else run)(walked, account_id, *values)
    if len(rows) < window.limit:
        p = Parameters(account_id)
        found = _rows(listing, window, p, keyed) if listing.walk is None else _sought(listing, window, p)
        rows = await run(f"-- A page of {listing.purpose}.\n{found}", *p.values)
    return Page(rows, Read(window, listing.order, cursors, count))


async def read_pages(
    database: Database,
    account_id: UUID,
    parent_ids: Sequence[UUID],
    listing: Listing,
    window: Window,
    cursors: Cursors,
    keyed: bool = True,
) -> dict[UUID, Page]:
    """A page for each parent: one statement for all, and one more when any is asked to count."""
    run = database.search if listing.searched else database.fetch
    counts = _Counts(database, account_id, parent_ids, listing)
    p = Parameters(account_id)
    only = len(parent_ids) == 1
    p(parent_ids[0] if only else list(parent_ids))
    if listing.fixed and window.after is None and window.before is None:
        statement = _kept(listing, window.size, window.backward, keyed, only)
    else:
        statement = _of_parents(listing, window, p, keyed, only)
    rows = await run(statement, *p.values)
    read = Read(window, listing.order, cursors, counts.of)
    return {
        parent_id: Page(found, read, parent_id)
        for parent_id, found in zip(parent_ids, [rows] if only else by_place(rows, len(parent_ids)), strict=True)
    }


@lru_cache(MOST_KEPT)
def _kept(listing: Listing, size: int, backward: bool, keyed: bool, only: bool) -> str:
    p = Parameters(NOBODY)
    p(None)
    statement = _of_parents(listing, Window(size, backward), p, keyed, only)
    assert len(p.values) == 2
    return statement


def _of_parents(listing: Listing, window: Window, p: Parameters, keyed: bool, only: bool) -> str:
    """For all parents, whose ids are $2, or for the only one, whose id is $2."""
    if only:
        columns, parents = "listed.*", "(SELECT $2::uuid AS id) AS parent"
    else:
        columns, parents = "parent.place, listed.*", "unnest($2::uuid[]) WITH ORDINALITY AS parent(id, place)"
    return (
        f"-- For each parent, a page of {listing.purpose}.\nSELECT {columns} FROM {parents}\n"
        f"CROSS JOIN LATERAL (\n{_rows(listing, window, p, keyed)}\n) AS listed"
    )


def by_place(rows: list[Record], places: int) -> list[list[Record]]:
    """The rows of each parent; the first column is its place, from 1."""
    found: list[list[Record]] = [[] for _ in range(places)]
    for row in rows:
        found[row[0] - 1].append(row)
    return found


class _Counts:
    """How many rows each parent has, counted for all of them when the first is asked for."""

    def __init__(self, database: Database, account_id: UUID, parent_ids: Sequence[UUID], listing: Listing) -> None:
        self._database = database
        self._account_id = account_id
        self._parent_ids = list(parent_ids)
        self._listing = listing
        self._counted: asyncio.Future[dict[UUID, int]] | None = None

    async def of(self, parent_id: UUID | None) -> int:
        assert parent_id is not None
        if self._counted is None:
            count = self._listing.count or partial(_count, self._listing)
            self._counted = asyncio.ensure_future(count(self._database, self._account_id, self._parent_ids))
        # Shielded, because who asks may be cancelled while others still wait for the same.
        return (await asyncio.shield(self._counted))[parent_id]


async def _count(listing: Listing, database: Database, account_id: UUID, parent_ids: Sequence[UUID]) -> dict[UUID, int]:
    p = Parameters(account_id)
    parents = f"unnest({p(parent_ids)}::uuid[]) AS parent(id)"
    condition = listing.condition(p)
    rows = await database.search(
        f"-- For each parent, count {listing.purpose}.\n"
        f"SELECT parent.id, counted.count FROM {parents} CROSS JOIN LATERAL (\n"
        f"SELECT count(*) AS count FROM {listing.rows_from(p)} WHERE {condition}\n) AS counted",
        *p.values,
    )
    return {row["id"]: row["count"] for row in rows}


def _rows(listing: Listing, window: Window, p: Parameters, keyed: bool) -> str:
    if listing.walk is not None:
        return _walked_or_sought(listing, window, p)
    keys = f", {listing.order.columns}" if keyed else ""
    return (
        f"SELECT {listing.columns}{keys} FROM {listing.rows_from(p, window)}\n"
        f"WHERE {listing.condition(p)} AND {window.condition(listing.order, p)}\n"
        f"ORDER BY {window.order_by(listing.order.sorted)} LIMIT {window.limit}"
    )


def _walked_or_sought(listing: Listing, window: Window, p: Parameters) -> str:
    """Both ways in one statement, for many parents: PostgreSQL does not begin to seek where the walk has filled a
    page."""
    filled = f"(SELECT count(*) FROM walked) = {window.limit}"
    return (
        f"WITH walked AS MATERIALIZED (\n{_walked(listing, window, p)})\n"
        f"SELECT * FROM (SELECT * FROM walked WHERE {filled}\n"
        f"UNION ALL SELECT * FROM (\n{_sought(listing, window, p)}) AS sought WHERE NOT {filled}) AS rows\n"
        f"ORDER BY {window.order_by(listing.order.listed('rows'))}"
    )


def _walking(listing: Listing, window: Window, keyed: bool) -> tuple[str, list[Any]]:
    """The statement that walks, and its values but for the account."""
    kept = listing.walks if window.after is None and window.before is None else {}
    found = kept.get((window.size, window.backward, keyed))
    if found is None:
        p = Parameters(NOBODY)
        statement = f"-- A page of {listing.purpose}, walked.\n{_walked(listing, window, p, keyed)}"
        found = statement, p.values[1:]
        if not any(isinstance(value, list) and len(value) > MOST_LISTED for value in p.values):
            kept[window.size, window.backward, keyed] = found
    return found


def _walked(listing: Listing, window: Window, p: Parameters, keyed: bool = True) -> str:
    walk = listing.walk
    assert walk is not None
    alias, order = walk.alias, listing.order
    named = order.named(alias)
    keys = f", {named.columns}" if keyed else ""
    return (
        f"SELECT {listing.columns}{keys}\n"
        f"FROM (SELECT {alias}.*{order.more_columns} FROM {walk.table} {alias}\n"
        f"  WHERE {walk.scope(p)} AND {window.condition(order, p)}\n"
        f"  ORDER BY {window.order_by(order.sorted)} LIMIT {walk.most}) AS {alias} {walk.joins}\n"
        f"WHERE {walk.condition(p)}\n"
        f"ORDER BY {window.order_by(named.sorted)} LIMIT {window.limit}"
    )


def _sought(listing: Listing, window: Window, p: Parameters) -> str:
    # OFFSET 0 keeps PostgreSQL from walking after all.
    return (
        f"SELECT * FROM (SELECT {listing.columns}, {listing.order.columns} FROM {listing.rows_from(p, window)}\n"
        f"  WHERE {listing.condition(p)} AND {window.condition(listing.order, p)} OFFSET 0) AS found\n"
        f"ORDER BY {window.order_by(listing.order.listed('found'))} LIMIT {window.limit}"
    )

"""Relay connections over pages of rows. An edge is a page with one of its rows."""

from collections.abc import Iterable
from itertools import repeat
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from app.engine.batch import part_field
from app.engine.plan import Columns

Node = TypeVar("Node")

CURSOR = "cursor"
"""What a field reads that needs the cursor of a row."""

READS_NOTHING: dict[str, Iterable[str]] = {"reads": ()}
READS_CURSORS: dict[str, Iterable[str]] = {"reads": (CURSOR,)}


def reads_cursors(columns: Columns | None) -> bool:
    """Whether a page needs cursors, for whatever is selected of it."""
    return columns is None or columns.of_any is None or CURSOR in columns.of_any


First = Annotated[
    int | None,
    strawberry.argument(description="How many from the start, 1 to 100. Default, when neither end is named: 25."),
]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor of the same connection.")]
Last = Annotated[int | None, strawberry.argument(description="How many from the end, 1 to 100. Not with `first`.")]
Before = Annotated[
    str | None, strawberry.argument(description="Only what precedes this cursor of the same connection.")
]


@strawberry.type(description="Where a page lies in its connection.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether more follows. Paging backwards: whether `before` was given, so that there may be more."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether more precedes. Paging forwards: whether `after` was given, so that there may be more."
    )

    @strawberry.field(
        description="The cursor of the first row of the page; null when the page is empty.", metadata=READS_CURSORS
    )
    def start_cursor(self: Any) -> str | None:
        return self.cursor(self.rows[0]) if self.rows else None

    @strawberry.field(
        description="The cursor of the last row of the page; null when the page is empty.", metadata=READS_CURSORS
    )
    def end_cursor(self: Any) -> str | None:
        return self.cursor(self.rows[-1]) if self.rows else None


@strawberry.type(description="One row of a page.")
class Edge(Generic[Node]):
    node: Node = part_field(1, description="The row itself.")

    @strawberry.field(
        description="Marks this place in the connection, for `after` and `before`.", metadata=READS_CURSORS
    )
    def cursor(self: Any) -> str:
        return cursor(self)


@strawberry.type
class Counted:
    """What every connection has. Rows are added and removed while clients page: cursors hold their place."""

    @strawberry.field(description="Where this page lies in the connection.", metadata=READS_NOTHING)
    def page_info(self: Any) -> PageInfo:
        page: PageInfo = self
        return page

    @strawberry.field(
        description="How many there are in all, on every page. Only counted when it is asked for.",
        metadata=READS_NOTHING,
    )
    async def total_count(self: Any) -> int:
        count: int = await self.count()
        return count


def edges(page: Any) -> list[Any]:
    return list(zip(repeat(page), page.rows))


def cursor(edge: Any) -> str:
    page, row = edge
    written: str = page.cursor(row)
    return written


@strawberry.type(description="A page of a list.")
class Connection(Counted, Generic[Node]):
    @strawberry.field(description="The rows of this page with their cursors.", metadata=READS_NOTHING)
    def edges(self: Any) -> list[Edge[Node]]:
        return edges(self)

    @strawberry.field(description="The rows of this page.", metadata=READS_NOTHING)
    def nodes(self: Any) -> list[Node]:
        rows: list[Node] = self.rows
        return rows

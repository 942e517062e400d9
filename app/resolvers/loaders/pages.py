"""The pages of nested connections."""

from collections.abc import Sequence
from uuid import UUID

from app.context import Context
from app.domain.listing import Listing, read_pages
from app.domain.paging import Page, PageArguments
from app.engine.plan import Columns
from app.schema.connections import reads_cursors


async def pages(
    context: Context,
    parent_ids: Sequence[UUID],
    listing: Listing,
    asked: PageArguments,
    columns: Columns | None,
    most: int | None = None,
) -> dict[UUID, Page]:
    """A page for each parent, of at most so many rows. Raises BadUserInputError."""
    window = context.window(listing.order, asked, most)
    return await read_pages(
        context.database, context.account_id, parent_ids, listing, window, context.cursors, reads_cursors(columns)
    )

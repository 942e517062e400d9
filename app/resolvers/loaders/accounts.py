"""What belongs to the account itself."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from app.context import Context
from app.domain import contracts


async def contracts_by_id(context: Context, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return await contracts.by_id(context.database, context.account_id, list(ids))

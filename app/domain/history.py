"""What operators see of operations: those under way, and those that came last."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from app.database import Database
from app.domain.operations import COLUMNS

NAMED_COLUMNS = f"{COLUMNS}, s.name AS segment_name"
"""Of an operation and its segment, which has no name once it was deleted."""

UNFINISHED = f"""
-- The account's operations that have not ended, oldest first.
SELECT {NAMED_COLUMNS}
FROM membership_operation o LEFT JOIN segment s ON s.account_id = $1 AND s.id = o.segment_id
WHERE o.account_id = $1 AND o.status IN ('QUEUED', 'RUNNING')
ORDER BY o.id
"""

ENDED = f"""
-- The account's operations that have ended, those asked for last first. Ids grow with time.
SELECT {NAMED_COLUMNS}
FROM membership_operation o LEFT JOIN segment s ON s.account_id = $1 AND s.id = o.segment_id
WHERE o.account_id = $1 AND o.status NOT IN ('QUEUED', 'RUNNING')
ORDER BY o.id DESC LIMIT $2
"""

BY_ID = f"""
-- Operations by id, with the names of their segments.
SELECT {NAMED_COLUMNS}
FROM membership_operation o LEFT JOIN segment s ON s.account_id = $1 AND s.id = o.segment_id
WHERE o.account_id = $1 AND o.id = ANY($2::uuid[])
"""


async def unfinished(database: Database, account_id: UUID) -> list[Record]:
    return await database.fetch(UNFINISHED, account_id)


async def ended(database: Database, account_id: UUID, most: int) -> list[Record]:
    return await database.fetch(ENDED, account_id, most)


async def by_id(database: Database, account_id: UUID, ids: Sequence[UUID]) -> list[Record]:
    return await database.fetch(BY_ID, account_id, list(ids))

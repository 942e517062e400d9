"""Reads that all see the database as it was at one moment, row by row or as a file that PostgreSQL writes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from math import ceil
from typing import Any

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from app.connections import Connections
from app.statements import UNWATCHED, Observer, written_out

NOW = """
-- This moment.
SELECT clock_timestamp()
"""

BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = auto"

SECONDS_TO_ABANDON = 5.0


class Snapshot:
    """Reads that all see the database as it was at one moment."""

    def __init__(self, connection: "PoolConnectionProxy[Record]", now: datetime, observe: Observer) -> None:
        self._connection = connection
        self._observe = observe
        self.now = now
        """No earlier than any change that is seen."""

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Runs a statement that is planned for these values."""
        with self._observe(statement) or UNWATCHED:
            prepared = await self._connection.prepare(statement, name="")
            rows: list[Record] = await prepared.fetch(*values)
        return rows

    async def fetchrow(self, statement: str, *values: Any) -> Record | None:
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None

    async def copy_out(
        self, statement: str, *values: Any, sink: Callable[[bytes], Awaitable[None]], **options: Any
    ) -> None:
        """Hands the sink what a statement finds as COPY writes it, piece by piece, and reads on when it took a piece.

        COPY takes no parameters, so values are written into the statement: none but ids, and lists of ids.
        """
        with self._observe(statement) or UNWATCHED:
            await self._connection.copy_from_query(
                written_out(statement, values), output=sink, encoding="utf8", format="csv", **options
            )


@asynccontextmanager
async def snapshot(connections: Connections, observe: Observer, seconds: float = 0) -> AsyncIterator[Snapshot]:
    """A snapshot for the length of a block. Each statement may take so many seconds; 0 is for any number."""
    async with connections.borrowed() as connection:
        try:
            await connection.execute(f"{BEGIN_SNAPSHOT}; SET LOCAL statement_timeout = {ceil(seconds * 1000)}")
            yield Snapshot(connection, await connection.fetchval(NOW), observe)
        finally:
            await _abandon(connection)


async def _abandon(connection: "PoolConnectionProxy[Record]") -> None:
    """Ends the transaction, and what may still run in it. Where that does not come to its end, as in the middle of a
    COPY that nobody reads any more, the connection is given up."""
    try:
        async with asyncio.timeout(SECONDS_TO_ABANDON):
            await connection.execute("ROLLBACK")
    except (TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError, OSError):
        connection.terminate()
    except BaseException:
        connection.terminate()
        raise

"""Somebody at the database who sees what a server does there, and can stand in its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

RUNNING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND usename = $1 AND state = 'active' AND wait_event_type = 'Lock'
"""

ENDING = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE $1 AND pid <> pg_backend_pid()
"""


class Watcher:
    """Somebody at the database who can hold a table and sees who waits for it."""

    def __init__(self, url: str, role: str) -> None:
        self._url = url
        self._role = role

    async def waiting(self) -> int:
        # Asked anew each time: one transaction sees the activity of one moment.
        return len(await self._run(RUNNING, self._role))

    async def until_waiting(self, number: int) -> None:
        async with asyncio.timeout(10):
            while await self.waiting() != number:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def end(self, pid: int) -> None:
        """Ends the connection of this server process, and waits for that."""
        await self._run("SELECT pg_terminate_backend($1, 5000)", pid)

    async def end_waiting(self) -> None:
        """Ends the connections of those who wait."""
        for row in await self._run(RUNNING, self._role):
            await self._run("SELECT pg_terminate_backend($1)", row["pid"])

    async def end_connections(self, statement: str) -> None:
        """Ends the connections to the database that did, or do, a statement like this."""
        await self._run(ENDING, f"%{statement}%")

    @asynccontextmanager
    async def holding(self, table: str) -> AsyncIterator[None]:
        """Nobody else gets at the table meanwhile."""
        holder = await asyncpg.connect(self._url)
        try:
            await holder.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
        finally:
            await holder.close()

    async def _run(self, statement: str, *values: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *values)
            return rows
        finally:
            await connection.close()

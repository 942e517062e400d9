"""Whether this process can serve: what /readyz answers."""

import asyncio
from time import monotonic

import asyncpg

from app.database import Database
from app.migrate import newest_revision

KEPT = 0.5
"""Seconds for which a finding is good, so that nobody can keep the database busy by asking."""

REVISION = """
-- The schema that the database is at.
SELECT version_num FROM alembic_version
"""


class Readiness:
    """Ready while the database answers, its schema is this program's, and nobody has told the process to stop."""

    def __init__(self) -> None:
        self.stopping = False
        """Set when the process is told to stop. Requests are served on; new ones should go elsewhere."""
        self._newest_revision = newest_revision()
        self._finding: asyncio.Lock = asyncio.Lock()
        self._found: str | None = None
        self._found_at = -KEPT

    async def obstacle(self, database: Database) -> str | None:
        """Why requests cannot be served, or None. Known within about two seconds, whatever the database does."""
        if self.stopping:
            return "The process is about to stop."
        async with self._finding:
            if monotonic() - self._found_at >= KEPT:
                self._found = await self._find(database)
                self._found_at = monotonic()
            return self._found

    async def _find(self, database: Database) -> str | None:
        try:
            row = await database.probe(REVISION)
        except asyncpg.UndefinedTableError:
            row = None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return "The database does not answer."
        if row is None or row[0] != self._newest_revision:
            return "The database is not migrated: segments migrate"
        return None

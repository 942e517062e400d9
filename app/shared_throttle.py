"""The buckets of the rate limit, shared by all processes on one database."""

from collections.abc import Callable

from app.database import Database
from app.engine.throttle import Bucket

TAKE = """
-- Take points from a bucket when it holds as many: it is full so many seconds later, but never later than it can be.
WITH taken AS (
  INSERT INTO rate_limit AS bucket (key, full_at)
  VALUES ($1, clock_timestamp() + make_interval(secs => $2))
  ON CONFLICT (key) DO UPDATE
  SET full_at = greatest(bucket.full_at, clock_timestamp()) + make_interval(secs => $2)
  WHERE greatest(bucket.full_at, clock_timestamp()) + make_interval(secs => $2)
    <= clock_timestamp() + make_interval(secs => $3)
  RETURNING full_at
)
SELECT true AS taken, extract(epoch FROM full_at - clock_timestamp())::float8 AS full_in FROM taken
UNION ALL
SELECT false, extract(epoch FROM full_at - clock_timestamp())::float8 FROM rate_limit
WHERE key = $1 AND NOT EXISTS (SELECT FROM taken)
"""

FORGET = """
-- Forget the buckets that are full, but for those that somebody is taking from.
DELETE FROM rate_limit WHERE key IN (
  SELECT key FROM rate_limit WHERE full_at < clock_timestamp() FOR UPDATE SKIP LOCKED
)
"""

FORGET_EVERY = 10_000
"""Operations of one process between two times that it forgets full buckets."""


class SharedThrottle:
    """Buckets in PostgreSQL, by its clock: one statement for each operation."""

    def __init__(self, points_per_second: int, database: Callable[[], Database]) -> None:
        """The database is asked for with each operation: it is opened after this is made."""
        self._rate = points_per_second
        self._database = database
        self._asked = 0

    async def take(self, key: str, points: int, capacity: int) -> tuple[bool, Bucket]:
        database = self._database()
        row = await database.fetchrow(TAKE, key, points / self._rate, capacity / self._rate)
        self._asked += 1
        if self._asked % FORGET_EVERY == 0:
            await database.fetch(FORGET)
        if row is None:
            # Somebody else emptied a bucket that was not there when the statement began.
            return False, Bucket(capacity, self._rate, capacity / self._rate)
        return row["taken"], Bucket(capacity, self._rate, max(0.0, row["full_in"]))

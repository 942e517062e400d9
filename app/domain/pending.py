"""Whom a queued operation has still to deal with: frozen when it was asked for, taken chunk by chunk.

What one statement found is kept by that same statement, so that the set is exact: later candidates are not in it, and
what changes later about those in it is seen when their chunk comes.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.database import Transaction
from app.domain.sql import Parameters
from app.settings import Settings

PENDING_TOGETHER = 1_000
"""Candidates in one row of pending_candidate, at most."""

TAKE = """
-- Whom the operation deals with next.
SELECT candidate_ids FROM pending_candidate
WHERE account_id = $1 AND operation_id = $2 AND ($3::uuid IS NULL OR last_candidate_id > $3)
ORDER BY last_candidate_id LIMIT $4
"""


def frozen(operation: str, whom: str, settings: Settings) -> str:
    """A statement that keeps the candidates `c.id` that `whom`, a FROM with its WHERE, finds. It returns `kept`, how
    many each of its rows holds. `operation` is an SQL expression."""
    return f"""
  INSERT INTO pending_candidate (account_id, operation_id, last_candidate_id, candidate_ids)
  SELECT $1, {operation}, k.ids[cardinality(k.ids)], k.ids
  FROM (
    SELECT array_agg(n.id ORDER BY n.id) AS ids
    FROM (SELECT c.id, (row_number() OVER (ORDER BY c.id) - 1) / {_together(settings)} AS together {whom}) AS n
    GROUP BY n.together) AS k
  RETURNING cardinality(candidate_ids) AS kept"""


def frozen_by_segment(operations: Mapping[UUID, UUID], whom: str, p: Parameters, settings: Settings) -> str:
    """The same for several segments, each with an operation of its own: `c.segment_id` says in which the candidate
    is."""
    return f"""
  INSERT INTO pending_candidate (account_id, operation_id, last_candidate_id, candidate_ids)
  SELECT $1, o.operation_id, k.ids[cardinality(k.ids)], k.ids
  FROM (
    SELECT n.segment_id, array_agg(n.id ORDER BY n.id) AS ids
    FROM (
      SELECT c.segment_id, c.id,
        (row_number() OVER (PARTITION BY c.segment_id ORDER BY c.id) - 1) / {_together(settings)} AS together
      {whom}) AS n
    GROUP BY n.segment_id, n.together) AS k
  JOIN unnest({p(list(operations))}::uuid[], {p(list(operations.values()))}::uuid[]) AS o(segment_id, operation_id)
    ON o.segment_id = k.segment_id"""


async def take(
    tx: Transaction, operation_id: UUID, cursor: UUID | None, count: int, settings: Settings
) -> Sequence[UUID]:
    """About so many of them, in the order of their ids, beyond the cursor: at least one as long as there is any."""
    rows = await tx.fetch(TAKE, tx.account_id, operation_id, cursor, max(1, count // _together(settings)))
    return [id for row in rows for id in row["candidate_ids"]]


def _together(settings: Settings) -> int:
    return min(PENDING_TOGETHER, settings.chunk_size)

"""Whom a queued operation has still to deal with: frozen when it was asked for, taken chunk by chunk.

What one statement found is kept by that same statement, so that the set is exact: later candidates are not in it, and
what changes later about those in it is seen when their chunk comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.database import Transaction
from app.domain.segments import SegmentRef
from app.domain.sql import Parameters
from app.settings import Settings

PENDING_TOGETHER = 100
"""Candidates in one row of pending_candidate, at most: what fits into a page, so that none is compressed and kept
elsewhere."""

TAKE = """
-- Whom the operation deals with next.
SELECT candidate_ids FROM pending_candidate
WHERE account_id = $1 AND operation_id = $2 AND ($3::uuid IS NULL OR last_candidate_id > $3)
ORDER BY last_candidate_id LIMIT $4
"""

ADD = """
-- Add those whom the operation deals with next, unless they need more endpoints than are allowed.
WITH taken AS MATERIALIZED (
  SELECT last_candidate_id, candidate_ids FROM pending_candidate
  WHERE account_id = $1 AND operation_id = $2 AND ($3::uuid IS NULL OR last_candidate_id > $3)
  ORDER BY last_candidate_id LIMIT $4
), found AS MATERIALIZED (
  SELECT c.id, (
    SELECT bool_or(m.segment_id = $5::uuid) FROM segment_member m
    WHERE m.account_id = $1 AND m.candidate_id = c.id AND m.channel = $6::channel) AS here
  FROM (SELECT unnest(candidate_ids) AS id FROM taken) AS c
), size AS MATERIALIZED (
  SELECT count(*) AS processed, count(*) FILTER (WHERE here) AS already_member,
    count(*) FILTER (WHERE here IS NULL) AS new_endpoints
  FROM found
), added AS (
  INSERT INTO segment_member AS m (account_id, segment_id, added_at, candidate_id, channel, operation_id)
  SELECT $1, $5::uuid, $7::timestamptz, c.id, $6::channel, $2
  FROM found c WHERE here IS NOT TRUE AND (SELECT new_endpoints FROM size) <= $8
  ORDER BY c.id
  RETURNING 1
)
SELECT processed, already_member, new_endpoints, (SELECT count(*) FROM added) AS added,
  (SELECT last_candidate_id FROM taken ORDER BY last_candidate_id DESC LIMIT 1) AS last
FROM size
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


async def take(tx: Transaction, operation_id: UUID, cursor: UUID | None, rows: int) -> Sequence[UUID]:
    """So many rows of them, in the order of their ids, beyond the cursor."""
    taken = await tx.fetch(TAKE, tx.account_id, operation_id, cursor, rows)
    return [id for row in taken for id in row["candidate_ids"]]


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of adding some of them."""

    processed: int
    already_member: int
    new_endpoints: int
    added: int
    last: UUID | None
    """The last of them."""


async def add_frozen(
    tx: Transaction, operation_id: UUID, segment: SegmentRef, cursor: UUID | None, rows: int, allowed: int
) -> Joined | None:
    """Adds the next rows of them to the segment without looking at anything but memberships. None, and nobody is added,
    when they need more new endpoints than are allowed."""
    [row] = await tx.bulk(ADD, tx.account_id, operation_id, cursor, rows, segment.id, segment.channel, tx.now, allowed)
    return Joined(*row) if row["new_endpoints"] <= allowed else None


def rows_of(count: int, settings: Settings) -> int:
    """How many rows have about so many candidates."""
    return max(1, count // _together(settings))


def _together(settings: Settings) -> int:
    return min(PENDING_TOGETHER, settings.chunk_size)

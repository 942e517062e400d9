"""Memberships that no longer stand, of any number: ended at once when they are few, else by queued operations.

Who queues them sees to it that readers leave them out until they have ended.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from app.database import Database, Transaction
from app.domain import operations
from app.domain.endings import end_memberships
from app.domain.operations import Asked, Outcome
from app.domain.pending import frozen_by_segment
from app.domain.sql import Parameters
from app.models import MembershipOperationKind
from app.settings import Settings

SEGMENTS = """
-- The account's segments.
SELECT id FROM segment WHERE account_id = $1
"""

Lost = Callable[[Parameters], str]
"""The condition on memberships `m`, of candidates `c`, that are to end."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Who leaves which segments."""

    endpoints: int
    """How many endpoints they are: candidates and channels."""
    by_segment: Mapping[UUID, int]
    """How many members each segment loses, the one with the most first."""

    @property
    def memberships(self) -> int:
        return sum(self.by_segment.values())


@dataclass(frozen=True, slots=True)
class Ending:
    """How many memberships ended, or will, and the operations that ended them, one for each segment, or will."""

    memberships: int = 0
    operation_ids: tuple[UUID, ...] = ()
    queued: bool = False
    """Whether the operations still have to do it."""

    @property
    def ended(self) -> int:
        """How many memberships ended at once."""
        return 0 if self.queued else self.memberships


async def count(database: Database, account_id: UUID, lost: Lost) -> Losses:
    p = Parameters(account_id)
    rows = await database.search(
        f"""
-- Who leaves which segments; the row without a segment counts the endpoints.
WITH lost AS MATERIALIZED (
  SELECT m.segment_id, m.candidate_id, m.channel FROM segment_member m
  LEFT JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
  WHERE m.account_id = $1 AND {lost(p)})
SELECT NULL::uuid AS segment_id, count(DISTINCT (candidate_id, channel)) AS lost FROM lost
UNION ALL
(SELECT segment_id, count(*) FROM lost GROUP BY segment_id ORDER BY 2 DESC, 1)""",
        *p.values,
    )
    counts: dict[UUID | None, int] = {row["segment_id"]: row["lost"] for row in rows}
    endpoints = counts.pop(None)
    return Losses(endpoints, {segment_id: number for segment_id, number in counts.items() if segment_id})


async def end_or_queue(tx: Transaction, lost: Lost, cause: str, requested_by: str, settings: Settings) -> Ending:
    """Ends these memberships, up to `inline_add_limit` of them, or queues that. One operation for each segment."""
    by_segment = {row["id"]: operations.new_id() for row in await tx.fetch(SEGMENTS, tx.account_id)}
    p = Parameters(tx.account_id)
    rows = await tx.bulk(_found_or_frozen(by_segment, lost(p), p, settings), *p.values)
    found = {row["segment_id"]: row["lost"] for row in rows}
    losing = {segment_id: by_segment[segment_id] for segment_id in found}
    ending = Ending(sum(found.values()), tuple(losing.values()), sum(found.values()) > settings.inline_add_limit)
    if ending.queued:
        asked = Asked(MembershipOperationKind.ELIGIBILITY_LOST, requested_by, cause)
        for segment_id, operation_id in losing.items():
            number = found[segment_id]
            await operations.record(tx, operation_id, segment_id, asked, Outcome(matched=number), pending=number)
    elif losing:
        p = Parameters(tx.account_id)
        members = [(row["segment_id"], id) for row in rows for id in row["ids"]]
        segments, candidates = (p(list(ids)) for ids in zip(*members, strict=True))
        condition = (
            f"(m.segment_id, m.candidate_id) IN (SELECT * FROM unnest({segments}::uuid[], {candidates}::uuid[]))"
        )
        ended = await end_memberships(tx, losing, condition, p)
        await operations.record_ended(tx, losing, ended, cause, requested_by)
    return ending


def _found_or_frozen(operations: Mapping[UUID, UUID], lost: str, p: Parameters, settings: Settings) -> str:
    few = f"(SELECT count(*) <= {p(settings.inline_add_limit)} FROM lost)"
    return f"""
-- Who leaves which segments: by id when they are few, else frozen as pending.
WITH lost AS MATERIALIZED (
  SELECT m.segment_id, m.candidate_id AS id FROM segment_member m
  LEFT JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
  WHERE m.account_id = $1 AND {lost}
), pending AS ({frozen_by_segment(operations, f"FROM lost c WHERE NOT {few}", p, settings)}
)
SELECT c.segment_id, count(*) AS lost, CASE WHEN {few} THEN array_agg(c.id) END AS ids FROM lost c
GROUP BY c.segment_id ORDER BY lost DESC, c.segment_id"""

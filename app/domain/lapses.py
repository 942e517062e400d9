"""Memberships end when what they rested on is gone: a consent withdrawn or expired, an address lost.

Whoever changes consents, policies, addresses or suppressions calls `end_lost_memberships` in the same transaction.
Time passes without a transaction: `sweep` ends what expired since the last sweep, and `eligibility.not_lapsed` keeps
readers from seeing it before.
"""

from collections.abc import Sequence
from uuid import UUID

from app.database import Database, Transaction
from app.domain import operations
from app.domain.eligibility import Rules, eligible, lapsed, rules
from app.domain.endings import end_memberships
from app.domain.operations import Asked, Outcome
from app.domain.sql import Parameters, Place
from app.models import Channel, MembershipOperationKind

SYSTEM = "segments"
"""Who asked for what nobody asked for."""

EXPIRED = """
-- Candidates with a consent that expired since memberships were last swept.
SELECT DISTINCT k.candidate_id FROM consent k
WHERE k.account_id = $1 AND k.withdrawn_at IS NULL AND k.expires_at <= $2
  AND k.expires_at > (SELECT lapses_swept_until FROM endpoint_usage WHERE account_id = $1)
"""

SWEPT = """
-- Memberships no longer rest on consents that expired by now.
UPDATE endpoint_usage SET lapses_swept_until = $2 WHERE account_id = $1
"""


FREED_BY_SWEEP = f"""
-- Endpoints that rest on consents which expired since memberships were last swept.
SELECT count(*) AS endpoints FROM (
  SELECT DISTINCT m.candidate_id, m.channel FROM segment_member m
  WHERE m.account_id = $1 AND {lapsed("m.channel", "m.candidate_id")}) AS endpoint
"""


async def end_lost_memberships(
    tx: Transaction, candidate_ids: Sequence[UUID], cause: str, requested_by: str = SYSTEM
) -> int:
    """Ends every membership of these candidates that they are no longer eligible for. Returns how many.

    Recorded as one operation of kind ELIGIBILITY_LOST per segment, with the cause in words.
    """
    if not candidate_ids:
        return 0
    demands = await rules(tx, tx.account_id)
    p = Parameters(tx.account_id)
    lost = _lost(demands, p, p(candidate_ids), p.when_used(tx.now))
    segments = await tx.bulk(
        f"""
-- The segments that lose members.
SELECT DISTINCT m.segment_id FROM segment_member m
LEFT JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
WHERE m.account_id = $1 AND {lost}""",
        *p.values,
    )
    if not segments:
        return 0
    by_segment = {row["segment_id"]: operations.new_id() for row in segments}
    p = Parameters(tx.account_id)
    ended = await end_memberships(tx, by_segment, _lost(demands, p, p(candidate_ids), p.when_used(tx.now)), p)
    for segment_id, operation_id in by_segment.items():
        count = ended.get(operation_id, 0)
        await operations.record(
            tx,
            operation_id,
            segment_id,
            Asked(MembershipOperationKind.ELIGIBILITY_LOST, requested_by, cause),
            Outcome(matched=count, removed=count),
        )
    return sum(ended.values())


async def sweep(tx: Transaction) -> int:
    """Ends the memberships whose consents have expired by now. Returns how many."""
    expired = [row["candidate_id"] for row in await tx.fetch(EXPIRED, tx.account_id, tx.now)]
    if not expired:
        return 0
    ended = await end_lost_memberships(tx, expired, "A consent expired.")
    await tx.fetch(SWEPT, tx.account_id, tx.now)
    return ended


async def freed_by_sweep(database: Database, account_id: UUID) -> int:
    """How many endpoints the next sweep would free if it came now."""
    row = await database.fetchrow(FREED_BY_SWEEP, account_id)
    assert row is not None
    return int(row["endpoints"])


def _lost(demands: Rules, p: Parameters, candidate_ids: str, now: Place) -> str:
    kept = " OR ".join(
        f"(m.channel = '{channel}' AND {eligible(demands, channel, 'c', p, now)})" for channel in Channel
    )
    return f"m.candidate_id = ANY({candidate_ids}::uuid[]) AND NOT coalesce({kept}, false)"

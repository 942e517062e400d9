"""Memberships end when what they rested on is gone: a consent withdrawn or expired, an address lost.

Whoever changes consents, policies, addresses or suppressions calls `end_lost_memberships` in the same transaction. When
they are too many for it, they are out of sight by `eligibility.not_lapsed` until queued operations have ended them.
Time passes without a transaction: `sweep` ends what expired since the last sweep, and `eligibility.not_lapsed` keeps
readers from seeing it before.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from app.database import Database, Transaction
from app.domain import losses, operations
from app.domain.eligibility import Rules, eligible, expired, rules
from app.domain.endings import end_memberships
from app.domain.losses import Ending
from app.domain.sql import Parameters, Place
from app.models import Channel
from app.settings import Settings

SYSTEM = "segments"
"""Who asked for what nobody asked for."""

EXPIRED_CAUSE = "A consent expired."

LEFT_CAUSE = "What the membership rested on is gone."
"""Of whoever an operation that failed has left behind."""

STATE = """
-- Until when memberships have been swept, or are being so by operations, and whether a consent expired since.
SELECT u.lapses_swept_until, u.lapses_queued_until, EXISTS (
  SELECT FROM consent k
  WHERE k.account_id = $1 AND k.withdrawn_at IS NULL AND k.expires_at <= $2
    AND k.expires_at > coalesce(u.lapses_queued_until, u.lapses_swept_until)) AS expired
FROM endpoint_usage u WHERE u.account_id = $1
"""

SWEPT = """
-- Memberships no longer rest on consents that expired by the first moment; operations end those that do by the second.
UPDATE endpoint_usage SET lapses_swept_until = $2, lapses_queued_until = $3 WHERE account_id = $1
"""

HIDE_LOST = """
-- Readers look at every member whether he may still be in.
UPDATE endpoint_usage SET losing_since = coalesce(losing_since, $2) WHERE account_id = $1
"""

LOSING = """
-- Whether operations have ended all memberships that were lost together, and whether one of them failed.
SELECT EXISTS (
  SELECT FROM membership_operation o WHERE o.account_id = $1 AND o.kind = 'ELIGIBILITY_LOST' AND o.status = 'FAILED'
    AND o.requested_at >= u.losing_since) AS failed
FROM endpoint_usage u
WHERE u.account_id = $1 AND u.losing_since IS NOT NULL AND NOT EXISTS (
  SELECT FROM membership_operation o
  WHERE o.account_id = $1 AND o.kind = 'ELIGIBILITY_LOST' AND o.status IN ('QUEUED', 'RUNNING'))
"""

SETTLED = """
-- Every member may be in.
UPDATE endpoint_usage SET losing_since = NULL WHERE account_id = $1
"""

FREED_BY_SWEEP = f"""
-- Endpoints that rest on consents which expired since memberships were last swept, or since that was queued.
SELECT count(*) AS endpoints FROM (
  SELECT DISTINCT m.candidate_id, m.channel FROM segment_member m
  WHERE m.account_id = $1
    AND {expired("m.channel", "m.candidate_id", "coalesce(u.lapses_queued_until, u.lapses_swept_until)")}) AS endpoint
"""


async def end_lost_memberships(
    tx: Transaction, candidate_ids: Sequence[UUID], cause: str, requested_by: str = SYSTEM
) -> int:
    """Ends every membership of these candidates that they are no longer eligible for, or queues that when there are
    more than `inline_add_limit`, and lets readers leave them out. Returns how many it ended.

    Recorded as one operation of kind ELIGIBILITY_LOST per segment, with the cause in words.
    """
    if not candidate_ids:
        return 0
    demands = await rules(tx, tx.account_id)

    def lost(p: Parameters) -> str:
        return f"m.candidate_id = ANY({p(candidate_ids)}::uuid[]) AND {_not_eligible(demands, p, p.when_used(tx.now))}"

    p = Parameters(tx.account_id)
    rows = await tx.bulk(
        f"""
-- How many members each segment loses.
SELECT m.segment_id, count(*) AS lost FROM segment_member m
LEFT JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
WHERE m.account_id = $1 AND {lost(p)}
GROUP BY m.segment_id""",
        *p.values,
    )
    if not rows:
        return 0
    if sum(row["lost"] for row in rows) > tx.settings.inline_add_limit:
        await tx.fetch(HIDE_LOST, tx.account_id, tx.now)
        return (await losses.end_or_queue(tx, lost, cause, requested_by, tx.settings)).ended
    by_segment = {row["segment_id"]: operations.new_id() for row in rows}
    p = Parameters(tx.account_id)
    ended = await end_memberships(tx, by_segment, lost(p), p)
    await operations.record_ended(tx, by_segment, ended, cause, requested_by)
    return sum(ended.values())


async def not_eligible(tx: Transaction, channel: Channel, candidate_ids: Sequence[UUID]) -> list[UUID]:
    """Who of these candidates may not be in segments of the channel."""
    demands = await rules(tx, tx.account_id)
    p = Parameters(tx.account_id)
    stays = eligible(demands, channel, "c", p, p.when_used(tx.now))
    rows = await tx.bulk(
        f"""
-- Who may not stay.
SELECT i.id FROM unnest({p(candidate_ids)}::uuid[]) AS i(id)
LEFT JOIN candidate c ON c.account_id = $1 AND c.id = i.id
WHERE NOT coalesce({stays}, false)""",
        *p.values,
    )
    return [row["id"] for row in rows]


async def sweep(tx: Transaction, settings: Settings) -> int:
    """Ends the memberships whose consents have expired by now: at once or, when they are many, by queued operations,
    until whose end readers leave them out. Returns how many it ended."""
    state = await _state(tx)
    if not state["expired"]:
        return 0
    swept_until, queued_until = state["lapses_swept_until"], state["lapses_queued_until"]
    ending = await _end_expired(tx, queued_until or swept_until, tx.now, settings)
    if ending.queued or queued_until is not None:
        await tx.fetch(SWEPT, tx.account_id, swept_until, tx.now)
    else:
        await tx.fetch(SWEPT, tx.account_id, tx.now, None)
    return ending.ended


async def settle(tx: Transaction, settings: Settings) -> int:
    """Lets readers know that queued operations have ended the memberships whose consents expired; whoever is left,
    because an operation failed, leaves now or by another operation. Returns how many it ended."""
    state = await _state(tx)
    swept_until, queued_until = state["lapses_swept_until"], state["lapses_queued_until"]
    if queued_until is None:
        return 0
    ending = await _end_expired(tx, swept_until, queued_until, settings)
    if not ending.queued:
        await tx.fetch(SWEPT, tx.account_id, queued_until, None)
    return ending.ended


async def settle_lost(tx: Transaction, settings: Settings) -> int:
    """Lets readers trust memberships again once queued operations have ended those that were lost together; whoever is
    left, because an operation failed, leaves now or by another operation. Returns how many it ended."""
    row = await tx.fetchrow(LOSING, tx.account_id)
    if row is None:
        return 0
    ending = Ending()
    if row["failed"]:
        demands = await rules(tx, tx.account_id)
        ending = await losses.end_or_queue(
            tx, lambda p: _not_eligible(demands, p, p.when_used(tx.now)), LEFT_CAUSE, SYSTEM, settings
        )
    if not ending.queued:
        await tx.fetch(SETTLED, tx.account_id)
    return ending.ended


async def due(tx: Transaction) -> bool:
    """Whether a consent has expired that no sweep has seen."""
    expired: bool = (await _state(tx))["expired"]
    return expired


async def _state(tx: Transaction) -> Record:
    state = await tx.fetchrow(STATE, tx.account_id, tx.now)
    assert state is not None
    return state


async def _end_expired(tx: Transaction, since: datetime, until: datetime, settings: Settings) -> Ending:
    """Ends the memberships that a consent held up which expired after one moment and by the other, or queues that."""

    def lost(p: Parameters) -> str:
        return (
            "(m.candidate_id, m.channel) IN (SELECT k.candidate_id, r.channel FROM consent k"
            " JOIN policy_requirement r ON r.account_id = $1 AND r.policy_id = k.policy_id"
            f" WHERE k.account_id = $1 AND k.withdrawn_at IS NULL AND k.expires_at > {p(since)}"
            f" AND k.expires_at <= {p(until)})"
        )

    return await losses.end_or_queue(tx, lost, EXPIRED_CAUSE, SYSTEM, settings)


async def freed_by_sweep(database: Database, account_id: UUID) -> int:
    """How many endpoints the next sweep would free if it came now."""
    row = await database.fetchrow(FREED_BY_SWEEP, account_id)
    assert row is not None
    return int(row["endpoints"])


def _not_eligible(demands: Rules, p: Parameters, now: Place) -> str:
    kept = " OR ".join(
        f"(m.channel = '{channel}' AND {eligible(demands, channel, 'c', p, now)})" for channel in Channel
    )
    return f"NOT coalesce({kept}, false)"

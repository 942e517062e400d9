"""How memberships end, whatever the reason: they move to the past, their endpoints fall out of use.

Several plain statements in the account's turn. Each operation ends memberships of one segment.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.database import Transaction
from app.domain import quota
from app.domain.sql import Parameters
from app.models import Channel

FORGET = """
-- Take out of the segments those whose place in the past is written.
DELETE FROM segment_member m USING past_segment_member past
WHERE m.account_id = $1 AND past.account_id = $1 AND past.removed_by = ANY($2::uuid[])
  AND past.segment_id = m.segment_id AND past.candidate_id = m.candidate_id AND past.added_at = m.added_at
"""

ENDED = """
-- How many memberships each operation ended.
SELECT removed_by, count(*) AS ended FROM past_segment_member
WHERE account_id = $1 AND removed_by = ANY($2::uuid[])
GROUP BY removed_by
"""

FREED = """
-- Endpoints that no membership needs any more.
SELECT s.channel, count(DISTINCT past.candidate_id) AS freed
FROM past_segment_member past
JOIN segment s ON s.account_id = $1 AND s.id = past.segment_id
WHERE past.account_id = $1 AND past.removed_by = ANY($2::uuid[])
  AND NOT EXISTS (
    SELECT FROM segment_member m
    WHERE m.account_id = $1 AND m.candidate_id = past.candidate_id AND m.channel = s.channel)
GROUP BY s.channel
"""

LEAVE = """
-- End the memberships of some candidates in one segment, and write down who left.
WITH ended AS (
  DELETE FROM segment_member m
  WHERE m.account_id = $1 AND m.segment_id = $2 AND m.channel = $3 AND m.candidate_id = ANY($4::uuid[])
    AND ($7::timestamptz IS NULL OR m.added_at <= $7)
  RETURNING m.account_id, m.candidate_id, m.added_at, m.operation_id
), past AS (
  INSERT INTO past_segment_member (account_id, segment_id, removed_at, candidate_id, added_at, added_by, removed_by)
  SELECT ended.account_id, $2, $5, ended.candidate_id, ended.added_at, ended.operation_id, $6 FROM ended
  ORDER BY ended.candidate_id
)
SELECT count(*) AS ended, count(*) FILTER (WHERE NOT EXISTS (
  SELECT FROM segment_member o
  WHERE o.account_id = $1 AND o.candidate_id = ended.candidate_id AND o.channel = $3 AND o.segment_id <> $2)) AS freed
FROM ended
"""

COUNT_DOWN = """
-- Bring the segments' counts down by what ended.
UPDATE segment s SET member_count = s.member_count - ended.count, last_modified_at = $4
FROM unnest($2::uuid[], $3::int[]) AS ended(segment_id, count)
WHERE s.account_id = $1 AND s.id = ended.segment_id
"""


async def end_in_segment(
    tx: Transaction,
    segment_id: UUID,
    channel: Channel,
    operation_id: UUID,
    candidate_ids: Sequence[UUID],
    since: datetime | None = None,
) -> int:
    """Ends the memberships of these candidates in one segment, by one chunk of an operation. Returns how many there
    were. Given `since`, only of those who have been in since that moment or before."""
    values = (segment_id, channel, list(candidate_ids), tx.now, operation_id, since)
    [row] = await tx.bulk(LEAVE, tx.account_id, *values)
    ended: int = row["ended"]
    if ended:
        await quota.change(tx, **{channel.lower(): -row["freed"]})
        await tx.fetch(COUNT_DOWN, tx.account_id, [segment_id], [ended], tx.now)
    return ended


async def end_memberships(
    tx: Transaction, operations: Mapping[UUID, UUID], condition: str, p: Parameters
) -> dict[UUID, int]:
    """Ends the memberships `m`, of candidates `c`, that meet the condition.

    `operations` says by segment which operation ends its memberships; only those segments are touched. Returns how
    many each operation ended.
    """
    segments, ids = list(operations), list(operations.values())
    await tx.bulk(
        f"""
-- Write down who leaves which segment.
INSERT INTO past_segment_member (account_id, segment_id, removed_at, candidate_id, added_at, added_by, removed_by)
SELECT m.account_id, m.segment_id, {p(tx.now)}, m.candidate_id, m.added_at, m.operation_id, o.operation_id
FROM unnest({p(segments)}::uuid[], {p(ids)}::uuid[]) AS o(segment_id, operation_id)
JOIN segment_member m ON m.account_id = $1 AND m.segment_id = o.segment_id
LEFT JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
WHERE {condition}""",
        *p.values,
    )
    ended = {row["removed_by"]: row["ended"] for row in await tx.bulk(ENDED, tx.account_id, ids)}
    if not ended:
        return {}
    await tx.bulk(FORGET, tx.account_id, ids)
    freed = {row["channel"]: row["freed"] for row in await tx.bulk(FREED, tx.account_id, ids)}
    await quota.change(tx, email=-freed.get(Channel.EMAIL, 0), sms=-freed.get(Channel.SMS, 0))
    counts = [ended.get(operation_id, 0) for operation_id in ids]
    await tx.fetch(COUNT_DOWN, tx.account_id, segments, counts, tx.now)
    return ended

"""People who are erased: their rows go everywhere, and whoever has their external id is refused for good.

What stays are numbers: the counts of past operations, and a salted hash of the external id.
"""

from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from app.database import Transaction
from app.domain import operations
from app.domain.endings import end_memberships
from app.domain.items import Kept, known_candidates
from app.domain.sql import Parameters

CANDIDATE_IDS = ("input", "candidateIds")

CAUSE = "A candidate was erased."

SALT = """
-- What salts the hashes of erased people.
SELECT secret FROM account WHERE id = $1
"""

EXTERNAL_IDS = """
-- What candidates are called in the other system.
SELECT external_id FROM candidate WHERE account_id = $1 AND id = ANY($2::uuid[]) AND external_id IS NOT NULL
"""

KEEP_HASHES = """
-- Remember that people were erased.
INSERT INTO erased_candidate AS t (account_id, external_id_hash, erased_at)
SELECT $1, h, $3 FROM unnest($2::bytea[]) AS h
WHERE NOT EXISTS (SELECT FROM erased_candidate e WHERE e.account_id = $1 AND e.external_id_hash = h)
ORDER BY h
"""

SEGMENTS = """
-- The segments that candidates are in.
SELECT DISTINCT segment_id FROM segment_member WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])
"""

KEEP_COUNTS = """
-- Count past memberships that are about to go, for the operations that began and ended them.
UPDATE membership_operation o SET erased_added_count = o.erased_added_count + gone.added,
  erased_removed_count = o.erased_removed_count + gone.removed
FROM (
  SELECT change.operation_id, sum(change.added) AS added, sum(change.removed) AS removed FROM (
    SELECT added_by AS operation_id, 1 AS added, 0 AS removed FROM past_segment_member
    WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])
    UNION ALL
    SELECT removed_by, 0, 1 FROM past_segment_member
    WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])) AS change
  GROUP BY change.operation_id) AS gone
WHERE o.account_id = $1 AND o.id = gone.operation_id
"""

FORGET_PAST = """
-- Forget where candidates were.
DELETE FROM past_segment_member WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])
"""

SKIPPED = """
-- Where candidates were left out.
SELECT DISTINCT s.operation_id, s.last_candidate_id
FROM skipped_candidate s CROSS JOIN LATERAL unnest(s.candidate_ids) AS each(id)
WHERE s.account_id = $1 AND each.id = ANY($2::uuid[])
"""

FORGET_ONLY_SKIPPED = """
-- Forget those who were left out together with nobody else.
DELETE FROM skipped_candidate s USING unnest($3::uuid[], $4::uuid[]) AS hit(operation_id, last_candidate_id)
WHERE s.account_id = $1 AND s.operation_id = hit.operation_id AND s.last_candidate_id = hit.last_candidate_id
  AND NOT EXISTS (SELECT FROM unnest(s.candidate_ids) AS id WHERE id <> ALL($2::uuid[]))
"""

FORGET_SKIPPED = """
-- Forget candidates among others who were left out.
UPDATE skipped_candidate k SET candidate_ids = kept.candidate_ids, reasons = kept.reasons,
  last_candidate_id = kept.candidate_ids[cardinality(kept.candidate_ids)]
FROM (
  SELECT s.operation_id, s.last_candidate_id, array_agg(each.id ORDER BY each.id) AS candidate_ids,
    array_agg(each.reasons ORDER BY each.id) AS reasons
  FROM unnest($3::uuid[], $4::uuid[]) AS hit(operation_id, last_candidate_id)
  JOIN skipped_candidate s ON s.account_id = $1 AND s.operation_id = hit.operation_id
    AND s.last_candidate_id = hit.last_candidate_id
  CROSS JOIN LATERAL unnest(s.candidate_ids, s.reasons) AS each(id, reasons)
  WHERE each.id <> ALL($2::uuid[])
  GROUP BY s.operation_id, s.last_candidate_id) AS kept
WHERE k.account_id = $1 AND k.operation_id = kept.operation_id AND k.last_candidate_id = kept.last_candidate_id
"""

FORGET_CONSENTS = """
-- Forget what candidates agreed to.
DELETE FROM consent WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])
"""

FORGET_APPLICATIONS = """
-- Forget what candidates registered for.
DELETE FROM application WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])
"""

FORGET_LISTS = """
-- Take candidates off their lists.
DELETE FROM candidate_list_member WHERE account_id = $1 AND candidate_id = ANY($2::uuid[])
"""

FORGET = """
-- Forget candidates.
DELETE FROM candidate WHERE account_id = $1 AND id = ANY($2::uuid[])
"""

EVERYWHERE = (
    KEEP_COUNTS,
    FORGET_PAST,
    FORGET_CONSENTS,
    FORGET_APPLICATIONS,
    FORGET_LISTS,
    FORGET,
)
"""Statements that together leave nothing of candidates who are in no segment and were left out nowhere."""


async def erase(tx: Transaction, ids: Sequence[UUID | None], requested_by: str) -> Kept:
    """Erases these candidates. Their memberships end first, as operations of kind ELIGIBILITY_LOST, one per segment.
    Ids of nobody are refused.

    The addresses of erased people that are suppressed stay so, which protects them.
    """
    known, refused = await known_candidates(tx, ids, lambda index: (*CANDIDATE_IDS, str(index)))
    if not known:
        return Kept(refused=tuple(refused))
    names = [row["external_id"] for row in await tx.bulk(EXTERNAL_IDS, tx.account_id, known)]
    secret = await tx.fetchval(SALT, tx.account_id)
    await tx.bulk(KEEP_HASHES, tx.account_id, [hashed(secret, each) for each in names], tx.now)
    ended = await _end(tx, known, requested_by)
    await _forget_skipped(tx, known)
    for statement in EVERYWHERE:
        await tx.bulk(statement, tx.account_id, known)
    return Kept(tuple(known), ended, tuple(refused))


def hashed(secret: bytes, external_id: str) -> bytes:
    """What is kept of an erased person's external id. `secret` is the account's."""
    return sha256(secret + external_id.encode()).digest()


async def _end(tx: Transaction, candidate_ids: Sequence[UUID], requested_by: str) -> int:
    segments = await tx.bulk(SEGMENTS, tx.account_id, candidate_ids)
    if not segments:
        return 0
    by_segment = {row["segment_id"]: operations.new_id() for row in segments}
    p = Parameters(tx.account_id)
    ended = await end_memberships(tx, by_segment, f"m.candidate_id = ANY({p(candidate_ids)}::uuid[])", p)
    await operations.record_ended(tx, by_segment, ended, CAUSE, requested_by)
    return sum(ended.values())


async def _forget_skipped(tx: Transaction, candidate_ids: Sequence[UUID]) -> None:
    hits = await tx.bulk(SKIPPED, tx.account_id, candidate_ids)
    if hits:
        places = [row["operation_id"] for row in hits], [row["last_candidate_id"] for row in hits]
        for statement in (FORGET_ONLY_SKIPPED, FORGET_SKIPPED):
            await tx.bulk(statement, tx.account_id, candidate_ids, *places)

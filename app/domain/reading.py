"""Reading rows by the ids they belong to: one statement for any number of ids."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record

from app.database import Database
from app.domain.eligibility import active, not_lapsed
from app.domain.listing import by_place
from app.domain.lists import CANDIDATE_COLUMNS, CANDIDATE_LIST_COLUMNS, VACANCY_COLUMNS
from app.domain.sql import Wanted, chosen
from app.models import Channel

CANDIDATES = f"""
-- Candidates by id.
SELECT {CANDIDATE_COLUMNS} FROM candidate c WHERE c.account_id = $1 AND c.id = ANY($2::uuid[])
"""

VACANCIES = f"""
-- Vacancies by id.
SELECT {VACANCY_COLUMNS} FROM vacancy v WHERE v.account_id = $1 AND v.id = ANY($2::uuid[])
"""

CANDIDATE_LISTS = f"""
-- Candidate lists by id.
SELECT {CANDIDATE_LIST_COLUMNS} FROM candidate_list l WHERE l.account_id = $1 AND l.id = ANY($2::uuid[])
"""

POLICIES = """
-- The account's privacy policies, with the channels that demand them.
SELECT p.id, p.name, array_remove(array_agg(r.channel::text ORDER BY r.channel), NULL) AS required_for
FROM privacy_policy p
LEFT JOIN policy_requirement r ON r.account_id = $1 AND r.policy_id = p.id
WHERE p.account_id = $1
GROUP BY p.id, p.name ORDER BY lower(p.name), p.id
"""

COLUMNS_OF_CONSENT = (
    "parent.place", "k.policy_id", "k.granted_at", "k.expires_at", "k.withdrawn_at", "k.source",
    f"{active('k')} AS active",
)  # fmt: skip

LISTS_OF_CANDIDATES = f"""
-- The lists that candidates are on.
SELECT parent.place, {CANDIDATE_LIST_COLUMNS}
FROM unnest($2::uuid[]) WITH ORDINALITY AS parent(id, place)
JOIN candidate_list_member m ON m.account_id = $1 AND m.candidate_id = parent.id
JOIN candidate_list l ON l.account_id = $1 AND l.id = m.list_id
ORDER BY lower(l.name), l.id
"""

KINDS = """
-- What each id is the id of.
SELECT id, 'Segment' AS kind FROM segment WHERE account_id = $1 AND id = ANY($2::uuid[])
UNION ALL SELECT id, 'Candidate' FROM candidate WHERE account_id = $1 AND id = ANY($2::uuid[])
UNION ALL SELECT id, 'MembershipOperation' FROM membership_operation WHERE account_id = $1 AND id = ANY($2::uuid[])
UNION ALL SELECT id, 'PrivacyPolicy' FROM privacy_policy WHERE account_id = $1 AND id = ANY($2::uuid[])
UNION ALL SELECT id, 'Vacancy' FROM vacancy WHERE account_id = $1 AND id = ANY($2::uuid[])
UNION ALL SELECT id, 'CandidateList' FROM candidate_list WHERE account_id = $1 AND id = ANY($2::uuid[])
UNION ALL SELECT id, 'Campaign' FROM campaign WHERE account_id = $1 AND id = ANY($2::uuid[])
UNION ALL SELECT id, 'Account' FROM account WHERE id = $1 AND id = ANY($2::uuid[])
"""

ENDPOINTS = f"""
-- The endpoints that candidates use.
SELECT DISTINCT m.candidate_id, m.channel, c.email, c.verified_mobile
FROM segment_member m JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
WHERE m.account_id = $1 AND m.candidate_id = ANY($2::uuid[]) AND {not_lapsed("m.channel", "m.candidate_id")}
ORDER BY m.candidate_id, m.channel
"""

SEGMENTS_WITH_CANDIDATE = f"""
-- Which of these segments the candidate is in.
SELECT m.segment_id FROM segment_member m
WHERE m.account_id = $1 AND m.candidate_id = $2 AND m.segment_id = ANY($3::uuid[])
  AND {not_lapsed("m.channel", "m.candidate_id")}
"""


async def rows_by_id(database: Database, statement: str, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Record]:
    """The rows of a statement that finds at most one per id."""
    return {row["id"]: row for row in await database.fetch(statement, account_id, list(ids))}


async def rows_in_order(database: Database, statement: str, account_id: UUID, ids: Sequence[UUID]) -> list[Record]:
    """The same in the order of the ids, without those that are not there."""
    rows = await rows_by_id(database, statement, account_id, ids) if ids else {}
    return [rows[id] for id in ids if id in rows]


async def rows_by(
    database: Database, statement: str, account_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, list[Record]]:
    """The rows of a statement that finds any number per id, in its order. Its first column is the place of the id among
    them, from 1: to find a number takes less than to find an id."""
    rows = await database.fetch(statement, account_id, list(ids))
    return dict(zip(ids, by_place(rows, len(ids)), strict=True))


async def consents(
    database: Database, account_id: UUID, candidate_ids: Sequence[UUID], wanted: Wanted
) -> dict[UUID, list[Record]]:
    """What each candidate last said to each policy, newest first."""
    statement = f"""
-- What candidates said to each policy, newest first.
SELECT {chosen(COLUMNS_OF_CONSENT, wanted)}
FROM unnest($2::uuid[]) WITH ORDINALITY AS parent(id, place)
JOIN consent k ON k.account_id = $1 AND k.candidate_id = parent.id
ORDER BY k.granted_at DESC, k.policy_id
"""
    return await rows_by(database, statement, account_id, candidate_ids)


async def policies(database: Database, account_id: UUID) -> dict[UUID, Record]:
    return {row["id"]: row for row in await database.fetch(POLICIES, account_id)}


async def kinds(database: Database, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, str]:
    return {row["id"]: row["kind"] for row in await database.fetch(KINDS, account_id, list(ids))}


async def endpoints_by_candidate(
    database: Database, account_id: UUID, candidate_ids: Sequence[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    """The endpoints in use by each candidate: the channels of the segments they are in, and where those lead."""
    found: dict[UUID, list[dict[str, Any]]] = {id: [] for id in candidate_ids}
    for row in await database.fetch(ENDPOINTS, account_id, list(candidate_ids)):
        address = row["email"] if row["channel"] == Channel.EMAIL else row["verified_mobile"]
        found[row["candidate_id"]].append({"channel": row["channel"], "address": address})
    return found


async def segments_with_candidate(
    database: Database, account_id: UUID, segment_ids: Sequence[UUID], candidate_id: UUID
) -> set[UUID]:
    """Which of the segments the candidate is in."""
    rows = await database.fetch(SEGMENTS_WITH_CANDIDATE, account_id, candidate_id, list(segment_ids))
    return {row["segment_id"] for row in rows}

"""The record of every change of membership: who, when, why, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from asyncpg import Record
from uuid_utils.compat import uuid7

from app.database import Database, Transaction
from app.models import IneligibilityCode, MembershipOperationKind

COLUMNS = (
    "o.id, o.segment_id, o.kind, o.status, o.requested_by, o.cause, o.requested_at, o.finished_at, o.matched_count,"
    " o.processed_count, o.added_count, o.removed_count, o.already_member_count, o.ineligible_count,"
    " o.over_quota_count, o.ineligible, o.failure"
)

RECORD = """
-- Keep what one finished change of membership did.
INSERT INTO membership_operation (
  account_id, id, segment_id, kind, status, requested_by, cause, requested_at, finished_at, matched_count,
  processed_count, added_count, removed_count, already_member_count, ineligible_count, over_quota_count, ineligible)
VALUES ($1, $2, $3, $4, 'COMPLETED', $5, $6, $7, $7, $8, $8, $9, $10, $11, $12, $13, $14)
"""

BY_ID = f"""
-- Operations by id.
SELECT {COLUMNS} FROM membership_operation o WHERE o.account_id = $1 AND o.id = ANY($2::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one finished operation did. Ineligible counts are by reason: one candidate may have several."""

    matched: int = 0
    added: int = 0
    removed: int = 0
    already_member: int = 0
    ineligible: int = 0
    over_quota: int = 0
    reasons: Mapping[IneligibilityCode, int] = field(default_factory=dict)


def new_id() -> UUID:
    return uuid7()


async def record(
    tx: Transaction,
    operation_id: UUID,
    segment_id: UUID,
    kind: MembershipOperationKind,
    requested_by: str,
    outcome: Outcome,
    cause: str | None = None,
) -> None:
    await tx.fetch(
        RECORD,
        tx.account_id,
        operation_id,
        segment_id,
        kind,
        requested_by,
        cause,
        tx.now,
        outcome.matched,
        outcome.added,
        outcome.removed,
        outcome.already_member,
        outcome.ineligible,
        outcome.over_quota,
        {code.value: count for code, count in outcome.reasons.items()},
    )


async def by_id(database: Database, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return {row["id"]: row for row in await database.fetch(BY_ID, account_id, ids)}

"""The record of every change of membership: who, when, why, and what came of it.

A small change is recorded when it is done. A large one is queued with what it found, and with the endpoints that it
will need set aside; then it is stepped forward (app.domain.background) until it ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from asyncpg import Record
from uuid_utils.compat import uuid7

from app.database import Database, Transaction
from app.domain import quota
from app.domain.errors import NotCancellableError, NotFoundError, OperationFinishedError
from app.models import IneligibilityCode, MembershipOperationKind, MembershipOperationStatus

COLUMNS = (
    "o.id, o.segment_id, o.kind, o.status, o.requested_by, o.cause, o.requested_at, o.finished_at, o.matched_count,"
    " o.processed_count, o.added_count, o.removed_count, o.already_member_count, o.ineligible_count,"
    " o.over_quota_count, o.ineligible, o.failure, o.undoes"
)

OPERATION_ID = ("input", "operationId")

UNFINISHED = (MembershipOperationStatus.QUEUED, MembershipOperationStatus.RUNNING)

RECORD = """
-- Keep what a change of membership did, or has still to do.
INSERT INTO membership_operation (
  account_id, id, segment_id, kind, status, requested_by, cause, undoes, requested_at, finished_at, facts,
  frozen_at, reserved, matched_count, processed_count, added_count, removed_count, already_member_count,
  ineligible_count, over_quota_count, ineligible)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
"""

BY_ID = f"""
-- Operations by id.
SELECT {COLUMNS} FROM membership_operation o WHERE o.account_id = $1 AND o.id = ANY($2::uuid[])
"""

STATE = """
-- Whether the operation has ended, and what it holds.
SELECT id, kind, status, reserved FROM membership_operation WHERE account_id = $1 AND id = $2
"""

OF_SEGMENT = """
-- The operations on the segment that have not ended.
SELECT id, reserved FROM membership_operation
WHERE account_id = $1 AND segment_id = $2 AND status IN ('QUEUED', 'RUNNING')
"""

END = """
-- End operations before they are done: what they did stays, what they hold is released.
UPDATE membership_operation SET status = $3, finished_at = $4, reserved = 0, retry_at = NULL,
  cause = coalesce(cause, $5), failure = $6
WHERE account_id = $1 AND id = ANY($2::uuid[])
"""

FORGET_PENDING = """
-- Forget whom operations had still to deal with.
DELETE FROM pending_candidate WHERE account_id = $1 AND operation_id = ANY($2::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one operation, or one chunk of it, did. Ineligible counts are by reason: one candidate may have several."""

    matched: int = 0
    added: int = 0
    removed: int = 0
    already_member: int = 0
    ineligible: int = 0
    over_quota: int = 0
    reasons: Mapping[IneligibilityCode, int] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        return self.ineligible + self.over_quota


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a change of members, and for what kind of it."""

    kind: MembershipOperationKind
    by: str
    cause: str | None = None
    undoes: UUID | None = None
    """The operation that it takes back."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """When it was found out who may join."""

    facts: int
    """How many changes there had been by then of what eligibility rests on."""
    at: datetime


def new_id() -> UUID:
    return uuid7()


async def record(
    tx: Transaction,
    operation_id: UUID,
    segment_id: UUID,
    asked: Asked,
    outcome: Outcome,
    pending: int = 0,
    reserved: int = 0,
    frozen: Frozen | None = None,
) -> None:
    """Keeps an operation that is done, or one that has still to deal with `pending` of the matched, for whom
    `reserved` endpoints are set aside, and who were found as `frozen` says."""
    if reserved:
        await quota.change(tx, reserved=reserved)
    if pending:
        tx.queued = True
    await tx.fetch(
        RECORD,
        tx.account_id,
        operation_id,
        segment_id,
        asked.kind,
        MembershipOperationStatus.QUEUED if pending else MembershipOperationStatus.COMPLETED,
        asked.by,
        asked.cause,
        asked.undoes,
        tx.now,
        None if pending else tx.now,
        frozen.facts if frozen else None,
        frozen.at if frozen else None,
        reserved,
        outcome.matched,
        outcome.matched - pending,
        outcome.added,
        outcome.removed,
        outcome.already_member,
        outcome.ineligible,
        outcome.over_quota,
        {code.value: count for code, count in outcome.reasons.items()},
    )


async def cancel(tx: Transaction, operation_id: UUID) -> UUID:
    """Ends an operation that has not ended: what it did stays, what it holds is released.

    Raises NotFoundError, OperationFinishedError, NotCancellableError.
    """
    row = await tx.fetchrow(STATE, tx.account_id, operation_id)
    if row is None:
        raise NotFoundError(OPERATION_ID, "operation")
    if row["status"] not in UNFINISHED:
        raise OperationFinishedError(OPERATION_ID)
    if row["kind"] == MembershipOperationKind.ELIGIBILITY_LOST:
        raise NotCancellableError(OPERATION_ID)
    await end(tx, [row], MembershipOperationStatus.CANCELLED)
    return operation_id


async def cancel_of_segment(tx: Transaction, segment_id: UUID, cause: str) -> None:
    """Ends whatever has not ended on the segment."""
    rows = await tx.fetch(OF_SEGMENT, tx.account_id, segment_id)
    if rows:
        await end(tx, rows, MembershipOperationStatus.CANCELLED, cause)


async def end(
    tx: Transaction,
    rows: Iterable[Record],
    status: MembershipOperationStatus,
    cause: str | None = None,
    failure: str | None = None,
) -> None:
    """Ends unfinished operations, given by rows with `id` and `reserved`."""
    held = {row["id"]: row["reserved"] for row in rows}
    ids = list(held)
    await tx.fetch(END, tx.account_id, ids, status, tx.now, cause, failure)
    await tx.fetch(FORGET_PENDING, tx.account_id, ids)
    await quota.change(tx, reserved=-sum(held.values()))


async def record_ended(
    tx: Transaction, by_segment: Mapping[UUID, UUID], ended: Mapping[UUID, int], cause: str, requested_by: str
) -> None:
    """Keeps an operation of kind ELIGIBILITY_LOST for each segment, with how many memberships it ended and why."""
    for segment_id, operation_id in by_segment.items():
        count = ended.get(operation_id, 0)
        asked = Asked(MembershipOperationKind.ELIGIBILITY_LOST, requested_by, cause)
        await record(tx, operation_id, segment_id, asked, Outcome(matched=count, removed=count))


async def by_id(database: Database, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return {row["id"]: row for row in await database.fetch(BY_ID, account_id, ids)}

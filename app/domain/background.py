"""How queued operations go on: a chunk at a time, each in one transaction of the account's turn.

A chunk takes the next pending candidates, does to them what the operation is for as things are now, moves the counts
and the cursor, and releases the reserved endpoints that it used. A crash rolls it back whole, and whoever comes next
does it again. Nobody owns an operation for longer than a chunk.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from app.database import Database, Transaction
from app.domain import lapses, operations, quota
from app.domain.eligibility import rules
from app.domain.endings import end_in_segment
from app.domain.membership import AddStep, count_up
from app.domain.operations import Outcome
from app.domain.pending import add_frozen, rows_of, take
from app.domain.segments import SegmentRef
from app.domain.selection import Selected
from app.models import Channel, MembershipOperationKind, MembershipOperationStatus
from app.settings import Settings

MOST_BACKOFF = timedelta(minutes=1)

WAITING = """
-- The accounts with operations to go on with, the one served longest ago first.
SELECT account_id FROM membership_operation
WHERE status IN ('QUEUED', 'RUNNING') AND (retry_at IS NULL OR retry_at <= now())
GROUP BY account_id ORDER BY max(stepped_at) NULLS FIRST, account_id
"""

NEXT = """
-- The operation whose last chunk is longest ago, unless it is in somebody's hands.
SELECT o.id, o.kind, o.segment_id, o.requested_at, o.reserved, o.cursor, o.matched_count, o.processed_count,
  o.ineligible, o.ineligible_count + o.over_quota_count AS left_out, s.channel, u.kind AS undone_kind,
  o.facts = $3 AND NOT EXISTS (
    SELECT FROM consent k WHERE k.account_id = $1 AND k.withdrawn_at IS NULL AND k.expires_at > o.frozen_at
      AND k.expires_at <= $2) AS all_eligible
FROM membership_operation o
LEFT JOIN segment s ON s.account_id = $1 AND s.id = o.segment_id
LEFT JOIN membership_operation u ON u.account_id = $1 AND u.id = o.undoes
WHERE o.account_id = $1 AND o.status IN ('QUEUED', 'RUNNING') AND (o.retry_at IS NULL OR o.retry_at <= $2)
ORDER BY o.stepped_at NULLS FIRST, o.id LIMIT 1
FOR UPDATE OF o SKIP LOCKED
"""

MOVE = """
-- Keep what a chunk did.
UPDATE membership_operation SET
  status = CASE WHEN $4 THEN 'COMPLETED' ELSE 'RUNNING' END::membership_operation_status,
  finished_at = CASE WHEN $4 THEN $3::timestamptz END, stepped_at = $3, attempts = 0, retry_at = NULL,
  cursor = $5, reserved = $6,
  matched_count = matched_count + $7, processed_count = processed_count + $8, added_count = added_count + $9,
  removed_count = removed_count + $10, already_member_count = already_member_count + $11,
  ineligible_count = ineligible_count + $12, over_quota_count = over_quota_count + $13, ineligible = $14
WHERE account_id = $1 AND id = $2
"""

FAILING = """
-- The operation whose chunk failed, if it goes on.
SELECT id, reserved, attempts FROM membership_operation
WHERE account_id = $1 AND id = $2 AND status IN ('QUEUED', 'RUNNING')
"""

TRY_AGAIN = """
-- Try the chunk again after a while.
UPDATE membership_operation SET attempts = $3, retry_at = $4, stepped_at = $5 WHERE account_id = $1 AND id = $2
"""


@dataclass(frozen=True, slots=True)
class Work:
    """An unfinished operation, as it is in the account's turn."""

    id: UUID
    kind: MembershipOperationKind
    undone_kind: MembershipOperationKind | None
    segment: SegmentRef
    requested_at: datetime
    cursor: UUID | None
    reserved: int
    left_out: int
    all_eligible: bool
    """Whether whoever was eligible when it was frozen certainly is so now: nothing has changed that this rests on, and
    no consent has expired."""
    remaining: int
    """Of the matched, those whom it has still to deal with."""

    @property
    def adds(self) -> bool:
        return self.kind == MembershipOperationKind.ADD or self.undone_kind == MembershipOperationKind.REMOVE


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one step of an operation did."""

    processed: int
    cursor: UUID | None
    """The last candidate dealt with."""
    outcome: Outcome
    """What is added to the operation's counts; `matched` is what was not known before."""
    released: int = 0
    """Of the reserved endpoints, those that are in use now."""
    last: bool = False
    """Whether nothing is left to be done."""


NOBODY_LEFT = Chunk(0, None, Outcome(), last=True)


@dataclass(frozen=True, slots=True)
class Stepped:
    """An operation that went on by a chunk."""

    operation_id: UUID
    kind: MembershipOperationKind
    processed: int
    ended: bool


Step = Callable[[Transaction, Work, int, Settings], Awaitable[Chunk]]
"""Does a chunk of about so many candidates."""


class ChunkFailedError(Exception):
    """A chunk of the operation {operation_id} failed."""

    def __init__(self, operation_id: UUID) -> None:
        super().__init__(str(self.__doc__).format(operation_id=operation_id))
        self.operation_id = operation_id


async def waiting(database: Database) -> list[UUID]:
    """The accounts with operations to go on with, the one served longest ago first."""
    return [row["account_id"] for row in await database.fetch(WAITING)]


async def step(tx: Transaction, size: Callable[[MembershipOperationKind], int], settings: Settings) -> Stepped | None:
    """Does one chunk, of about the size for its kind, of the operation whose last one is longest ago. None when the
    account has nothing to go on with.

    Raises ChunkFailedError from whatever a chunk raises.
    """
    row = await tx.fetchrow(NEXT, tx.account_id, tx.now, tx.usage.facts)
    if row is None:
        return None
    try:
        return await _step(tx, row, size, settings)
    except Exception as error:
        raise ChunkFailedError(row["id"]) from error


async def fail(tx: Transaction, operation_id: UUID, error: BaseException, settings: Settings) -> bool:
    """Counts that a chunk failed: it is tried again after a while or, after so many times, the operation ends. Returns
    whether it ended."""
    row = await tx.fetchrow(FAILING, tx.account_id, operation_id)
    if row is None:
        return False
    attempts = row["attempts"] + 1
    if attempts < settings.chunk_attempts:
        backoff = min(MOST_BACKOFF, timedelta(seconds=settings.worker_interval) * 2 ** (attempts - 1))
        await tx.fetch(TRY_AGAIN, tx.account_id, operation_id, attempts, tx.now + backoff, tx.now)
        return False
    failure = f"It was given up after a step of it had failed {attempts} times ({type(error).__name__})."
    await operations.end(tx, [row], MembershipOperationStatus.FAILED, failure=failure)
    return True


async def _step(
    tx: Transaction, row: Record, size: Callable[[MembershipOperationKind], int], settings: Settings
) -> Stepped:
    kind = MembershipOperationKind(row["kind"])
    undone_kind = MembershipOperationKind(row["undone_kind"]) if row["undone_kind"] else None
    segment = SegmentRef(row["segment_id"], Channel(row["channel"]))
    remaining = row["matched_count"] - row["processed_count"]
    work = Work(
        row["id"],
        kind,
        undone_kind,
        segment,
        row["requested_at"],
        row["cursor"],
        row["reserved"],
        row["left_out"],
        bool(row["all_eligible"]),
        remaining,
    )
    chunk = await STEPS[kind](tx, work, size(kind), settings)
    outcome, ended = chunk.outcome, chunk.last
    reserved = work.reserved - chunk.released
    await tx.fetch(
        MOVE,
        tx.account_id,
        work.id,
        tx.now,
        ended,
        chunk.cursor,
        0 if ended else reserved,
        outcome.matched,
        chunk.processed,
        outcome.added,
        outcome.removed,
        outcome.already_member,
        outcome.ineligible,
        outcome.over_quota,
        _sum(row["ineligible"], {code.value: count for code, count in outcome.reasons.items()}),
    )
    if ended:
        await quota.change(tx, reserved=-reserved)
        await tx.fetch(operations.FORGET_PENDING, tx.account_id, [work.id])
        await tx.keep()
    return Stepped(work.id, kind, chunk.processed, ended)


async def _add(tx: Transaction, work: Work, size: int, settings: Settings) -> Chunk:
    """Adds those pending who may still join. New endpoints come out of the reserved ones, then of what room there is:
    an endpoint that was in use when the set was frozen may be out of use by now."""
    limit = await quota.limit_in_force(tx) or 0
    unused = max(0, limit - tx.usage.used)
    allowed = min(unused, work.reserved + max(0, unused - tx.usage.reserved))
    if work.all_eligible:
        chunk = await _add_eligible(tx, work, rows_of(size, settings), allowed)
        if chunk is not None:
            return chunk
    ids = await take(tx, work.id, work.cursor, rows_of(size, settings))
    if not ids:
        return NOBODY_LEFT
    demands = await rules(tx, tx.account_id)
    room = allowed if allowed < len(ids) else None
    keeps = max(0, settings.max_skipped - work.left_out)
    adding = AddStep(work.id, work.segment, demands, settings, room, keeps)
    addition = await adding.run(tx, Selected(tuple(ids)), reserved=work.reserved)
    found, released = addition.found, min(work.reserved, addition.new_endpoints)
    outcome = Outcome(
        added=addition.joined,
        already_member=found.already_member,
        # Who has been erased meanwhile may not join either, for no reason that has a name.
        ineligible=found.ineligible + len(ids) - found.matched,
        over_quota=found.addable - addition.joined,
        reasons=found.reasons,
    )
    return Chunk(len(ids), ids[-1], outcome, released, last=len(ids) >= work.remaining)


async def _add_eligible(tx: Transaction, work: Work, rows: int, allowed: int) -> Chunk | None:
    """The same where nobody need be looked at again but for memberships. None, and nothing is done, when they need more
    endpoints than are allowed."""
    joined = await add_frozen(tx, work.id, work.segment, work.cursor, rows, allowed)
    if joined is None:
        return None
    if not joined.processed:
        return NOBODY_LEFT
    released = min(work.reserved, joined.new_endpoints)
    await count_up(tx, work.segment, joined.added, joined.new_endpoints, released)
    outcome = Outcome(added=joined.added, already_member=joined.already_member)
    return Chunk(joined.processed, joined.last, outcome, released, last=joined.processed >= work.remaining)


async def _remove(tx: Transaction, work: Work, size: int, settings: Settings) -> Chunk:
    """Removes those pending who are still in. Who left and came back since it was asked for stays."""
    ids: Sequence[UUID] = await take(tx, work.id, work.cursor, rows_of(size, settings))
    if not ids:
        return NOBODY_LEFT
    removed = await end_in_segment(tx, work.segment.id, work.segment.channel, work.id, ids, work.requested_at)
    return Chunk(len(ids), ids[-1], Outcome(removed=removed), last=len(ids) >= work.remaining)


async def _undo(tx: Transaction, work: Work, size: int, settings: Settings) -> Chunk:
    return await (_add if work.adds else _remove)(tx, work, size, settings)


async def _lose(tx: Transaction, work: Work, size: int, settings: Settings) -> Chunk:
    """Ends the memberships of those pending who are still in and still not eligible. The others it did not match."""
    ids: Sequence[UUID] = await take(tx, work.id, work.cursor, rows_of(size, settings))
    if not ids:
        return NOBODY_LEFT
    lost = await lapses.not_eligible(tx, work.segment.channel, ids)
    removed = await end_in_segment(tx, work.segment.id, work.segment.channel, work.id, lost)
    outcome = Outcome(matched=removed - len(ids), removed=removed)
    return Chunk(removed, ids[-1], outcome, last=len(ids) >= work.remaining)


STEPS: Mapping[MembershipOperationKind, Step] = {
    MembershipOperationKind.ADD: _add,
    MembershipOperationKind.REMOVE: _remove,
    MembershipOperationKind.UNDO: _undo,
    MembershipOperationKind.ELIGIBILITY_LOST: _lose,
}
"""How operations of each kind go on."""


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {code: one.get(code, 0) + other.get(code, 0) for code in {**one, **other}}

"""Taking back what an operation did to the members of its segment.

To undo an addition removes those whom it added and who have been in ever since; to undo a removal adds back those whom
it removed, as far as they are eligible now and the contract has room, the oldest first.
"""

from uuid import UUID

from asyncpg import Record

from app.database import Transaction
from app.domain import lapses, segments
from app.domain.eligibility import rules
from app.domain.errors import NotFoundError, NotUndoableError
from app.domain.membership import add_selected
from app.domain.operations import OPERATION_ID, UNFINISHED, Asked
from app.domain.removal import remove_members
from app.domain.segments import SegmentRef
from app.domain.selection import Selected
from app.domain.sql import Parameters
from app.models import MembershipOperationKind
from app.settings import Settings

UNDONE = """
-- An operation that is to be undone, its segment, and whether it has been already.
SELECT o.id, o.kind, o.status, o.requested_at, o.finished_at, o.segment_id, s.id AS present, s.channel, s.archived_at,
  EXISTS (
    SELECT FROM membership_operation u
    WHERE u.account_id = $1 AND u.undoes = o.id AND u.status NOT IN ('CANCELLED', 'FAILED')) AS undone
FROM membership_operation o LEFT JOIN segment s ON s.account_id = $1 AND s.id = o.segment_id
WHERE o.account_id = $1 AND o.id = $2
"""


async def undo(tx: Transaction, operation_id: UUID, requested_by: str, settings: Settings) -> UUID:
    """Takes an operation back, or queues that when it is large. Returns the operation that does so.

    Raises NotFoundError, NotUndoableError, SegmentArchivedError and, for a removal, ContractInactiveError.
    """
    row = await tx.fetchrow(UNDONE, tx.account_id, operation_id)
    if row is None:
        raise NotFoundError(OPERATION_ID, "operation")
    problem = _problem(row)
    if problem:
        raise NotUndoableError(OPERATION_ID, problem)
    segment = segments.changeable(row["segment_id"], row, OPERATION_ID)
    await lapses.sweep(tx, settings)
    asked = Asked(MembershipOperationKind.UNDO, requested_by, undoes=operation_id)
    if row["kind"] == MembershipOperationKind.REMOVE:
        selected = Selected(None, removed_by=operation_id)
        demands = await rules(tx, tx.account_id)
        return await add_selected(tx, segment, selected, "FILL", asked, demands, settings)
    return await _remove_added(tx, row, segment, asked, settings)


async def _remove_added(tx: Transaction, row: Record, segment: SegmentRef, asked: Asked, settings: Settings) -> UUID:
    def added(p: Parameters) -> str:
        # Between these two moments its members are a range of the primary key.
        first, last = p(row["requested_at"]), p(row["finished_at"])
        return f"m.added_at BETWEEN {first} AND {last} AND m.operation_id = {p(row['id'])}"

    operation_id, _ = await remove_members(tx, segment, added, asked, settings)
    return operation_id


def _problem(row: Record) -> str | None:
    """What keeps the operation from being undone."""
    if row["kind"] == MembershipOperationKind.ELIGIBILITY_LOST:
        return "those who left may not be contacted"
    if row["kind"] == MembershipOperationKind.UNDO:
        return "it took another one back itself"
    if row["status"] in UNFINISHED:
        return "it has not ended; cancel it first"
    if row["undone"]:
        return "it has been undone already"
    if row["present"] is None:
        return "its segment has been deleted"
    return None

"""Removing candidates from a segment, in the account's turn: at once or, beyond a size, frozen and queued."""

from collections.abc import Callable
from uuid import UUID

from app.database import Transaction
from app.domain import lapses, operations, segments
from app.domain.eligibility import rules
from app.domain.endings import end_in_segment
from app.domain.membership import CANDIDATES, demand_expected
from app.domain.operations import Asked, Outcome
from app.domain.pending import frozen
from app.domain.segments import SegmentRef
from app.domain.selection import CandidateSelection, resolve
from app.domain.sql import Parameters
from app.models import MembershipOperationKind
from app.settings import Settings


async def remove_candidates(
    tx: Transaction, segment_id: UUID, selection: CandidateSelection, requested_by: str, settings: Settings
) -> UUID:
    """Removes the selected candidates who are in the segment, or queues that when they are many. Returns the operation
    that says how many.

    A search is over the members of the segment: what it matched is who was removed. Raises NotFoundError,
    SegmentArchivedError, SearchResultsChangedError.
    """
    await lapses.sweep(tx, settings)
    segment = await segments.open_for_change(tx, segment_id)
    demands = await rules(tx, tx.account_id)
    selected = await resolve(tx, tx.account_id, selection, CANDIDATES, demands, settings)
    asked = Asked(MembershipOperationKind.REMOVE, requested_by)
    operation_id, matched = await remove_members(
        tx, segment, lambda p: selected.where(p, demands, settings), asked, settings
    )
    demand_expected(selected, matched)
    return operation_id


async def remove_members(
    tx: Transaction, segment: SegmentRef, condition: Callable[[Parameters], str], asked: Asked, settings: Settings
) -> tuple[UUID, int]:
    """Removes the members `m`, the candidates `c`, of the segment whom the condition holds for, or queues that when
    they are many. Returns the operation, and how many they are."""
    operation_id = operations.new_id()
    p = Parameters(tx.account_id)
    few = "(SELECT few FROM size)"
    pending = frozen(f"{p(operation_id)}::uuid", f"FROM found c WHERE NOT {few}", settings)
    [row] = await tx.bulk(
        f"""
-- Members to be removed: by id when they are few, else frozen as pending.
WITH found AS MATERIALIZED (
  SELECT m.candidate_id AS id FROM segment_member m
  LEFT JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
  WHERE m.account_id = $1 AND m.segment_id = {p(segment.id)} AND {condition(p)}
), size AS MATERIALIZED (SELECT count(*) <= {p(settings.inline_add_limit)} AS few FROM found
), pending AS ({pending}
)
SELECT count(*) AS matched, CASE WHEN {few} THEN array_agg(c.id ORDER BY c.id) END AS ids FROM found c""",
        *p.values,
    )
    matched = row["matched"]
    removed = await end_in_segment(tx, segment.id, segment.channel, operation_id, row["ids"]) if row["ids"] else 0
    outcome = Outcome(matched=matched, removed=removed)
    await operations.record(tx, operation_id, segment.id, asked, outcome, pending=matched - removed)
    return operation_id, matched

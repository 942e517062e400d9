"""Adding candidates to a segment and removing them, in the account's turn, by a few statements of any size."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from asyncpg import Record

from app.database import Database, EndpointUse, Transaction
from app.domain import lapses, operations, quota, segments
from app.domain.eligibility import Rules, codes, eligible, rules, verdicts
from app.domain.endings import end_memberships
from app.domain.errors import QuotaExceededError, SearchResultsChangedError
from app.domain.operations import Outcome
from app.domain.segments import SegmentRef
from app.domain.selection import CandidateSelection, Selected, resolve
from app.domain.sql import Parameters, Place
from app.models import IneligibilityCode, MembershipOperationKind
from app.settings import Settings

QuotaPolicy = Literal["REJECT", "FILL"]

CANDIDATES = ("input", "candidates")


COUNT_UP = """
-- Count who was added.
UPDATE segment SET member_count = member_count + $3, last_modified_at = $4 WHERE account_id = $1 AND id = $2
"""


class InconsistentError(Exception):
    """Two statements of one change disagree, which the account's lock should make impossible. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What adding a selection to a segment would meet. Reasons count a candidate under each it has."""

    matched: int
    already_member: int
    addable: int
    new_endpoints: int
    reasons: dict[IneligibilityCode, int]

    @property
    def ineligible(self) -> int:
        return self.matched - self.already_member - self.addable


async def add_candidates(
    tx: Transaction,
    segment_id: UUID,
    selection: CandidateSelection,
    on_quota_exceeded: QuotaPolicy,
    requested_by: str,
    settings: Settings,
) -> UUID:
    """Adds the eligible among the selected candidates. Returns the operation that says what came of it.

    Raises NotFoundError, SegmentArchivedError, ContractInactiveError, SearchResultsChangedError, and with REJECT
    QuotaExceededError when the contract does not allow them all.
    """
    await lapses.sweep(tx)
    segment = await segments.open_for_change(tx, segment_id)
    demands = await rules(tx, tx.account_id)
    selected = await resolve(tx, tx.account_id, selection, CANDIDATES, demands, settings)
    limit = await quota.limit(tx)
    found = await assess(tx, tx.account_id, segment, selected, demands, settings)
    _demand_expected(selected, found.matched)
    room = _room(await quota.use(tx), limit, found.new_endpoints, on_quota_exceeded)

    operation_id = operations.new_id()
    added = await add_step(tx, segment, selected, demands, settings, operation_id, found, room)
    outcome = Outcome(
        matched=found.matched,
        added=added,
        already_member=found.already_member,
        ineligible=found.ineligible,
        over_quota=found.addable - added,
        reasons=found.reasons,
    )
    await operations.record(tx, operation_id, segment.id, MembershipOperationKind.ADD, requested_by, outcome)
    return operation_id


async def add_step(
    tx: Transaction,
    segment: SegmentRef,
    selected: Selected,
    demands: Rules,
    settings: Settings,
    operation_id: UUID,
    found: Assessment,
    room: int,
) -> int:
    """Adds what was found to be addable in a selection, or a range of it. Returns how many.

    `room` is how many new endpoints fit. When they do not all fit, candidates whose endpoint is in use already come
    first, then the oldest.
    """
    new_endpoints = min(found.new_endpoints, room)
    due = found.addable - found.new_endpoints + new_endpoints
    p = Parameters(tx.account_id)
    now = p(tx.now)
    condition = (
        f"{selected.where(p, demands, settings)} AND {eligible(demands, segment.channel, 'c', p, now)}"
        f" AND NOT {_is_member(segment, p)}"
    )
    if due < found.addable:
        in_use = _endpoint_in_use(segment)
        condition += (
            f" AND ({in_use} OR c.id IN (SELECT c.id FROM candidate c WHERE c.account_id = $1 AND {condition}"
            f" AND NOT {in_use} ORDER BY c.created_at, c.id LIMIT {p(room)}))"
        )
    rows = await tx.bulk(
        f"""
-- Add the eligible who are not in yet.
WITH added AS (
  INSERT INTO segment_member AS m (account_id, segment_id, added_at, candidate_id, channel, operation_id)
  SELECT c.account_id, {p(segment.id)}::uuid, {now}::timestamptz, c.id, '{segment.channel}'::channel,
    {p(operation_id)}::uuid
  FROM candidate c WHERE c.account_id = $1 AND {condition}
  ORDER BY c.id
  RETURNING 1)
SELECT count(*) AS count FROM added""",
        *p.values,
    )
    added: int = rows[0]["count"]
    if added != due:
        raise InconsistentError(f"added {added} of {due}")
    if added < found.matched - found.already_member:
        await _keep_skipped(tx, segment, selected, demands, settings, operation_id)
    if added:
        await tx.fetch(COUNT_UP, tx.account_id, segment.id, added, tx.now)
        await quota.change(tx, **{segment.channel.lower(): new_endpoints})
    return added


async def assess(
    source: Database | Transaction,
    account_id: UUID,
    segment: SegmentRef,
    selected: Selected,
    demands: Rules,
    settings: Settings,
) -> Assessment:
    """Counts what adding the selection would meet, in one pass over it."""
    p = Parameters(account_id)
    found = verdicts(demands, segment.channel, "c", p, _now(source, p))
    possible = codes(demands, segment.channel)
    columns = ", ".join(f"{expression} AS v{index}" for index, expression in enumerate(found.expressions))
    any_verdict = ", ".join(f"v{index}" for index in range(len(found.expressions)))
    counted = ", ".join(
        f"count(*) FILTER (WHERE NOT member AND '{code}' IN ({any_verdict})) AS \"{code}\"" for code in possible
    )
    rows = await _bulk(source)(
        f"""
-- What adding these candidates would meet.
SELECT count(*) AS matched,
  count(*) FILTER (WHERE member) AS already_member,
  count(*) FILTER (WHERE NOT member AND eligible) AS addable,
  count(*) FILTER (WHERE NOT member AND eligible AND NOT in_use) AS new_endpoints,
  {counted}
FROM (
  SELECT {_is_member(segment, p)} AS member, {_endpoint_in_use(segment)} AS in_use, {found.met} AS eligible, {columns}
  FROM candidate c
  {found.joins}
  WHERE c.account_id = $1 AND {selected.where(p, demands, settings)}
) AS assessed""",
        *p.values,
    )
    row = rows[0]
    return Assessment(
        row["matched"],
        row["already_member"],
        row["addable"],
        row["new_endpoints"],
        {code: row[code] for code in possible if row[code]},
    )


async def remove_candidates(
    tx: Transaction, segment_id: UUID, selection: CandidateSelection, requested_by: str, settings: Settings
) -> UUID:
    """Removes the selected candidates who are in the segment. Returns the operation that says how many.

    A search is over the members of the segment: what it matched is who was removed.
    """
    await lapses.sweep(tx)
    segment = await segments.open_for_change(tx, segment_id)
    demands = await rules(tx, tx.account_id)
    selected = await resolve(tx, tx.account_id, selection, CANDIDATES, demands, settings)
    operation_id = operations.new_id()
    p = Parameters(tx.account_id)
    condition = selected.where(p, demands, settings)
    ended = await end_memberships(tx, {segment.id: operation_id}, condition, p)
    removed = ended.get(operation_id, 0)
    _demand_expected(selected, removed)
    outcome = Outcome(matched=removed, removed=removed)
    await operations.record(tx, operation_id, segment.id, MembershipOperationKind.REMOVE, requested_by, outcome)
    return operation_id


async def _keep_skipped(
    tx: Transaction, segment: SegmentRef, selected: Selected, demands: Rules, settings: Settings, operation_id: UUID
) -> None:
    p = Parameters(tx.account_id)
    found = verdicts(demands, segment.channel, "c", p, p.when_used(tx.now))
    await tx.bulk(
        f"""
-- Keep who was left out and why: with no reason of their own, the contract had no room.
INSERT INTO skipped_candidate (account_id, operation_id, candidate_id, reasons, over_quota)
SELECT c.account_id, {p(operation_id)}::uuid, c.id, {found.reasons}, {found.met}
FROM candidate c
{found.joins}
WHERE c.account_id = $1 AND {selected.where(p, demands, settings)} AND NOT {_is_member(segment, p)}
LIMIT {p(settings.max_skipped)}""",
        *p.values,
    )


def _is_member(segment: SegmentRef, p: Parameters) -> str:
    return (
        "EXISTS (SELECT FROM segment_member m WHERE m.account_id = $1 AND m.candidate_id = c.id"
        f" AND m.channel = '{segment.channel}' AND m.segment_id = {p(segment.id)})"
    )


def _endpoint_in_use(segment: SegmentRef) -> str:
    return (
        "EXISTS (SELECT FROM segment_member e WHERE e.account_id = $1 AND e.candidate_id = c.id"
        f" AND e.channel = '{segment.channel}')"
    )


def _room(use: EndpointUse, limit: int, needed: int, on_quota_exceeded: QuotaPolicy) -> int:
    """How many new endpoints fit. Raises QuotaExceededError when that is not enough and nothing else was allowed."""
    room = max(0, limit - use.used - use.reserved)
    if needed > room and on_quota_exceeded == "REJECT":
        raise QuotaExceededError(CANDIDATES, limit, use.used, use.reserved, needed)
    return room


def _demand_expected(selected: Selected, actual: int) -> None:
    if selected.expected_count is not None and selected.expected_count != actual:
        raise SearchResultsChangedError(
            (*CANDIDATES, "allSearchResults", "expectedCount"), selected.expected_count, actual
        )


def _now(source: Database | Transaction, p: Parameters) -> str | Place:
    return p.when_used(source.now) if isinstance(source, Transaction) else "now()"


def _bulk(source: Database | Transaction) -> Callable[..., Awaitable[list[Record]]]:
    return source.bulk if isinstance(source, Transaction) else source.search

"""Adding candidates to a segment and removing them, in the account's turn, by a few statements of any size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from asyncpg import Record

from app.database import Database, Transaction
from app.domain import lapses, operations, quota, segments
from app.domain.eligibility import BITS, Rules, rules, verdicts
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

SKIPPED_TOGETHER = 1_000
"""Left-out candidates in one row of skipped_candidate."""


CANDIDATES_IN_ACCOUNT = """
-- How many candidates there are, which no selection exceeds.
SELECT count(*) FROM candidate WHERE account_id = $1
"""

COUNT_UP = """
-- Count who was added.
UPDATE segment SET member_count = member_count + $3, last_modified_at = $4 WHERE account_id = $1 AND id = $2
"""


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
    use = await quota.use(tx)
    room = max(0, limit - use.used - use.reserved)
    if selected.expected_count is not None or room < await _most(tx, selected):
        found = await assess(tx, tx.account_id, segment, selected, demands, settings)
        _demand_expected(selected, found.matched)
        if found.new_endpoints > room and on_quota_exceeded == "REJECT":
            raise QuotaExceededError(CANDIDATES, limit, use.used, use.reserved, found.new_endpoints)
        scarce = found.new_endpoints > room
    else:
        scarce = False

    operation_id = operations.new_id()
    found, added = await add_step(tx, segment, selected, demands, settings, operation_id, room if scarce else None)
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
    room: int | None = None,
) -> tuple[Assessment, int]:
    """Adds the eligible of a selection, or of a range of it, in one statement that looks at each candidate once, and
    keeps who was left out. Returns what it met and how many it added.

    `room` is how many new endpoints fit, when they do not all: candidates whose endpoint is in use already come
    first, then the oldest.
    """
    p = Parameters(tx.account_id)
    in_use, possible = _endpoint_in_use(segment, selected), demands.codes(segment.channel)
    joins = "NOT c.member AND c.reasons = 0"
    if room is not None:
        joins += (
            f" AND ({in_use} OR c.id IN (SELECT c.id FROM found c WHERE NOT c.member AND c.reasons = 0 AND NOT {in_use}"
            f" ORDER BY c.created_at, c.id LIMIT {p(room)}))"
        )
    rows = await tx.bulk(
        f"""
-- Add the eligible who are not in yet, and keep who is left out: with no reason of their own, there was no room.
WITH found AS MATERIALIZED ({_found(segment, selected, demands, settings, p, p.when_used(tx.now))}
), added AS (
  INSERT INTO segment_member AS m (account_id, segment_id, added_at, candidate_id, channel, operation_id)
  SELECT $1, {p(segment.id)}::uuid, {p(tx.now)}::timestamptz, c.id, '{segment.channel}'::channel,
    {p(operation_id)}::uuid
  FROM found c WHERE {joins}
  ORDER BY c.id
  RETURNING 1
), skipped AS (
  INSERT INTO skipped_candidate (account_id, operation_id, last_candidate_id, candidate_ids, reasons)
  SELECT $1, {p(operation_id)}::uuid, (array_agg(c.id ORDER BY c.id DESC))[1], array_agg(c.id ORDER BY c.id),
    array_agg(c.reasons::smallint ORDER BY c.id)
  FROM (
    SELECT c.id, c.reasons, (row_number() OVER (ORDER BY c.id) - 1) / {SKIPPED_TOGETHER} AS together
    FROM found c WHERE NOT c.member AND NOT ({joins}) ORDER BY c.id LIMIT {p(settings.max_skipped)}
  ) AS c
  GROUP BY c.together
)
SELECT {_counts(in_use, possible)}, (SELECT count(*) FROM added) AS added FROM found c""",
        *p.values,
    )
    found, added = _assessment(rows[0]), rows[0]["added"]
    new_endpoints = found.new_endpoints if room is None else min(found.new_endpoints, room)
    if added:
        await tx.fetch(COUNT_UP, tx.account_id, segment.id, added, tx.now)
        await quota.change(tx, **{segment.channel.lower(): new_endpoints})
    return found, added


async def assess(
    source: Database | Transaction,
    account_id: UUID,
    segment: SegmentRef,
    selected: Selected,
    demands: Rules,
    settings: Settings,
) -> Assessment:
    """Counts what adding the selection would meet, in one pass over it.

    Members whose consent has lapsed are counted as the addition finds them, which sweeps first: as no members.
    """
    p = Parameters(account_id)
    now = p.when_used(source.now) if isinstance(source, Transaction) else "now()"
    run = source.bulk if isinstance(source, Transaction) else source.search
    rows = await run(
        f"""
-- What adding these candidates would meet.
SELECT {_counts(_endpoint_in_use(segment, selected), demands.codes(segment.channel))}
FROM (
  SELECT f.id, f.member AND f.reasons = 0 AS member, f.reasons
  FROM ({_found(segment, selected, demands, settings, p, now)}
  ) AS f
) AS c""",
        *p.values,
    )
    return _assessment(rows[0])


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


def _found(
    segment: SegmentRef, selected: Selected, demands: Rules, settings: Settings, p: Parameters, now: str | Place
) -> str:
    """Every selected candidate with whether they are a member and what stands in their way.

    OFFSET 0 keeps the subquery whole, so that this is worked out once per candidate.
    """
    found = verdicts(demands, segment.channel, "c", p, now)
    return f"""
  SELECT c.id, c.created_at, m.candidate_id IS NOT NULL AS member, {found.reasons} AS reasons
  FROM candidate c
  LEFT JOIN segment_member m ON m.account_id = $1 AND m.candidate_id = c.id
    AND m.channel = '{segment.channel}' AND m.segment_id = {p(segment.id)}
  {found.joins}
  WHERE c.account_id = $1 AND {selected.where(p, demands, settings)}
  OFFSET 0"""


def _counts(in_use: str, possible: Sequence[IneligibilityCode]) -> str:
    """What the found candidates `c` add up to."""
    by_code = ", ".join(
        f'count(*) FILTER (WHERE NOT c.member AND c.reasons & {BITS[code]} <> 0) AS "{code}"' for code in possible
    )
    return (
        "count(*) AS matched, count(*) FILTER (WHERE c.member) AS already_member,"
        " count(*) FILTER (WHERE NOT c.member AND c.reasons = 0) AS addable,"
        f" count(*) FILTER (WHERE NOT c.member AND c.reasons = 0 AND NOT {in_use}) AS new_endpoints, {by_code}"
    )


def _assessment(row: Record) -> Assessment:
    reasons = {code: row[code] for code in BITS if row.get(code)}
    return Assessment(row["matched"], row["already_member"], row["addable"], row["new_endpoints"], reasons)


def _endpoint_in_use(segment: SegmentRef, selected: Selected) -> str:
    """The candidate `c` is in some segment of the channel. Looked up for each of some ids; for a search, which may
    find everybody, against a hash of them all."""
    if selected.ids is not None:
        return (
            "EXISTS (SELECT FROM segment_member e WHERE e.account_id = $1 AND e.candidate_id = c.id"
            f" AND e.channel = '{segment.channel}')"
        )
    return (
        "(c.id IN (SELECT e.candidate_id FROM segment_member e"
        f" WHERE e.account_id = $1 AND e.channel = '{segment.channel}'))"
    )


async def _most(tx: Transaction, selected: Selected) -> int:
    """A bound on how many the selection finds that costs little: while it fits, nothing need be counted beforehand."""
    if selected.ids is not None:
        return len(selected.ids)
    count: int = await tx.fetchval(CANDIDATES_IN_ACCOUNT, tx.account_id)
    return count


def _demand_expected(selected: Selected, actual: int) -> None:
    if selected.expected_count is not None and selected.expected_count != actual:
        raise SearchResultsChangedError(
            (*CANDIDATES, "allSearchResults", "expectedCount"), selected.expected_count, actual
        )

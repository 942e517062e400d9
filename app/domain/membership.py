"""Adding candidates to a segment, in the account's turn: at once by one statement or, beyond a size, frozen by the same
statement and queued."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from asyncpg import Record

from app.database import Database, Transaction
from app.domain import lapses, operations, quota, segments
from app.domain.eligibility import BITS, Rules, rules, verdicts
from app.domain.errors import QuotaExceededError, SearchResultsChangedError
from app.domain.operations import Asked, Frozen, Outcome
from app.domain.pending import frozen
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

USAGE = (
    "(SELECT facts FROM endpoint_usage WHERE account_id = $1) AS facts,"
    " (SELECT email_used + sms_used + reserved FROM endpoint_usage WHERE account_id = $1) AS taken"
)
"""What a statement sees of the account's use."""

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


@dataclass(frozen=True, slots=True)
class Addition:
    """What came of adding: at once or, when it was too many for that, of queueing."""

    found: Assessment
    joined: int
    """How many were added or, when queued, are to be."""
    new_endpoints: int
    """The endpoints that these needed or will need."""
    queued: bool = False
    facts: int | None = None
    """`endpoint_usage.facts` as the statement saw it."""
    taken: int = 0
    """The endpoints in use and set aside, likewise."""

    def outcome(self) -> Outcome:
        return Outcome(
            matched=self.found.matched,
            added=0 if self.queued else self.joined,
            already_member=self.found.already_member,
            ineligible=self.found.ineligible,
            over_quota=self.found.addable - self.joined,
            reasons=self.found.reasons,
        )


async def add_candidates(
    tx: Transaction,
    segment_id: UUID,
    selection: CandidateSelection,
    on_quota_exceeded: QuotaPolicy,
    requested_by: str,
    settings: Settings,
) -> UUID:
    """Adds the eligible among the selected candidates, or queues them when the selection is large. Returns the
    operation that says what came of it.

    Raises NotFoundError, SegmentArchivedError, ContractInactiveError, SearchResultsChangedError, and with REJECT
    QuotaExceededError when the contract does not allow them all.
    """
    await lapses.sweep(tx, settings)
    segment = await segments.open_for_change(tx, segment_id)
    demands = await rules(tx, tx.account_id)
    selected = await resolve(tx, tx.account_id, selection, CANDIDATES, demands, settings)
    asked = Asked(MembershipOperationKind.ADD, requested_by)
    return await add_selected(tx, segment, selected, on_quota_exceeded, asked, demands, settings)


async def add_selected(
    tx: Transaction,
    segment: SegmentRef,
    selected: Selected,
    on_quota_exceeded: QuotaPolicy,
    asked: Asked,
    demands: Rules,
    settings: Settings,
) -> UUID:
    """The same for a segment that is open and a selection that is known, after lapsed memberships were swept."""
    limit = await quota.limit(tx)
    use = await quota.use(tx)
    room = max(0, limit - use.used - use.reserved)
    scarce = False
    if selected.expected_count is not None or room < await _most(tx, selected):
        found = await assess(tx, tx.account_id, segment, selected, demands, settings)
        demand_expected(selected, found.matched)
        scarce = found.new_endpoints > room
        if scarce and on_quota_exceeded == "REJECT":
            raise QuotaExceededError(CANDIDATES, limit, use.used, use.reserved, found.new_endpoints)

    operation_id = operations.new_id()
    step = AddStep(operation_id, segment, demands, settings, room if scarce else None, settings.max_skipped)
    addition = await step.run(tx, selected, most_at_once=settings.inline_add_limit)
    await record(tx, operation_id, segment, asked, addition, tx.now)
    return operation_id


async def record(
    tx: Transaction, operation_id: UUID, segment: SegmentRef, asked: Asked, addition: Addition, found_at: datetime
) -> None:
    """Keeps what came of adding, or of freezing who is to be added as they were found at that moment."""
    pending, reserved, frozen_at = 0, 0, None
    if addition.queued and addition.facts is not None:
        pending, reserved = addition.joined, addition.new_endpoints
        frozen_at = Frozen(addition.facts, found_at)
    await operations.record(tx, operation_id, segment.id, asked, addition.outcome(), pending, reserved, frozen_at)


@dataclass(frozen=True, slots=True)
class AddStep:
    """One statement that looks at each selected candidate once, and adds those who may join."""

    operation_id: UUID
    segment: SegmentRef
    demands: Rules
    settings: Settings
    room: int | None
    """How many new endpoints fit, when they do not all: candidates whose endpoint is in use already come first, then
    the oldest."""
    keeps_skipped: int
    """How many of those left out are kept by name, at most."""

    async def run(
        self, tx: Transaction, selected: Selected, reserved: int = 0, most_at_once: int | None = None
    ) -> Addition:
        """Adds those of the selection who may join and keeps who is left out. A selection that matches more than
        `most_at_once` is frozen as pending instead.

        `reserved` endpoints, or as many as are needed, come out of those set aside.
        """
        p = Parameters(tx.account_id)
        in_use = _endpoint_in_use(self.segment, selected)
        found = _found(self.segment, selected, self.demands, self.settings, p, p.when_used(tx.now))
        operation = f"{p(self.operation_id)}::uuid"
        joins = self._joins(in_use, p)
        at_once, size, freezing, kept, few, usage = joins, "", "", "0", "true", ""
        if most_at_once is not None:
            few = "(SELECT few FROM size)"
            at_once = f"{few} AND {joins}"
            pending = frozen(operation, f"FROM found c WHERE NOT {few} AND {joins}", self.settings)
            size = f", size AS MATERIALIZED (SELECT count(*) <= {p(most_at_once)} AS few FROM found)"
            freezing = f", pending AS ({pending}\n)"
            usage = f",\n  {USAGE}"
            kept = "(SELECT coalesce(sum(kept), 0) FROM pending)"
        [row] = await tx.bulk(
            f"""
-- Add the eligible who are not in yet, and keep who is left out: with no reason of their own, there was no room.
WITH found AS MATERIALIZED ({found}
){size}, added AS (
  INSERT INTO segment_member AS m (account_id, segment_id, added_at, candidate_id, channel, operation_id)
  SELECT $1, {p(self.segment.id)}::uuid, {p(tx.now)}::timestamptz, c.id, '{self.segment.channel}'::channel, {operation}
  FROM found c WHERE {at_once}
  ORDER BY c.id
  RETURNING 1
), skipped AS ({self._skipped(operation, joins, p)}
){freezing}
SELECT {_counts(in_use, self.demands.codes(self.segment.channel))}, (SELECT count(*) FROM added) AS added,
  {kept} AS pending, {few} AS at_once{usage}
FROM found c""",
            *p.values,
        )
        return await self._counted(tx, row, reserved)

    def _joins(self, in_use: str, p: Parameters) -> str:
        """The condition that the found candidate `c` joins."""
        if self.room is None:
            return "NOT c.member AND c.reasons = 0"
        return (
            f"NOT c.member AND c.reasons = 0 AND ({in_use} OR c.id IN (SELECT c.id FROM found c WHERE NOT c.member"
            f" AND c.reasons = 0 AND NOT {in_use} ORDER BY c.created_at, c.id LIMIT {p(self.room)}))"
        )

    def _skipped(self, operation: str, joins: str, p: Parameters) -> str:
        return f"""
  INSERT INTO skipped_candidate (account_id, operation_id, last_candidate_id, candidate_ids, reasons)
  SELECT $1, {operation}, (array_agg(c.id ORDER BY c.id DESC))[1], array_agg(c.id ORDER BY c.id),
    array_agg(c.reasons::smallint ORDER BY c.id)
  FROM (
    SELECT c.id, c.reasons, (row_number() OVER (ORDER BY c.id) - 1) / {SKIPPED_TOGETHER} AS together
    FROM found c WHERE NOT c.member AND NOT ({joins}) ORDER BY c.id LIMIT {p(self.keeps_skipped)}
  ) AS c
  GROUP BY c.together"""

    async def _counted(self, tx: Transaction, row: Record, reserved: int) -> Addition:
        found, added = _assessment(row), row["added"]
        new_endpoints = found.new_endpoints if self.room is None else min(found.new_endpoints, self.room)
        if not row["at_once"]:
            queued = row["pending"] > 0
            return Addition(found, row["pending"], new_endpoints, queued, row["facts"], row["taken"])
        await count_up(tx, self.segment, added, new_endpoints, min(reserved, new_endpoints))
        return Addition(found, added, new_endpoints)


async def count_up(tx: Transaction, segment: SegmentRef, added: int, new_endpoints: int, released: int) -> None:
    """Counts who was added and the endpoints that these need, of which so many were reserved."""
    if added:
        await tx.fetch(COUNT_UP, tx.account_id, segment.id, added, tx.now)
        await quota.change(tx, **{segment.channel.lower(): new_endpoints}, reserved=-released)


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
  SELECT f.id, f.member AND f.reasons = 0 AS member, f.in_use, f.reasons
  FROM ({_found(segment, selected, demands, settings, p, now)}
  ) AS f
) AS c""",
        *p.values,
    )
    return _assessment(rows[0])


def _found(
    segment: SegmentRef, selected: Selected, demands: Rules, settings: Settings, p: Parameters, now: str | Place
) -> str:
    """Every selected candidate with whether they are a member and what stands in their way.

    OFFSET 0 keeps the subquery whole, so that this is worked out once per candidate. Of some ids, the memberships of
    each are looked up, which also tells whether their endpoint is in use: a join would be planned by how large the
    segment was when statistics were taken, and between the chunks of an operation it grows by all of them.
    """
    among = None if selected.ids is None else p.when_used(list(selected.ids))
    found = verdicts(demands, segment.channel, "c", p, now, among)
    if selected.ids is None:
        member, in_use = "m.candidate_id IS NOT NULL", "NULL::bool"
        memberships = (
            "LEFT JOIN segment_member m ON m.account_id = $1 AND m.candidate_id = c.id"
            f" AND m.channel = '{segment.channel}' AND m.segment_id = {p(segment.id)}"
        )
    else:
        member, in_use = "coalesce(e.here, false)", "e.here IS NOT NULL"
        memberships = (
            f"CROSS JOIN LATERAL (SELECT bool_or(m.segment_id = {p(segment.id)}) AS here FROM segment_member m"
            f" WHERE m.account_id = $1 AND m.candidate_id = c.id AND m.channel = '{segment.channel}') AS e"
        )
    return f"""
  SELECT c.id, c.created_at, {member} AS member, {in_use} AS in_use, {found.reasons} AS reasons
  FROM candidate c
  {memberships}
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
    """The found candidate `c` is in some segment of the channel. For a search, which may find everybody, against a hash
    of them all."""
    if selected.ids is not None:
        return "c.in_use"
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


def demand_expected(selected: Selected, actual: int) -> None:
    """Raises SearchResultsChangedError when the user saw another number."""
    if selected.expected_count is not None and selected.expected_count != actual:
        raise SearchResultsChangedError(
            (*CANDIDATES, "allSearchResults", "expectedCount"), selected.expected_count, actual
        )

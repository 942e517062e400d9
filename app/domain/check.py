"""Recomputes from the rows what must hold after every commit. The design calls them I1 to I6:

I1  Every member is eligible now. (A consent that expired since the last sweep is no breach: it waits for the sweep.
    Nor is one that lacks while the demand for it is being enforced, nor anything while operations end memberships of
    many people who lost something in one call.)
I2  The endpoints in use are counted, and with those set aside they are within the contract. (A contract may be
    lowered beneath its use, which the rows do not tell from a breach: it is a warning.)
I3  The count of a segment is the number of its rows, which are of its channel.
I4  No row refers to another account's row, or to none.
I5  Every membership belongs to one operation, and the counts of operations add up.
I6  The same key gives the same outcome. The first outcome is a row; nothing is to be recomputed.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import Record

from app.database import Database
from app.domain import accounts, quota
from app.domain.accounts import Account
from app.domain.eligibility import eligible, rules
from app.domain.sql import Parameters
from app.models import Channel
from app.snapshots import Snapshot

JOIN_WHOLE_TABLES = """
-- Look for no row at a time: where statistics are old, to do so among all rows of an account takes minutes.
SET LOCAL enable_nestloop = off
"""

SIZE = """
-- How much there is to check.
SELECT count(*) AS segments, (SELECT count(*) FROM segment_member WHERE account_id = $1) AS members
FROM segment WHERE account_id = $1
"""

ENDPOINTS = """
-- The endpoints that memberships use.
SELECT count(*) FILTER (WHERE channel = 'EMAIL') AS email_used, count(*) FILTER (WHERE channel = 'SMS') AS sms_used
FROM (SELECT DISTINCT candidate_id, channel FROM segment_member WHERE account_id = $1) AS endpoint
"""

COUNTED = """
-- The endpoints that are counted, and those that unfinished operations hold.
SELECT email_used, sms_used, reserved, lapses_swept_until, losing_since, (
  SELECT coalesce(sum(reserved), 0) FROM membership_operation
  WHERE account_id = $1 AND status IN ('QUEUED', 'RUNNING')) AS held
FROM endpoint_usage WHERE account_id = $1
"""

MEMBER_COUNTS = """
-- Segments whose count is not the number of their rows.
SELECT 'segment ' || s.id AS place, 'member_count' AS what, coalesce(m.count, 0)::text AS expected,
  s.member_count::text AS found
FROM segment s
LEFT JOIN (SELECT segment_id, count(*) FROM segment_member WHERE account_id = $1 GROUP BY segment_id) AS m
  ON m.segment_id = s.id
WHERE s.account_id = $1 AND s.member_count <> coalesce(m.count, 0)
"""

CHANNELS = """
-- Members of another channel than their segment.
SELECT 'segment ' || s.id AS place, 'channel of its members' AS what, s.channel::text AS expected,
  count(*) || ' of ' || m.channel AS found
FROM segment s JOIN segment_member m ON m.account_id = $1 AND m.segment_id = s.id AND m.channel <> s.channel
WHERE s.account_id = $1 GROUP BY s.id, s.channel, m.channel
"""

ADDED = """
-- Operations that added another number of members than they say.
SELECT 'operation ' || o.id AS place, 'added_count' AS what,
  (coalesce(a.count, 0) + o.erased_added_count)::text AS expected, o.added_count::text AS found
FROM membership_operation o
LEFT JOIN (
  SELECT operation_id, count(*) FROM (
    SELECT operation_id FROM segment_member WHERE account_id = $1
    UNION ALL SELECT added_by FROM past_segment_member WHERE account_id = $1) AS addition
  GROUP BY operation_id) AS a ON a.operation_id = o.id
WHERE o.account_id = $1 AND o.added_count <> coalesce(a.count, 0) + o.erased_added_count
"""

REMOVED = """
-- Operations that removed another number of members than they say.
SELECT 'operation ' || o.id AS place, 'removed_count' AS what,
  (coalesce(r.count, 0) + o.erased_removed_count)::text AS expected, o.removed_count::text AS found
FROM membership_operation o
LEFT JOIN (SELECT removed_by, count(*) FROM past_segment_member WHERE account_id = $1 GROUP BY removed_by) AS r
  ON r.removed_by = o.id
WHERE o.account_id = $1 AND o.removed_count <> coalesce(r.count, 0) + o.erased_removed_count
"""

SUMS = """
-- Operations that say another number than what they did to how many adds up to, whether they have ended or not.
SELECT 'operation ' || o.id AS place, 'processed_count' AS what, outcome.sum::text AS expected,
  o.processed_count::text AS found
FROM membership_operation o
LEFT JOIN membership_operation u ON u.account_id = $1 AND u.id = o.undoes
JOIN LATERAL (SELECT CASE
  WHEN o.kind = 'ADD' OR u.kind = 'REMOVE'
    THEN o.added_count + o.already_member_count + o.ineligible_count + o.over_quota_count
  WHEN o.kind = 'ELIGIBILITY_LOST' THEN o.removed_count
  ELSE greatest(o.removed_count, o.processed_count) END AS sum) AS outcome ON true
WHERE o.account_id = $1 AND o.processed_count <> outcome.sum
"""

UNPROCESSED = """
-- Operations that are completed although they have not dealt with all whom they matched.
SELECT 'operation ' || o.id AS place, 'processed_count' AS what, o.matched_count::text AS expected,
  o.processed_count::text AS found
FROM membership_operation o
WHERE o.account_id = $1 AND o.status = 'COMPLETED' AND o.processed_count <> o.matched_count
"""

PENDING = """
-- Operations that have still to deal with others than are pending: none once they have ended.
SELECT 'operation ' || o.id AS place, 'candidates pending' AS what, remaining.count::text AS expected,
  coalesce(pending.count, 0)::text AS found
FROM membership_operation o
LEFT JOIN (
  SELECT c.operation_id, sum(cardinality(c.candidate_ids)) AS count FROM pending_candidate c
  JOIN membership_operation k ON k.account_id = $1 AND k.id = c.operation_id
  WHERE c.account_id = $1 AND (
    k.status NOT IN ('QUEUED', 'RUNNING') OR k.cursor IS NULL OR c.last_candidate_id > k.cursor)
  GROUP BY c.operation_id) AS pending ON pending.operation_id = o.id
JOIN LATERAL (SELECT CASE
  WHEN o.status IN ('QUEUED', 'RUNNING') THEN o.matched_count - o.processed_count ELSE 0 END AS count
) AS remaining ON true
WHERE o.account_id = $1 AND (o.kind <> 'ELIGIBILITY_LOST' OR pending.count IS NOT NULL)
  AND coalesce(pending.count, 0) <> remaining.count
"""

HELD = """
-- Operations that have ended and hold endpoints.
SELECT 'operation ' || o.id AS place, 'reserved' AS what, '0' AS expected, o.reserved::text AS found
FROM membership_operation o
WHERE o.account_id = $1 AND o.status NOT IN ('QUEUED', 'RUNNING') AND o.reserved <> 0
"""

STRANDED = """
-- Operations that have not ended although their segment is gone.
SELECT 'operation ' || o.id AS place, 'its segment' AS what, 'a segment' AS expected, 'none' AS found
FROM membership_operation o
WHERE o.account_id = $1 AND o.status IN ('QUEUED', 'RUNNING')
  AND NOT EXISTS (SELECT FROM segment s WHERE s.account_id = $1 AND s.id = o.segment_id)
"""

ELSEWHERE = """
-- Memberships that belong to an operation on another segment.
SELECT 'operation ' || o.id AS place, 'segment of its memberships' AS what,
  coalesce(o.segment_id::text, 'none') AS expected, m.segment_id::text AS found
FROM (
  SELECT DISTINCT segment_id, operation_id FROM segment_member WHERE account_id = $1
  UNION SELECT segment_id, added_by FROM past_segment_member WHERE account_id = $1
  UNION SELECT segment_id, removed_by FROM past_segment_member WHERE account_id = $1) AS m
JOIN membership_operation o ON o.account_id = $1 AND o.id = m.operation_id
WHERE o.segment_id IS DISTINCT FROM m.segment_id
"""

SKIPPED = """
-- Operations that name more left-out candidates than they left out.
SELECT 'operation ' || o.id AS place, 'candidates left out' AS what,
  'at most ' || o.ineligible_count + o.over_quota_count AS expected, s.count::text AS found
FROM (
  SELECT operation_id, sum(cardinality(candidate_ids)) AS count FROM skipped_candidate
  WHERE account_id = $1 GROUP BY operation_id) AS s
JOIN membership_operation o ON o.account_id = $1 AND o.id = s.operation_id
WHERE s.count > o.ineligible_count + o.over_quota_count
"""

COMPARED = (
    ("I3", MEMBER_COUNTS),
    ("I3", CHANNELS),
    ("I5", ADDED),
    ("I5", REMOVED),
    ("I2", HELD),
    ("I5", SUMS),
    ("I5", UNPROCESSED),
    ("I5", PENDING),
    ("I5", STRANDED),
    ("I5", ELSEWHERE),
    ("I5", SKIPPED),
)
"""Statements that find nothing while the invariant holds."""

REFERENCES = (
    ("segment_member", "segment_id", "segment"),
    ("segment_member", "candidate_id", "candidate"),
    ("segment_member", "operation_id", "membership_operation"),
    ("past_segment_member", "candidate_id", "candidate"),
    ("past_segment_member", "added_by", "membership_operation"),
    ("past_segment_member", "removed_by", "membership_operation"),
    ("skipped_candidate", "operation_id", "membership_operation"),
    ("pending_candidate", "operation_id", "membership_operation"),
    ("skipped_candidate", "unnest(candidate_ids)", "candidate"),
    ("consent", "candidate_id", "candidate"),
    ("consent", "policy_id", "privacy_policy"),
    ("policy_requirement", "policy_id", "privacy_policy"),
    ("application", "candidate_id", "candidate"),
    ("application", "vacancy_id", "vacancy"),
    ("candidate_list_member", "candidate_id", "candidate"),
    ("candidate_list_member", "list_id", "candidate_list"),
    ("campaign_segment", "campaign_id", "campaign"),
    ("campaign_segment", "segment_id", "segment"),
)
"""Columns that hold ids of the same account. The segment of an operation, or of a past membership, may be gone."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that is not as it must be."""

    invariant: str
    account: str
    place: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.invariant} {self.account}, {self.place}: {self.what}: expected {self.expected}, found {self.found}"
        )


@dataclass(slots=True)
class Report:
    """What was found in one account."""

    account: Account
    segments: int = 0
    members: int = 0
    breaches: list[Breach] = field(default_factory=list)
    waiting: int = 0
    """Memberships whose consents expired since the last sweep, that do not meet a demand being enforced, or that were
    lost with too many others for one transaction."""
    over_limit: int = 0
    """Endpoints beyond what the contract allows."""

    def breach(self, invariant: str, place: str, what: str, expected: object, found: object) -> None:
        self.breaches.append(Breach(invariant, self.account.name, place, what, str(expected), str(found)))

    def lines(self) -> list[str]:
        """What there is to say: one line per breach, and what waits or is more than was agreed."""
        lines = [str(breach) for breach in self.breaches]
        if self.waiting:
            lines.append(
                f"{self.account.name}: {self.waiting:,} memberships wait to be ended: their consents expired, or a"
                " policy is newly demanded, or too many lost theirs at once."
            )
        if self.over_limit:
            lines.append(f"{self.account.name}: {self.over_limit:,} endpoints more than the contract now allows.")
        return lines


def summary(reports: Sequence[Report]) -> str:
    sizes = (
        _counted(len(reports), "account"),
        _counted(sum(report.segments for report in reports), "segment"),
        _counted(sum(report.members for report in reports), "member"),
    )
    breaches = sum(len(report.breaches) for report in reports)
    outcome = f"{_counted(breaches, 'breach', 'breaches')}." if breaches else "all invariants hold."
    return f"{', '.join(sizes)} checked: {outcome}"


def _counted(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


async def check_accounts(database: Database, account: Account | None = None) -> AsyncIterator[Report]:
    """Checks one account, or all of them, each on a snapshot of its own: no invariant spans two."""
    for each in [account] if account else await accounts.every(database):
        async with database.snapshot() as snapshot:
            yield await check_account(snapshot, each)


async def check_account(snapshot: Snapshot, account: Account) -> Report:
    report = Report(account)
    await snapshot.fetch(JOIN_WHOLE_TABLES)
    size = await snapshot.fetchrow(SIZE, account.id)
    counted = await snapshot.fetchrow(COUNTED, account.id)
    assert size is not None
    report.segments, report.members = size["segments"], size["members"]
    if counted is None:
        report.breach("I2", "endpoint_usage", "its row", "one", "none")
        return report
    await _check_eligibility(
        snapshot, report, counted["lapses_swept_until"], losing=counted["losing_since"] is not None
    )
    await _check_use(snapshot, report, counted)
    for invariant, statement in COMPARED:
        for row in await snapshot.fetch(statement, account.id):
            report.breach(invariant, *row)
    await _check_references(snapshot, report)
    return report


async def _check_eligibility(snapshot: Snapshot, report: Report, swept_until: datetime, *, losing: bool) -> None:
    demands = await rules(snapshot, report.account.id)
    settled = await rules(snapshot, report.account.id, enforcing=False)
    for channel in Channel:
        p = Parameters(report.account.id)
        now = p.when_used(snapshot.now)
        may_stay = "true" if losing else eligible(settled, channel, "c", p, now, unexpired_at=p.when_used(swept_until))
        rows = await snapshot.fetch(
            f"""
-- Members who may not be in, by segment; those apart whose membership is over for readers and has still to be ended.
SELECT m.segment_id, count(*) FILTER (WHERE NOT m.waits) AS breaches, count(*) FILTER (WHERE m.waits) AS waiting,
  min(m.candidate_id::text) FILTER (WHERE NOT m.waits) AS example
FROM (
  SELECT m.segment_id, m.candidate_id, EXISTS (
    SELECT FROM candidate c WHERE c.account_id = $1 AND c.id = m.candidate_id AND {may_stay}) AS waits
  FROM segment_member m
  WHERE m.account_id = $1 AND m.channel = '{channel}' AND NOT EXISTS (
    SELECT FROM candidate c
    WHERE c.account_id = $1 AND c.id = m.candidate_id AND {eligible(demands, channel, "c", p, now)})) AS m
GROUP BY m.segment_id""",
            *p.values,
        )
        for row in rows:
            report.waiting += row["waiting"]
            if row["breaches"]:
                found = f"{row['breaches']} others, such as candidate {row['example']}"
                report.breach("I1", f"segment {row['segment_id']}", "its members", "only eligible candidates", found)


async def _check_use(snapshot: Snapshot, report: Report, counted: Record) -> None:
    endpoints = await snapshot.fetchrow(ENDPOINTS, report.account.id)
    assert endpoints is not None
    for column, expected in endpoints.items():
        if counted[column] != expected:
            report.breach("I2", "endpoint_usage", column, expected, counted[column])
    if counted["reserved"] != counted["held"]:
        report.breach("I2", "endpoint_usage", "reserved", counted["held"], counted["reserved"])
    contract = await snapshot.fetchrow(quota.IN_FORCE, report.account.id, snapshot.now.date())
    if contract is not None:
        committed = counted["email_used"] + counted["sms_used"] + counted["reserved"]
        report.over_limit = max(0, committed - contract["endpoint_limit"])


async def _check_references(snapshot: Snapshot, report: Report) -> None:
    for table, column, target in REFERENCES:
        row = await snapshot.fetchrow(_orphans(table, column, target), report.account.id)
        if row is not None and row["count"]:
            found = f"{row['count']} that are not, such as {row['example']}"
            report.breach("I4", table, column, f"ids of {target} rows of the account", found)


def _orphans(table: str, column: str, target: str) -> str:
    return f"""
-- Ids in {table} that are of no {target} of the account.
SELECT count(*) AS count, min(r.id::text) AS example
FROM (SELECT {column} AS id FROM {table} WHERE account_id = $1) AS r
WHERE NOT EXISTS (SELECT FROM {target} AS t WHERE t.account_id = $1 AND t.id = r.id)"""

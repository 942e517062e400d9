"""Who may join a segment of a channel: the one definition, used to add, to preview, to read and to check.

A candidate may join when the channel's address is there, that address is not suppressed, and there is an active
consent for every policy the channel demands. A consent is active from `granted_at` until it is withdrawn or expires.

`eligible` says it as a condition, which PostgreSQL turns into joins of whole tables; `verdicts` says it as one
expression per demand, 0 where it is met, which tells every reason. A test holds the two equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from asyncpg import Record

from app.database import Database, Transaction
from app.domain.sql import ONE_BY_ONE, Parameters, Place
from app.models import Channel, IneligibilityCode
from app.snapshots import Snapshot

DEMANDS = """
-- The policies that segments of each channel demand, and the channels with suppressed addresses.
SELECT channel, policy_id, enforcing_since IS NOT NULL AS enforcing FROM policy_requirement WHERE account_id = $1
UNION ALL
SELECT channel, NULL, false FROM unnest(enum_range(NULL::channel)) AS channel
WHERE EXISTS (SELECT FROM suppression s WHERE s.account_id = $1 AND s.channel = channel.channel)
ORDER BY channel, policy_id
"""

COLUMN = {Channel.EMAIL: "email", Channel.SMS: "verified_mobile"}
"""The column of a candidate that messages of the channel need."""

ADDRESS = {Channel.EMAIL: "lower({c}.email)", Channel.SMS: "{c}.verified_mobile"}
"""Where a message of the channel goes, as `suppression.address` spells it."""

CONSENT_CODES = {
    IneligibilityCode.CONSENT_MISSING,
    IneligibilityCode.CONSENT_WITHDRAWN,
    IneligibilityCode.CONSENT_EXPIRED,
}

BITS = {code: 1 << index for index, code in enumerate(IneligibilityCode)}
"""Each reason as a bit of a number, as `skipped_candidate.reasons` keeps them: the order must never change."""

NO_ADDRESS = {Channel.EMAIL: IneligibilityCode.EMAIL_MISSING, Channel.SMS: IneligibilityCode.MOBILE_NOT_VERIFIED}


@dataclass(frozen=True, slots=True)
class Rules:
    """What each channel demands of a candidate of this account."""

    policies: dict[Channel, tuple[UUID, ...]]
    suppressing: frozenset[Channel]
    """The channels with any suppressed address: for the others nobody need be looked up."""

    def codes(self, channel: Channel) -> list[IneligibilityCode]:
        """The reasons there can be, in the order in which they are declared."""
        possible = {NO_ADDRESS[channel]}
        if channel in self.suppressing:
            possible.add(IneligibilityCode.SUPPRESSED)
        if self.policies[channel]:
            possible |= CONSENT_CODES
        return [code for code in IneligibilityCode if code in possible]


NO_RULES = Rules({}, frozenset())
"""For whatever needs none: to ask them what a channel demands is an error."""


async def rules(source: Database | Snapshot | Transaction, account_id: UUID, enforcing: bool = True) -> Rules:
    """The account's rules as they are now, with or without the demands that are still being enforced."""
    rows = await source.fetch(DEMANDS, account_id)
    demanded = [row for row in rows if row["policy_id"] and (enforcing or not row["enforcing"])]
    policies = {
        channel: tuple(row["policy_id"] for row in demanded if row["channel"] == channel) for channel in Channel
    }
    return Rules(policies, frozenset(Channel(row["channel"]) for row in rows if row["policy_id"] is None))


def active(k: str, now: str | Place = "now()", unexpired_at: str | Place | None = None) -> str:
    """The condition that the consent `k` is in force. Given `unexpired_at`, it need not last until now but until then.
    Both are SQL expressions."""
    return (
        f"{k}.withdrawn_at IS NULL AND {k}.granted_at <= {now}"
        f" AND ({k}.expires_at IS NULL OR {k}.expires_at > {unexpired_at or now})"
    )


def eligible(
    rules: Rules,
    channel: Channel,
    c: str,
    p: Parameters,
    now: str | Place,
    unexpired_at: Place | None = None,
    *,
    each: bool = False,
) -> str:
    """The condition that the candidate `c` may join. `now` is an SQL expression, not used when no policy is demanded.

    So is `unexpired_at`: given, consents need not last until now but until then. `each` says that candidates are looked
    up one by one, whatever PostgreSQL expects of the tables.
    """
    apart = f" {ONE_BY_ONE}" if each else ""
    conditions = [f"{c}.{COLUMN[channel]} IS NOT NULL"]
    if channel in rules.suppressing:
        conditions.append(
            f"NOT EXISTS (SELECT FROM suppression s WHERE s.account_id = $1 AND s.channel = '{channel}'"
            f" AND s.address = {ADDRESS[channel].format(c=c)}{apart})"
        )
    conditions += [
        f"EXISTS (SELECT FROM consent k WHERE k.account_id = $1 AND k.candidate_id = {c}.id"
        f" AND k.policy_id = {p(policy)} AND {active('k', now, unexpired_at)}{apart})"
        for policy in rules.policies[channel]
    ]
    return f"({' AND '.join(conditions)})"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Every demand on a candidate: joins that a FROM needs, and an expression for each that is 0 where the demand is
    met and the bit of the reason where it is not."""

    joins: str
    expressions: tuple[str, ...]
    policies: tuple[UUID | None, ...]
    """The policy that each expression is about, if any."""

    @property
    def reasons(self) -> str:
        """All reasons of a candidate together, each a bit; 0 when eligible."""
        return f"({' | '.join(self.expressions)})"


def verdicts(
    rules: Rules, channel: Channel, c: str, p: Parameters, now: str | Place, among: Place | None = None
) -> Verdicts:
    """`among` is the place of the candidates' ids, when these are known: consents are then found all at once."""
    joins = []
    expressions = [f"CASE WHEN {c}.{COLUMN[channel]} IS NULL THEN {BITS[NO_ADDRESS[channel]]} ELSE 0 END"]
    policies: list[UUID | None] = [None]
    if channel in rules.suppressing:
        joins.append(
            f"LEFT JOIN suppression s ON s.account_id = $1 AND s.channel = '{channel}'"
            f" AND s.address = {ADDRESS[channel].format(c=c)}"
        )
        expressions.append(f"CASE WHEN s.address IS NOT NULL THEN {BITS[IneligibilityCode.SUPPRESSED]} ELSE 0 END")
        policies.append(None)
    for index, policy in enumerate(rules.policies[channel]):
        k = f"k{index}"
        joins.append(
            f"LEFT JOIN consent {k}"
            f" ON {k}.account_id = $1 AND {k}.candidate_id = {c}.id AND {k}.policy_id = {p(policy)}"
            + (f" AND {k}.candidate_id = ANY({among}::uuid[])" if among else "")
        )
        expressions.append(
            f"CASE WHEN {k}.candidate_id IS NULL THEN {BITS[IneligibilityCode.CONSENT_MISSING]}"
            f" WHEN {k}.withdrawn_at IS NOT NULL THEN {BITS[IneligibilityCode.CONSENT_WITHDRAWN]}"
            f" WHEN {k}.expires_at <= {now} THEN {BITS[IneligibilityCode.CONSENT_EXPIRED]}"
            f" WHEN {k}.granted_at > {now} THEN {BITS[IneligibilityCode.CONSENT_MISSING]} ELSE 0 END"
        )
    return Verdicts("\n".join(joins), tuple(expressions), (*policies, *rules.policies[channel]))


def codes_of(reasons: int) -> list[IneligibilityCode]:
    """The reasons that the bits stand for."""
    return [code for code, bit in BITS.items() if reasons & bit]


def expired(channel: str, candidate: str, since: str = "u.lapses_swept_until") -> str:
    """The condition that a demanded consent of a member has expired since memberships were last swept.

    Mostly nothing has expired, which PostgreSQL finds out once for a statement: then members cost nothing.
    `channel` and `candidate` are SQL expressions over the membership, `since` one over the account's `endpoint_usage`.
    """
    since = f"(SELECT {since} FROM endpoint_usage u WHERE u.account_id = $1)"
    return (
        "((SELECT EXISTS (SELECT FROM consent k WHERE k.account_id = $1 AND k.withdrawn_at IS NULL"
        f" AND k.expires_at <= now() AND k.expires_at > {since}))"
        " AND EXISTS (SELECT FROM consent k"
        " JOIN policy_requirement r ON r.account_id = $1 AND r.policy_id = k.policy_id"
        f" WHERE k.account_id = $1 AND k.candidate_id = {candidate} AND r.channel = {channel}"
        f" AND k.withdrawn_at IS NULL AND k.expires_at <= now() AND k.expires_at > {since}))"
    )


def outlawed(channel: str, candidate: str, now: str | Place = "now()") -> str:
    """The condition that a member lacks a consent to a policy that is being enforced: one whose demand is newer than
    the membership, which has not been ended yet. Mostly nothing is being enforced, and members cost nothing.

    A change says what `now` is: to PostgreSQL it is when the transaction began, before it waited for its turn."""
    return (
        "((SELECT EXISTS (SELECT FROM policy_requirement r WHERE r.account_id = $1 AND r.enforcing_since IS NOT NULL))"
        " AND EXISTS (SELECT FROM policy_requirement r"
        f" WHERE r.account_id = $1 AND r.channel = {channel} AND r.enforcing_since IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM consent k"
        f" WHERE k.account_id = $1 AND k.candidate_id = {candidate} AND k.policy_id = r.policy_id"
        f" AND {active('k', now)})))"
    )


def disqualified(channel: str, candidate: str) -> str:
    """The condition that a member may not be in any more, while so many lost at once what their membership rested on
    that operations are ending that. Mostly none are, and members cost nothing.

    It says what `eligible` says, by rows instead of by rules that were read before.
    """
    address = " ".join(f"WHEN '{each}' THEN {ADDRESS[each].format(c='h')}" for each in Channel)
    return (
        "((SELECT EXISTS (SELECT FROM endpoint_usage u WHERE u.account_id = $1 AND u.losing_since IS NOT NULL))"
        " AND NOT EXISTS (SELECT FROM candidate h"
        f" CROSS JOIN LATERAL (SELECT CASE {channel} {address} END AS address) AS reached"
        f" WHERE h.account_id = $1 AND h.id = {candidate} AND reached.address IS NOT NULL"
        f" AND NOT EXISTS (SELECT FROM suppression s WHERE s.account_id = $1 AND s.channel = {channel}"
        " AND s.address = reached.address)"
        f" AND NOT EXISTS (SELECT FROM policy_requirement r WHERE r.account_id = $1 AND r.channel = {channel}"
        " AND NOT EXISTS (SELECT FROM consent k"
        f" WHERE k.account_id = $1 AND k.candidate_id = {candidate} AND k.policy_id = r.policy_id AND {active('k')}))))"
    )


@cache
def not_lapsed(channel: str, candidate: str) -> str:
    """The condition under which readers still see a membership.

    All that a membership rests on ends it at once, but for what happens without a transaction, the expiry of a
    consent, and for what ends too many for one transaction: new demands, and changes of many people.
    """
    conditions = (condition(channel, candidate) for condition in (expired, outlawed, disqualified))
    return " AND ".join(f"NOT {each}" for each in conditions)


async def reasons_by_candidate(
    database: Database, account_id: UUID, candidate_ids: Sequence[UUID], rules: Rules, channel: Channel
) -> dict[UUID, list[tuple[IneligibilityCode, UUID | None]]]:
    """Why each candidate may not join, with the policy where there is one; an empty list for who may."""
    p = Parameters(account_id)
    found = verdicts(rules, channel, "c", p, "now()")
    columns = ", ".join(f"{expression} AS v{index}" for index, expression in enumerate(found.expressions))
    rows: list[Record] = await database.fetch(
        f"-- Why candidates may not join.\nSELECT c.id, {columns} FROM candidate c\n{found.joins}\n"
        f"WHERE c.account_id = $1 AND c.id = ANY({p(candidate_ids)}::uuid[])",
        *p.values,
    )
    return {
        row["id"]: [
            (code, policy)
            for verdict, policy in zip(list(row.values())[1:], found.policies, strict=True)
            for code in codes_of(verdict)
        ]
        for row in rows
    }

"""Who may join a segment of a channel: the one definition, used to add, to preview, to read and to check.

A candidate may join when the channel's address is there, that address is not suppressed, and there is an active
consent for every policy the channel demands. A consent is active from `granted_at` until it is withdrawn or expires.

`eligible` says it as a condition, which PostgreSQL turns into joins of whole tables; `verdicts` says it as one
expression per demand, null where it is met, which tells every reason. A test holds the two equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from app.database import Database, Snapshot, Transaction
from app.domain.sql import Parameters, Place
from app.models import Channel, IneligibilityCode

REQUIREMENTS = """
-- The policies that segments of each channel demand.
SELECT channel, policy_id FROM policy_requirement WHERE account_id = $1 ORDER BY policy_id
"""

ADDRESS = {Channel.EMAIL: "lower({c}.email)", Channel.SMS: "{c}.verified_mobile"}
"""Where a message of the channel goes, as an expression over a candidate."""

NO_ADDRESS = {Channel.EMAIL: IneligibilityCode.EMAIL_MISSING, Channel.SMS: IneligibilityCode.MOBILE_NOT_VERIFIED}


@dataclass(frozen=True, slots=True)
class Rules:
    """What each channel demands of a candidate of this account."""

    policies: dict[Channel, tuple[UUID, ...]]


async def rules(source: Database | Snapshot | Transaction, account_id: UUID) -> Rules:
    policies: dict[Channel, list[UUID]] = {channel: [] for channel in Channel}
    for row in await source.fetch(REQUIREMENTS, account_id):
        policies[Channel(row["channel"])].append(row["policy_id"])
    return Rules({channel: tuple(ids) for channel, ids in policies.items()})


def eligible(
    rules: Rules, channel: Channel, c: str, p: Parameters, now: str | Place, unexpired_at: Place | None = None
) -> str:
    """The condition that the candidate `c` may join. `now` is an SQL expression, not used when no policy is demanded.

    So is `unexpired_at`: given, consents need not last until now but until then.
    """
    address = ADDRESS[channel].format(c=c)
    conditions = [
        f"{address} IS NOT NULL",
        f"NOT EXISTS (SELECT FROM suppression s WHERE s.account_id = $1 AND s.channel = '{channel}'"
        f" AND s.address = {address})",
    ]
    conditions += [
        f"EXISTS (SELECT FROM consent k WHERE k.account_id = $1 AND k.candidate_id = {c}.id"
        f" AND k.policy_id = {p(policy)} AND {_active('k', now, unexpired_at or now)})"
        for policy in rules.policies[channel]
    ]
    return f"({' AND '.join(conditions)})"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Every demand on a candidate: joins that a FROM needs, and expressions that are null where the demand is met."""

    joins: str
    expressions: tuple[str, ...]
    policies: tuple[UUID | None, ...]
    """The policy that each expression is about, if any."""

    @property
    def met(self) -> str:
        return f"({' AND '.join(f'{expression} IS NULL' for expression in self.expressions)})"

    @property
    def reasons(self) -> str:
        """The distinct codes, as an array."""
        return (
            f"ARRAY(SELECT DISTINCT code FROM unnest(ARRAY[{', '.join(self.expressions)}]) AS code"
            " WHERE code IS NOT NULL ORDER BY code)::ineligibility_code[]"
        )


def verdicts(rules: Rules, channel: Channel, c: str, p: Parameters, now: str | Place) -> Verdicts:
    address = ADDRESS[channel].format(c=c)
    joins = [f"LEFT JOIN suppression s ON s.account_id = $1 AND s.channel = '{channel}' AND s.address = {address}"]
    expressions = [
        f"CASE WHEN {address} IS NULL THEN '{NO_ADDRESS[channel]}' END",
        f"CASE WHEN s.address IS NOT NULL THEN '{IneligibilityCode.SUPPRESSED}' END",
    ]
    for index, policy in enumerate(rules.policies[channel]):
        k = f"k{index}"
        joins.append(
            f"LEFT JOIN consent {k}"
            f" ON {k}.account_id = $1 AND {k}.candidate_id = {c}.id AND {k}.policy_id = {p(policy)}"
        )
        expressions.append(
            f"CASE WHEN {k}.candidate_id IS NULL THEN '{IneligibilityCode.CONSENT_MISSING}'"
            f" WHEN {k}.withdrawn_at IS NOT NULL THEN '{IneligibilityCode.CONSENT_WITHDRAWN}'"
            f" WHEN {k}.expires_at <= {now} THEN '{IneligibilityCode.CONSENT_EXPIRED}'"
            f" WHEN {k}.granted_at > {now} THEN '{IneligibilityCode.CONSENT_MISSING}' END"
        )
    return Verdicts("\n".join(joins), tuple(expressions), (None, None, *rules.policies[channel]))


def codes(rules: Rules, channel: Channel) -> tuple[IneligibilityCode, ...]:
    """The reasons there can be, for this channel."""
    consent = (
        IneligibilityCode.CONSENT_MISSING,
        IneligibilityCode.CONSENT_WITHDRAWN,
        IneligibilityCode.CONSENT_EXPIRED,
    )
    return (*(consent if rules.policies[channel] else ()), NO_ADDRESS[channel], IneligibilityCode.SUPPRESSED)


def not_lapsed(rules: Rules, channel: str, candidate: str, p: Parameters) -> str:
    """The condition that no demanded consent of a member has expired since memberships were last swept.

    All else that a membership rests on ends it at once; only time passes without a transaction. Consents that
    expired between the last sweep and now are few and found by an index, whatever the size of the segment.
    `channel` and `candidate` are SQL expressions over the membership.
    """
    demanded = [
        f"({channel} = '{name}' AND k.policy_id = ANY({p(list(policies))}::uuid[]))"
        for name, policies in rules.policies.items()
        if policies
    ]
    if not demanded:
        return "true"
    return (
        f"NOT EXISTS (SELECT FROM consent k WHERE k.account_id = $1 AND k.candidate_id = {candidate}"
        " AND k.withdrawn_at IS NULL AND k.expires_at <= now()"
        " AND k.expires_at > (SELECT u.lapses_swept_until FROM endpoint_usage u WHERE u.account_id = $1)"
        f" AND ({' OR '.join(demanded)}))"
    )


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
            (IneligibilityCode(code), policy)
            for code, policy in zip(list(row.values())[1:], found.policies, strict=True)
            if code is not None
        ]
        for row in rows
    }


def _active(k: str, now: str | Place, unexpired_at: str | Place) -> str:
    return (
        f"{k}.withdrawn_at IS NULL AND {k}.granted_at <= {now}"
        f" AND ({k}.expires_at IS NULL OR {k}.expires_at > {unexpired_at})"
    )

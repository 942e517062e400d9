"""What candidates agree to and take back. What no longer holds up a membership ends it, in the same transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.database import Transaction
from app.domain.candidates import InvalidValueError, text
from app.domain.errors import DomainError, InvalidInputError, NotFoundError, Path
from app.domain.items import Kept, found, known_candidates
from app.domain.lapses import end_lost_memberships
from app.domain.policies import KNOWN as KNOWN_POLICIES

CONSENTS = ("input", "consents")
CANDIDATE_IDS = ("input", "candidateIds")
POLICY_ID = ("input", "policyId")

LONGEST_SOURCE = 200

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The very first and last moments that can be written are no moments to PostgreSQL, but infinitely far away."""

LAST_WORDS = """
-- What these candidates last said to these policies.
SELECT k.candidate_id, k.policy_id, k.granted_at, k.withdrawn_at
FROM unnest($2::uuid[], $3::uuid[]) AS given(candidate_id, policy_id)
JOIN consent k ON k.account_id = $1 AND k.candidate_id = given.candidate_id AND k.policy_id = given.policy_id
WHERE k.account_id = $1
"""

GIVEN = """unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::text[])
  AS given(candidate_id, policy_id, granted_at, expires_at, source)"""

CHANGE = f"""
-- The last word of those who said something else before.
UPDATE consent k SET granted_at = given.granted_at, expires_at = given.expires_at, withdrawn_at = NULL,
  source = given.source
FROM {GIVEN}
WHERE k.account_id = $1 AND k.candidate_id = given.candidate_id AND k.policy_id = given.policy_id
  AND (k.withdrawn_at IS NOT NULL OR (k.granted_at, k.expires_at, k.source)
    IS DISTINCT FROM (given.granted_at, given.expires_at, given.source))
"""

KEEP = f"""
-- The first word of those who said nothing before.
INSERT INTO consent AS t (account_id, candidate_id, policy_id, granted_at, expires_at, source)
SELECT $1, given.candidate_id, given.policy_id, given.granted_at, given.expires_at, given.source
FROM {GIVEN}
WHERE NOT EXISTS (
  SELECT FROM consent k
  WHERE k.account_id = $1 AND k.candidate_id = given.candidate_id AND k.policy_id = given.policy_id)
ORDER BY given.candidate_id, given.policy_id
"""

WITHDRAW = """
-- Withdraw what stands. Who said nothing, or withdrew it before, has nothing to withdraw.
UPDATE consent SET withdrawn_at = $4
WHERE account_id = $1 AND policy_id = $2 AND candidate_id = ANY($3::uuid[]) AND withdrawn_at IS NULL
RETURNING candidate_id
"""


@dataclass(frozen=True, slots=True)
class Consent:
    """One candidate accepts one policy, now when nothing is said, for ever when nothing is said. An id that is None is
    as missing as an unknown one."""

    candidate_id: UUID | None
    policy_id: UUID | None
    granted_at: datetime | None = None
    expires_at: datetime | None = None
    source: str | None = None


async def record(tx: Transaction, consents: Sequence[Consent], requested_by: str) -> Kept:
    """Keeps each as the last word of its candidate on its policy; of two on the same, the one given later.

    Memberships end when a consent is replaced by one that begins later or has expired. Refused are consents of nobody
    or for no policy of the account, those that expire before they begin, and those given before the last word kept.
    """
    sound, refused = await _sound(tx, consents)
    last: dict[tuple[Any, Any], Consent] = {}
    for each in sound:
        kept = last.get((each.candidate_id, each.policy_id))
        if kept is None or _moment(each) >= _moment(kept):
            last[each.candidate_id, each.policy_id] = each
    if not last:
        return Kept(refused=tuple(refused))
    values = (
        [each.candidate_id for each in last.values()],
        [each.policy_id for each in last.values()],
        [each.granted_at for each in last.values()],
        [each.expires_at for each in last.values()],
        [each.source for each in last.values()],
    )
    await tx.bulk(CHANGE, tx.account_id, *values)
    await tx.bulk(KEEP, tx.account_id, *values)
    candidate_ids = tuple(dict.fromkeys(each.candidate_id for each in sound if each.candidate_id))
    ended = await end_lost_memberships(tx, candidate_ids, "A consent was replaced.", requested_by)
    return Kept(candidate_ids, ended, tuple(refused))


async def withdraw(
    tx: Transaction, candidate_ids: Sequence[UUID | None], policy_id: UUID | None, requested_by: str
) -> Kept:
    """Withdraws the consents of these candidates for the policy, now. Ids of nobody are refused.

    Raises NotFoundError when there is no such policy.
    """
    if policy_id not in await found(tx, KNOWN_POLICIES, [policy_id]):
        raise NotFoundError(POLICY_ID, "privacy policy")
    known, refused = await known_candidates(tx, candidate_ids, lambda index: (*CANDIDATE_IDS, str(index)))
    rows = await tx.bulk(WITHDRAW, tx.account_id, policy_id, known, tx.now)
    lost = [row["candidate_id"] for row in rows]
    ended = await end_lost_memberships(tx, lost, "A consent was withdrawn.", requested_by)
    return Kept(tuple(known), ended, tuple(refused))


def later_word(kept: Mapping[str, Any], granted_at: datetime, withdrawn_at: datetime | None = None) -> str | None:
    """What a candidate said to the policy after this, so that it stands, in words; None when this is the last word.

    `kept` is what is kept of them. `withdrawn_at` is given when this takes the consent back.
    """
    moment = withdrawn_at or granted_at
    if kept["withdrawn_at"] is not None and withdrawn_at is None and moment <= kept["withdrawn_at"]:
        return f"It was withdrawn later, on {kept['withdrawn_at']:%Y-%m-%d}. That stands."
    if kept["withdrawn_at"] is not None and withdrawn_at is None:
        return None
    if moment < kept["granted_at"]:
        return f"It was given again later, on {kept['granted_at']:%Y-%m-%d}. That stands."
    return None


async def _sound(tx: Transaction, consents: Sequence[Consent]) -> tuple[list[Consent], list[DomainError]]:
    """The consents that can be kept, each with its moment, and what is wrong with the others."""
    named = [each.candidate_id for each in consents]
    _, refused = await known_candidates(tx, named, lambda index: _at(index, "candidateId"))
    policies = await found(tx, KNOWN_POLICIES, [each.policy_id for each in consents])
    refused += [
        NotFoundError(_at(index, "policyId"), "privacy policy")
        for index, each in enumerate(consents)
        if each.policy_id not in policies
    ]
    unknown = {error.path[2] for error in refused}
    known = [(index, each) for index, each in enumerate(consents) if str(index) not in unknown]
    pairs = [each.candidate_id for _, each in known], [each.policy_id for _, each in known]
    kept = {tuple(row)[:2]: row for row in await tx.bulk(LAST_WORDS, tx.account_id, *pairs)}
    sound = []
    for index, each in known:
        try:
            sound.append(_demand_sound(each, kept.get((each.candidate_id, each.policy_id)), tx.now, index))
        except InvalidInputError as error:
            refused.append(error)
    return sound, sorted(refused, key=lambda error: int(error.path[2]))


def _demand_sound(given: Consent, kept: Mapping[str, Any] | None, now: datetime, index: int) -> Consent:
    granted_at = given.granted_at or now
    for field, moment in (("grantedAt", granted_at), ("expiresAt", given.expires_at)):
        if moment is not None and not EARLIEST <= moment <= LATEST:
            raise InvalidInputError(_at(index, field), "A moment of a consent lies in the years from 1900 to 9999.")
    if given.expires_at is not None and given.expires_at < granted_at:
        raise InvalidInputError(_at(index, "expiresAt"), "A consent cannot expire before it is given.")
    if kept is not None and (stands := later_word(kept, granted_at)):
        raise InvalidInputError(_at(index, "grantedAt"), stands)
    try:
        source = text(given.source, "source", LONGEST_SOURCE)
    except InvalidValueError as error:
        raise InvalidInputError(_at(index, "source"), f"{error}.") from None
    return replace(given, granted_at=granted_at, source=source)


def _moment(consent: Consent) -> datetime:
    assert consent.granted_at is not None
    return consent.granted_at


def _at(index: int, field: str) -> Path:
    return (*CONSENTS, str(index), field)

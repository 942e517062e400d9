"""What candidates agree to and take back. What no longer holds up a membership ends it, in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.database import Transaction
from app.domain.errors import DomainError, InvalidInputError, NotFoundError, RefusedError
from app.domain.lapses import end_lost_memberships
from app.domain.names import not_found
from app.domain.selection import FOUND

CONSENTS = ("input", "consents")
CANDIDATE_IDS = ("input", "candidateIds")

POLICIES = """
-- Which of these ids are privacy policies of the account.
SELECT id FROM privacy_policy WHERE account_id = $1 AND id = ANY($2::uuid[])
"""

WITHDRAWALS = """
-- When these consents were withdrawn.
SELECT k.candidate_id, k.policy_id, k.withdrawn_at
FROM unnest($2::uuid[], $3::uuid[]) AS given(candidate_id, policy_id)
JOIN consent k ON k.account_id = $1 AND k.candidate_id = given.candidate_id AND k.policy_id = given.policy_id
WHERE k.account_id = $1 AND k.withdrawn_at IS NOT NULL
"""

GIVEN = """unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::text[])
  AS given(candidate_id, policy_id, granted_at, expires_at, source)"""

CHANGE = f"""
-- The last word of those who said something before.
UPDATE consent k SET granted_at = given.granted_at, expires_at = given.expires_at, withdrawn_at = NULL,
  source = given.source
FROM {GIVEN}
WHERE k.account_id = $1 AND k.candidate_id = given.candidate_id AND k.policy_id = given.policy_id
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
    """One candidate accepts one policy, now when nothing is said, for ever when nothing is said."""

    candidate_id: UUID
    policy_id: UUID
    granted_at: datetime | None = None
    expires_at: datetime | None = None
    source: str | None = None


async def record(tx: Transaction, consents: Sequence[Consent], requested_by: str) -> int:
    """Keeps each as the last word of its candidate on its policy; of two on the same, the last. Returns how many
    memberships ended, which happens when a consent is replaced by one that begins later or has expired.

    Raises NotFoundErrors, and InvalidInputErrors for consents that expire before they begin or were given before a
    withdrawal, which stands.
    """
    await _demand_known(tx, consents)
    await _demand_sound(tx, consents)
    last = list({(each.candidate_id, each.policy_id): each for each in consents}.values())
    values = (
        [each.candidate_id for each in last],
        [each.policy_id for each in last],
        [each.granted_at or tx.now for each in last],
        [each.expires_at for each in last],
        [each.source for each in last],
    )
    await tx.bulk(CHANGE, tx.account_id, *values)
    await tx.bulk(KEEP, tx.account_id, *values)
    return await end_lost_memberships(tx, values[0], "A consent was replaced.", requested_by)


async def withdraw(tx: Transaction, candidate_ids: Sequence[UUID], policy_id: UUID, requested_by: str) -> int:
    """Withdraws the consents of these candidates for the policy. Returns how many memberships ended.

    Raises NotFoundErrors.
    """
    if missing := await _unknown(tx, candidate_ids, FOUND):
        raise not_found(missing, CANDIDATE_IDS, "candidate")
    if await _unknown(tx, [policy_id], POLICIES):
        raise NotFoundError(("input", "policyId"), "privacy policy")
    rows = await tx.bulk(WITHDRAW, tx.account_id, policy_id, list(candidate_ids), tx.now)
    lost = [row["candidate_id"] for row in rows]
    return await end_lost_memberships(tx, lost, "A consent was withdrawn.", requested_by)


async def _unknown(tx: Transaction, ids: Sequence[UUID], statement: str) -> list[int]:
    """The places of the ids that the statement does not find."""
    known = {row["id"] for row in await tx.bulk(statement, tx.account_id, list(set(ids)))}
    return [index for index, id in enumerate(ids) if id not in known]


async def _demand_known(tx: Transaction, consents: Sequence[Consent]) -> None:
    candidates = await _unknown(tx, [each.candidate_id for each in consents], FOUND)
    policies = await _unknown(tx, [each.policy_id for each in consents], POLICIES)
    errors: list[DomainError] = [
        *(NotFoundError((*CONSENTS, str(index), "candidateId"), "candidate") for index in candidates),
        *(NotFoundError((*CONSENTS, str(index), "policyId"), "privacy policy") for index in policies),
    ]
    if errors:
        raise RefusedError(errors)


async def _demand_sound(tx: Transaction, consents: Sequence[Consent]) -> None:
    pairs = [each.candidate_id for each in consents], [each.policy_id for each in consents]
    withdrawn = {
        (row["candidate_id"], row["policy_id"]): row["withdrawn_at"]
        for row in await tx.bulk(WITHDRAWALS, tx.account_id, *pairs)
    }
    errors: list[DomainError] = []
    for index, each in enumerate(consents):
        granted_at = each.granted_at or tx.now
        withdrawn_at = withdrawn.get((each.candidate_id, each.policy_id))
        if each.expires_at is not None and each.expires_at < granted_at:
            errors.append(_invalid(index, "expiresAt", "A consent cannot expire before it is given."))
        elif withdrawn_at is not None and granted_at <= withdrawn_at:
            errors.append(_invalid(index, "grantedAt", "The candidate withdrew this consent later. That stands."))
    if errors:
        raise RefusedError(errors)


def _invalid(index: int, field: str, problem: str) -> InvalidInputError:
    return InvalidInputError((*CONSENTS, str(index), field), problem)

"""Privacy policies themselves: made and renamed. What channels demand of them is in `requirements`."""

from uuid import UUID

from uuid_utils.compat import uuid7

from app.database import Transaction
from app.domain.errors import InvalidInputError, NotFoundError, PolicyNameTakenError
from app.domain.names import name, name_key
from app.settings import Settings

NAME = ("input", "name")
POLICY_ID = ("input", "policyId")

KNOWN = """
-- Which of these ids are privacy policies of the account.
SELECT id FROM privacy_policy WHERE account_id = $1 AND id = ANY($2::uuid[])
"""

NAMES = """
-- The names of the account's privacy policies.
SELECT id, name FROM privacy_policy WHERE account_id = $1
"""

CREATE = """
-- Make a privacy policy.
INSERT INTO privacy_policy (account_id, id, name) VALUES ($1, $2, $3)
"""

RENAME = """
-- Give the privacy policy another name.
UPDATE privacy_policy SET name = $3 WHERE account_id = $1 AND id = $2
"""


async def create(tx: Transaction, text: str, settings: Settings) -> UUID:
    """Makes a policy that no channel demands. Raises InvalidInputError, PolicyNameTakenError."""
    kept = name(text, NAME)
    names = await _names(tx)
    if len(names) >= settings.max_policies:
        raise InvalidInputError(NAME, f"An account has at most {settings.max_policies} privacy policies.")
    _demand_free(kept, names, None)
    policy_id: UUID = uuid7()
    await tx.fetch(CREATE, tx.account_id, policy_id, kept)
    return policy_id


async def rename(tx: Transaction, policy_id: UUID, text: str) -> None:
    """Renames a policy; consents stay. Raises InvalidInputError, NotFoundError, PolicyNameTakenError."""
    kept = name(text, NAME)
    names = await _names(tx)
    if policy_id not in names:
        raise NotFoundError(POLICY_ID, "privacy policy")
    _demand_free(kept, names, policy_id)
    if kept != names[policy_id]:
        await tx.fetch(RENAME, tx.account_id, policy_id, kept)


async def _names(tx: Transaction) -> dict[UUID, str]:
    return {row["id"]: row["name"] for row in await tx.fetch(NAMES, tx.account_id)}


def _demand_free(kept: str, names: dict[UUID, str], policy_id: UUID | None) -> None:
    """Imports find policies by name whatever its case."""
    if any(name_key(other) == name_key(kept) for id, other in names.items() if id != policy_id):
        raise PolicyNameTakenError(NAME)

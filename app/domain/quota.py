"""How many endpoints the contract allows and how many are in use.

An endpoint is one method of contacting one candidate: a distinct (candidate, channel) pair among the members of all
segments. The contract in force is the one whose dates include today, in UTC.
"""

from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record

from app.database import Database, EndpointUse, Transaction
from app.domain.errors import ContractInactiveError

INCLUDES_DAY = "account_id = $1 AND starts_on <= $2 AND ends_on >= $2 ORDER BY starts_on DESC, id DESC LIMIT 1"
"""Which contract is in force on the day $2."""

IN_FORCE = f"""
-- The contract whose dates include today.
SELECT endpoint_limit, id FROM contract WHERE {INCLUDES_DAY}
"""

USAGE = f"""
-- The contract in force and what is used of it.
SELECT c.id, c.name, c.endpoint_limit, c.starts_on, c.ends_on, c.endpoint_limit AS "limit",
  u.email_used, u.sms_used, u.email_used + u.sms_used AS used, u.reserved,
  greatest(0, c.endpoint_limit - u.email_used - u.sms_used - u.reserved) AS remaining
FROM endpoint_usage u
CROSS JOIN (SELECT id, name, endpoint_limit, starts_on, ends_on FROM contract WHERE {INCLUDES_DAY}) AS c
WHERE u.account_id = $1
"""

USE = """
-- The endpoints in use now.
SELECT email_used, sms_used, reserved FROM endpoint_usage WHERE account_id = $1
"""

CHANGE = """
-- Count endpoints that came into use or fell out of it, were set aside or released.
UPDATE endpoint_usage SET email_used = email_used + $2, sms_used = sms_used + $3, reserved = reserved + $4
WHERE account_id = $1
"""


async def limit(tx: Transaction) -> int:
    """The endpoints that the contract allows. Raises ContractInactiveError when none is in force."""
    found = await limit_in_force(tx)
    if found is None:
        raise ContractInactiveError
    return found


async def limit_in_force(tx: Transaction) -> int | None:
    """The endpoints that the contract allows; None when none is in force."""
    found: int | None = await tx.fetchval(IN_FORCE, tx.account_id, tx.now.date())
    return found


async def use(tx: Transaction) -> EndpointUse:
    """The endpoints in use, with what this change has done so far."""
    row = await tx.fetchrow(USE, tx.account_id)
    assert row is not None
    return EndpointUse(row["email_used"], row["sms_used"], row["reserved"])


async def usage(database: Database, account_id: UUID) -> Record:
    """The contract in force and its use. Raises ContractInactiveError when none is in force."""
    row = await database.fetchrow(USAGE, account_id, datetime.now(UTC).date())
    if row is None:
        raise ContractInactiveError
    return row


async def change(tx: Transaction, email: int = 0, sms: int = 0, reserved: int = 0) -> None:
    if email or sms or reserved:
        await tx.fetch(CHANGE, tx.account_id, email, sms, reserved)

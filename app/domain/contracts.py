"""How contracts change and follow each other.

Contracts may overlap and leave gaps. On a day in the dates of several, the one that starts last is in force
(`app.domain.quota`), so a contract takes over on the day it starts, and hands back what is left of an older one when
it ends first. No two start on the same day.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from asyncpg import Record
from uuid_utils.compat import uuid7

from app.database import Database, Transaction
from app.domain import quota
from app.domain.errors import ContractInactiveError, InvalidInputError
from app.domain.names import name

COLUMNS = "id, name, endpoint_limit, starts_on, ends_on"

ENDPOINT_LIMIT = ("input", "endpointLimit")
STARTS_ON = ("input", "startsOn")
ENDS_ON = ("input", "endsOn")

LIMIT = """
-- Let a contract allow another number of endpoints.
UPDATE contract SET endpoint_limit = $3 WHERE account_id = $1 AND id = $2
"""

STARTING = """
-- The contract that starts on a day.
SELECT id FROM contract WHERE account_id = $1 AND starts_on = $2
"""

CREATE = """
-- Make a contract.
INSERT INTO contract (account_id, id, name, endpoint_limit, starts_on, ends_on) VALUES ($1, $2, $3, $4, $5, $6)
"""

BY_ID = f"""
-- Contracts by id.
SELECT {COLUMNS} FROM contract WHERE account_id = $1 AND id = ANY($2::uuid[])
"""

NEWEST = f"""
-- The contracts that start last.
SELECT {COLUMNS} FROM contract WHERE account_id = $1 ORDER BY starts_on DESC, id DESC LIMIT $2
"""


async def set_limit(tx: Transaction, endpoint_limit: int) -> UUID:
    """Changes what the contract in force allows; the same limit changes nothing. Returns the contract.

    It may be lowered beneath what is used and set aside: nothing is taken away, and no new endpoint comes into use
    until there is room again. Raises InvalidInputError, ContractInactiveError.
    """
    demand_limit(endpoint_limit)
    contract = await tx.fetchrow(quota.IN_FORCE, tx.account_id, tx.now.date())
    if contract is None:
        raise ContractInactiveError
    contract_id: UUID = contract["id"]
    if contract["endpoint_limit"] != endpoint_limit:
        await tx.fetch(LIMIT, tx.account_id, contract_id, endpoint_limit)
    return contract_id


async def renew(tx: Transaction, text: str, endpoint_limit: int, starts_on: date, ends_on: date) -> UUID:
    """Makes a contract beside those there are. Raises InvalidInputError when it ends before it starts or today, or
    another one starts on the same day."""
    kept = name(text, ("input", "name"))
    demand_limit(endpoint_limit)
    demand_order(starts_on, ends_on)
    if ends_on < tx.now.date():
        raise InvalidInputError(ENDS_ON, "A contract that is over already would never be in force.")
    if await tx.fetchval(STARTING, tx.account_id, starts_on) is not None:
        raise InvalidInputError(STARTS_ON, "Another contract starts on this day.")
    contract_id: UUID = uuid7()
    await tx.fetch(CREATE, tx.account_id, contract_id, kept, endpoint_limit, starts_on, ends_on)
    return contract_id


def demand_limit(endpoint_limit: int) -> None:
    if endpoint_limit < 0:
        raise InvalidInputError(ENDPOINT_LIMIT, f"A contract allows 0 endpoints or more, not {endpoint_limit}.")


def demand_order(starts_on: date, ends_on: date) -> None:
    if starts_on > ends_on:
        raise InvalidInputError(ENDS_ON, "A contract ends on the day it starts or later.")


async def by_id(database: Database, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Record]:
    return {row["id"]: row for row in await database.fetch(BY_ID, account_id, ids)}


async def newest(database: Database, account_id: UUID, most: int) -> list[Record]:
    """At most so many contracts, those that start last first."""
    return await database.fetch(NEWEST, account_id, most)

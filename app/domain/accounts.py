"""The tenants."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from app.database import Database
from app.domain import contracts
from app.domain.errors import InvalidInputError
from app.domain.names import name as kept_name
from app.models import Channel

CREATE = """
-- Make an account and the row that counts its endpoints.
WITH account_id AS (
  INSERT INTO account (id, name, secret) VALUES ($1, $2, $3) RETURNING id)
INSERT INTO endpoint_usage (account_id) SELECT $1 FROM account_id
"""

ESTABLISH = """
-- Make an account with its contract, its policies and what they are required for, and write down who did.
WITH account_id AS (
  INSERT INTO account (id, name, secret) VALUES ($1, $2, $3) RETURNING id),
uses AS (
  INSERT INTO endpoint_usage (account_id) SELECT $1 FROM account_id),
contracts AS (
  INSERT INTO contract (account_id, id, name, endpoint_limit, starts_on, ends_on)
  SELECT $1, $4, $5, $6, $7, $8 FROM account_id),
policies AS (
  INSERT INTO privacy_policy (account_id, id, name)
  SELECT $1, policy.id, policy.name FROM unnest($9::uuid[], $10::text[]) AS policy(id, name)),
requirements AS (
  INSERT INTO policy_requirement (account_id, channel, policy_id)
  SELECT $1, required.channel, required.policy_id
  FROM unnest($11::channel[], $12::uuid[]) AS required(channel, policy_id))
INSERT INTO audit_entry (account_id, at, id, subject, action, targets, counts)
SELECT $1, clock_timestamp(), $13, $14, 'account create',
  jsonb_build_object('contract', jsonb_build_array($4::uuid)), jsonb_build_object('endpointLimit', $6::int)
FROM account_id
"""

BY_ID = """
-- One account.
SELECT id, name, secret FROM account WHERE id = $1
"""

BY_NAME = """
-- The account of this name, whatever its case.
SELECT id, name, secret FROM account WHERE lower(name) = lower($1)
"""

EVERY = """
-- All accounts, by name.
SELECT id, name, secret FROM account ORDER BY lower(name)
"""


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    name: str
    secret: bytes
    """Signs the account's cursors and links, and salts the hashes of erased people."""

    def alias_of(self, subject: str) -> bytes:
        """A name for somebody that says who it is only to those who have the account's secret."""
        return blake2b(subject.encode(), key=self.secret, digest_size=8).digest()


async def create(database: Database, name: str) -> Account:
    account = Account(uuid7(), name, secrets.token_bytes(32))
    await database.fetch(CREATE, account.id, account.name, account.secret)
    return account


@dataclass(frozen=True, slots=True)
class NewContract:
    """What an account may use at first."""

    name: str
    endpoint_limit: int
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """A privacy policy, and the channels whose segments demand it."""

    name: str
    required_for: Sequence[Channel] = ()


class AccountNameTakenError(Exception):
    """There is an account named {name} already."""

    def __init__(self, name: str) -> None:
        super().__init__(str(self.__doc__).format(name=name))


async def establish(
    database: Database, name: str, contract: NewContract, policies: Sequence[NewPolicy], subject: str
) -> Account:
    """Makes an account that can be worked in, all of it or nothing.

    Raises InvalidInputError and AccountNameTakenError.
    """
    account = Account(uuid7(), kept_name(name, ()), secrets.token_bytes(32))
    contracts.demand_limit(contract.endpoint_limit)
    contracts.demand_order(contract.starts_on, contract.ends_on)
    named = {kept_name(policy.name, ()): (uuid7(), policy.required_for) for policy in policies}
    if len(named) < len(policies):
        raise InvalidInputError((), "Two policies have the same name.")
    required = [(channel, id) for id, channels in named.values() for channel in dict.fromkeys(channels)]
    try:
        await database.fetch(
            ESTABLISH,
            account.id,
            account.name,
            account.secret,
            uuid7(),
            kept_name(contract.name, ()),
            contract.endpoint_limit,
            contract.starts_on,
            contract.ends_on,
            [id for id, _ in named.values()],
            list(named),
            [channel for channel, _ in required],
            [id for _, id in required],
            uuid7(),
            subject,
        )
    except asyncpg.UniqueViolationError:
        raise AccountNameTakenError(account.name) from None
    return account


async def by_id(database: Database, account_id: UUID) -> Account | None:
    row = await database.fetchrow(BY_ID, account_id)
    return Account(*row) if row else None


async def by_name(database: Database, name: str) -> Account | None:
    row = await database.fetchrow(BY_NAME, name)
    return Account(*row) if row else None


async def every(database: Database) -> list[Account]:
    return [Account(*row) for row in await database.fetch(EVERY)]

"""The tenants."""

import secrets
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from uuid_utils.compat import uuid7

from app.database import Database

CREATE = """
-- Make an account and the row that counts its endpoints.
WITH account_id AS (
  INSERT INTO account (id, name, secret) VALUES ($1, $2, $3) RETURNING id)
INSERT INTO endpoint_usage (account_id) SELECT $1 FROM account_id
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


async def by_id(database: Database, account_id: UUID) -> Account | None:
    row = await database.fetchrow(BY_ID, account_id)
    return Account(*row) if row else None


async def by_name(database: Database, name: str) -> Account | None:
    row = await database.fetchrow(BY_NAME, name)
    return Account(*row) if row else None


async def every(database: Database) -> list[Account]:
    return [Account(*row) for row in await database.fetch(EVERY)]

"""A large account to search in, a second one beside it, and what the seed has none of: extremes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

import asyncpg

from app.database import Database, Transaction, analyze
from app.domain import accounts, segments
from app.domain.accounts import Account
from app.models import Channel
from app.seeding.seed import seed

LARGE, BESIDE = "Large", "Other"

NAMESPACE = UUID("7f1c6f6e-6d0e-4a53-9d7c-0f5f6f1f2a11")

TIMEOUT = 3600


def known(name: str) -> UUID:
    """The id of an extreme: the same in every run."""
    return uuid5(NAMESPACE, name)


@dataclass(frozen=True, slots=True)
class Extreme:
    """A share of the candidates, on a list, in a segment, registered for a vacancy and agreeing to a policy."""

    name: str
    whom: str


EXTREMES = (
    Extreme("half", "id IN (SELECT id FROM candidate WHERE account_id = $1 AND substr(id::text, 36) < '8')"),
    Extreme("oldest", "id IN (SELECT id FROM candidate WHERE account_id = $1 ORDER BY created_at LIMIT 20000)"),
    Extreme("few", "id IN (SELECT id FROM candidate WHERE account_id = $1 ORDER BY md5(id::text) LIMIT 5)"),
    Extreme("nobody", "false"),
)


async def populate(
    database: Database, owner_url: str, candidates: int, beside: int, say: Callable[[str], None]
) -> None:
    """Makes both accounts, unless they are there."""
    if await accounts.by_name(database, LARGE) is None:
        say(f"Seeding {candidates:,} and {beside:,} candidates.")
        await seed(database, LARGE, candidates, owner_url=owner_url)
        await seed(database, BESIDE, beside, random_seed=2, owner_url=owner_url)
    large = await account(database, LARGE)
    if not await database.fetch("SELECT FROM vacancy WHERE account_id = $1 AND id = $2", large.id, known("half")):
        say("Adding what the seed has none of.")
        await _add(database, large.id, _extremes)
        await _add(database, (await account(database, BESIDE)).id, _unlike)
        await analyze(owner_url)
        await _vacuum(owner_url)


async def account(database: Database, name: str) -> Account:
    found = await accounts.by_name(database, name)
    assert found is not None
    return found


async def _add(database: Database, account_id: UUID, add: Callable[[Transaction], Awaitable[None]]) -> None:
    async with database.write(account_id) as tx:
        await add(tx)


async def _extremes(tx: Transaction) -> None:
    for extreme in EXTREMES:
        await _extreme(tx, extreme)
    await tx.bulk(
        "INSERT INTO suppression (account_id, channel, address, reason, created_by)"
        " SELECT DISTINCT account_id, 'EMAIL'::channel, lower(email), 'BOUNCED', 'bench' FROM candidate"
        " WHERE account_id = $1 AND email IS NOT NULL AND substr(id::text, 35) = '07'",
        tx.account_id,
    )
    # A policy that very many agreed to and nobody does any more.
    await tx.bulk("INSERT INTO privacy_policy VALUES ($1, $2, 'ended')", tx.account_id, known("ended"))
    await tx.bulk(
        "INSERT INTO consent (account_id, candidate_id, policy_id, granted_at, expires_at)"
        " SELECT account_id, id, $2, created_at, created_at + interval '1 hour' FROM candidate"
        " WHERE account_id = $1 AND substr(id::text, 36) < '5' AND created_at < now() - interval '1 day'",
        tx.account_id,
        known("ended"),
    )


async def _extreme(tx: Transaction, extreme: Extreme) -> None:
    account_id, id, name = tx.account_id, known(extreme.name), extreme.name
    whom = f"FROM candidate WHERE account_id = $1 AND {extreme.whom}"
    await tx.bulk(
        "INSERT INTO candidate_list (account_id, id, name, created_at) VALUES ($1, $2, $3, now())", account_id, id, name
    )
    await tx.bulk(f"INSERT INTO candidate_list_member SELECT $1, $2, id {whom}", account_id, id)
    await tx.bulk("INSERT INTO vacancy (account_id, id, title) VALUES ($1, $2, $3)", account_id, id, name)
    await tx.bulk(f"INSERT INTO application SELECT $1, id, $2, created_at {whom}", account_id, id)
    await tx.bulk("INSERT INTO privacy_policy VALUES ($1, $2, $3)", account_id, id, name)
    await tx.bulk(
        f"INSERT INTO consent (account_id, candidate_id, policy_id, granted_at) SELECT $1, id, $2, created_at {whom}",
        account_id,
        id,
    )
    made = await segments.create(tx, name, Channel.EMAIL)
    await tx.bulk("UPDATE segment SET id = $3 WHERE account_id = $1 AND id = $2", account_id, made, id)
    await tx.bulk(
        "INSERT INTO segment_member (account_id, segment_id, added_at, candidate_id, channel, operation_id)"
        f" SELECT $1, $2, $3, id, 'EMAIL', $2 {whom} ORDER BY id",
        account_id,
        id,
        datetime.now(UTC),
    )
    await tx.bulk(
        "UPDATE segment SET member_count = (SELECT count(*) FROM segment_member WHERE account_id = $1"
        " AND segment_id = $2) WHERE account_id = $1 AND id = $2",
        account_id,
        id,
    )


async def _unlike(tx: Transaction) -> None:
    """Makes the account beside unlike the large one, whose statistics it shares: nobody has a verified mobile."""
    await tx.bulk("UPDATE candidate SET verified_mobile = NULL WHERE account_id = $1", tx.account_id)


async def _vacuum(owner_url: str) -> None:
    """What autovacuum does within minutes of such changes: until then indexes still lead to what was there before."""
    owner = await asyncpg.connect(owner_url)
    await owner.execute("VACUUM candidate, consent, segment_member")
    await owner.close()

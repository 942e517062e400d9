"""Fills an account with people who do not exist: `segments seed`."""

from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from uuid_utils.compat import uuid7

from app.ahead import ahead, rare_collections
from app.database import Database, Transaction, analyze
from app.domain import accounts, audit
from app.progress import Advance, silently
from app.seeding.circumstances import (
    APPLICATION_COLUMNS,
    CONSENT_COLUMNS,
    LIST_COLUMNS,
    LIST_MEMBER_COLUMNS,
    POLICIES,
    VACANCY_COLUMNS,
    Circumstances,
    Row,
    SeededVacancy,
    contract_year,
    list_names,
    vacancies,
)
from app.seeding.people import COLUMNS, SeededCandidate, people
from app.seeding.segments import SEGMENTS, fill_segments

CANDIDATES_PER_TRANSACTION = 20_000

HAS_CONTENT = """
-- Whether the account has anything that a seed would mix with.
SELECT EXISTS (SELECT FROM candidate WHERE account_id = $1)
  OR EXISTS (SELECT FROM vacancy WHERE account_id = $1)
  OR EXISTS (SELECT FROM candidate_list WHERE account_id = $1)
  OR EXISTS (SELECT FROM segment WHERE account_id = $1)
"""

KNOWN_POLICIES = """
-- The account's privacy policies.
SELECT name, id FROM privacy_policy WHERE account_id = $1
"""

ADD_REQUIREMENT = """
-- Makes segments of a channel demand a policy, unless they do already.
INSERT INTO policy_requirement AS new (account_id, channel, policy_id)
SELECT $1, channel, $3 FROM unnest($2::channel[]) AS channel
WHERE NOT EXISTS (
  SELECT FROM policy_requirement AS old
  WHERE old.account_id = $1 AND old.channel = channel AND old.policy_id = $3)
"""

ADD_CONTRACT = """
-- A contract, unless one is in force on that day.
INSERT INTO contract (account_id, id, name, endpoint_limit, starts_on, ends_on)
SELECT $1, $2, $3, $4, $5, $6
WHERE NOT EXISTS (SELECT FROM contract WHERE account_id = $1 AND $7::date BETWEEN starts_on AND ends_on)
"""


class AccountNotEmptyError(Exception):
    """The account {name} already has candidates, vacancies, lists or segments. Seed an empty one, or a new one."""

    def __init__(self, name: str) -> None:
        super().__init__(str(self.__doc__).format(name=name))


@dataclass(slots=True)
class Seeded:
    """What a seed put into an account."""

    account_id: UUID
    account_created: bool
    candidates: int = 0
    consents: int = 0
    vacancies: int = 0
    applications: int = 0
    lists: int = 0
    segments: int = 0
    members: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What candidates are related to."""

    policies: list[UUID]
    vacancies: list[tuple[UUID, SeededVacancy]]
    lists: dict[str, UUID]


async def seed(
    database: Database,
    account_name: str,
    candidates: int,
    *,
    random_seed: int = 1,
    limit: int | None = None,
    moment: datetime | None = None,
    owner_url: str | None = None,
    advance: Advance = silently,
) -> Seeded:
    """Fills the account, which it creates when there is none, and tells `advance` the number of candidates done.

    People, consents, applications and lists depend on `candidates`, `random_seed` and `moment` (now by default)
    alone. `limit` is the number of endpoints in the contract: as many as there are candidates by default.
    `owner_url` is the role that may ANALYZE. Raises AccountNotEmptyError.
    """
    moment = moment or datetime.now(UTC)
    known = await accounts.by_name(database, account_name)
    account_id = (known or await accounts.create(database, account_name)).id
    seeded = Seeded(account_id, account_created=known is None)
    async with database.write(account_id) as tx:
        if await tx.fetchval(HAS_CONTENT, account_id):
            raise AccountNotEmptyError(account_name)
        surroundings = await _surround(tx, candidates, random_seed, moment, candidates if limit is None else limit)
        await audit.record(tx, audit.Entry("segments seed", "seed", counts={"candidates": candidates}))
    seeded.vacancies, seeded.lists = len(surroundings.vacancies), len(surroundings.lists)
    circumstances = Circumstances(account_id, random_seed, moment)
    everyone = people(candidates, random_seed, moment)
    with rare_collections():
        async with aclosing(ahead(_chunks(account_id, everyone, circumstances, surroundings))) as chunks:
            async for chunk in chunks:
                async with database.write(account_id) as tx:
                    await _load(tx, chunk)
                seeded.candidates += len(chunk.candidates)
                seeded.consents += len(chunk.consents)
                seeded.applications += len(chunk.applications)
                advance(len(chunk.candidates))
    if owner_url is not None:
        await analyze(owner_url)
    seeded.segments = len(SEGMENTS)
    seeded.members = await fill_segments(database, account_id, surroundings.lists)
    if owner_url is not None:
        await analyze(owner_url)
    return seeded


async def _surround(tx: Transaction, candidates: int, seed: int, moment: datetime, limit: int) -> Surroundings:
    """The policies, the contract, the vacancies and the empty lists."""
    account_id = tx.account_id
    known = {row["name"]: row["id"] for row in await tx.fetch(KNOWN_POLICIES, account_id)}
    policies = [known.get(policy.name) or uuid7() for policy in POLICIES]
    missing = [(account_id, id_, policy.name) for id_, policy in zip(policies, POLICIES, strict=True)
               if policy.name not in known]  # fmt: skip
    await tx.copy("privacy_policy", ("account_id", "id", "name"), missing)
    for policy_id, policy in zip(policies, POLICIES, strict=True):
        await tx.fetch(ADD_REQUIREMENT, account_id, list(policy.required_for), policy_id)
    starts_on, ends_on = contract_year(tx.now)
    name = f"Contract {tx.now.year}"
    await tx.fetch(ADD_CONTRACT, account_id, uuid7(), name, limit, starts_on, ends_on, tx.now.date())
    openings = [(uuid7(), vacancy) for vacancy in vacancies(candidates, seed, moment)]
    await tx.copy(
        "vacancy",
        VACANCY_COLUMNS,
        ((account_id, id_, v.external_id, v.title, v.opened_at, v.closed_at) for id_, v in openings),
    )
    lists = [(account_id, uuid7(), f"L-{number}", each, moment) for number, each in enumerate(list_names(), start=1)]
    await tx.copy("candidate_list", LIST_COLUMNS, lists)
    return Surroundings(policies, openings, {name: id_ for _, id_, _, name, _ in lists})


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one transaction."""

    candidates: list[Row]
    consents: list[Row]
    applications: list[Row]
    list_members: list[Row]


def _chunks(
    account_id: UUID, everyone: Iterator[SeededCandidate], circumstances: Circumstances, surroundings: Surroundings
) -> Iterator[Chunk]:
    while drawn := [(uuid7(), person) for person in islice(everyone, CANDIDATES_PER_TRANSACTION)]:
        since = [(id_, person.created_at) for id_, person in drawn]
        yield Chunk(
            [person.row(account_id, id_) for id_, person in drawn],
            list(circumstances.consents(since, surroundings.policies)),
            list(circumstances.applications(since, surroundings.vacancies)),
            list(circumstances.list_members(since, list(surroundings.lists.values()))),
        )


async def _load(tx: Transaction, chunk: Chunk) -> None:
    await tx.copy("candidate", COLUMNS, chunk.candidates)
    await tx.copy("consent", CONSENT_COLUMNS, chunk.consents)
    await tx.copy("application", APPLICATION_COLUMNS, chunk.applications)
    await tx.copy("candidate_list_member", LIST_MEMBER_COLUMNS, chunk.list_members)

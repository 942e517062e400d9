"""A seeded account is consistent and repeatable."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from asyncpg import Record

from app.database import Database
from app.domain.lapses import end_lost_memberships
from app.seeding.seed import AccountNotEmptyError, Seeded, seed

MOMENT = datetime(2026, 5, 1, 12, tzinfo=UTC)

PEOPLE = (
    "SELECT external_id, first_name, email, verified_mobile, skills FROM candidate WHERE account_id = $1 ORDER BY id"
)
CONSENTS = """
SELECT c.external_id, p.name, s.granted_at, s.expires_at, s.withdrawn_at
FROM consent s JOIN candidate c USING (account_id) JOIN privacy_policy p USING (account_id)
WHERE s.account_id = $1 AND s.candidate_id = c.id AND s.policy_id = p.id ORDER BY 1, 2
"""
SEGMENTS = """
SELECT s.*, (SELECT count(*) FROM segment_member m WHERE m.account_id = $1 AND m.segment_id = s.id) AS members,
  (SELECT coalesce(sum(o.added_count), 0) FROM membership_operation o
   WHERE o.account_id = $1 AND o.segment_id = s.id) AS added
FROM segment s WHERE s.account_id = $1
"""
USAGE = """
SELECT u.*,
  (SELECT count(DISTINCT candidate_id) FROM segment_member WHERE account_id = $1 AND channel = 'EMAIL') AS email,
  (SELECT count(DISTINCT candidate_id) FROM segment_member WHERE account_id = $1 AND channel = 'SMS') AS sms
FROM endpoint_usage u WHERE u.account_id = $1
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seeded(database: Database) -> Seeded:
    return await seed(database, f"seeded {uuid4()}", 500, random_seed=3, moment=MOMENT)


async def read(database: Database, statement: str, account_id: UUID) -> Sequence[Record]:
    return await database.fetch(statement, account_id)


async def test_it_puts_in_as_many_candidates_as_asked(database: Database, seeded: Seeded) -> None:
    [row] = await read(database, "SELECT count(*) AS n FROM candidate WHERE account_id = $1", seeded.account_id)
    assert row["n"] == seeded.candidates == 500
    assert seeded.vacancies == 10
    assert seeded.lists == 12
    assert seeded.applications > 100


async def test_the_same_seed_gives_the_same_people_and_consents(database: Database, seeded: Seeded) -> None:
    again = await seed(database, f"again {uuid4()}", 500, random_seed=3, moment=MOMENT)
    for statement in (PEOPLE, CONSENTS):
        assert await read(database, statement, again.account_id) == await read(database, statement, seeded.account_id)


async def test_consents_are_active_withdrawn_expired_and_about_to_expire(database: Database, seeded: Seeded) -> None:
    rows = await read(database, CONSENTS, seeded.account_id)
    general = [row for row in rows if row["name"] == "General privacy policy"]
    assert len(general) == pytest.approx(350, rel=0.15)
    assert any(row["withdrawn_at"] for row in rows)
    assert any(row["expires_at"] and row["expires_at"] < MOMENT for row in rows)
    assert any(row["expires_at"] and row["expires_at"] > MOMENT for row in rows)


async def test_the_contract_allows_as_many_endpoints_as_there_are_candidates(
    database: Database, seeded: Seeded
) -> None:
    [contract] = await read(database, "SELECT * FROM contract WHERE account_id = $1", seeded.account_id)
    assert contract["endpoint_limit"] == 500
    assert contract["starts_on"] <= datetime.now(UTC).date() <= contract["ends_on"]


async def test_segments_are_filled_and_every_count_is_exact(database: Database, seeded: Seeded) -> None:
    rows = await read(database, SEGMENTS, seeded.account_id)
    assert [row["channel"] for row in rows].count("SMS") == 3
    assert sum(row["archived_at"] is not None for row in rows) == 1
    assert sum(row["member_count"] > 0 for row in rows) == len(rows) - 1
    for row in rows:
        assert row["member_count"] == row["members"] == row["added"]
    [usage] = await read(database, USAGE, seeded.account_id)
    assert (usage["email_used"], usage["sms_used"], usage["reserved"]) == (usage["email"], usage["sms"], 0)
    assert seeded.members == sum(row["member_count"] for row in rows)


async def test_a_tight_contract_is_filled_and_not_exceeded(database: Database) -> None:
    tight = await seed(database, f"tight {uuid4()}", 300, limit=40)
    [usage] = await read(database, USAGE, tight.account_id)
    assert usage["email_used"] + usage["sms_used"] == usage["email"] + usage["sms"] == 40


async def test_every_member_is_eligible(database: Database, seeded: Seeded) -> None:
    async with database.write(seeded.account_id) as tx:
        members = await tx.fetch("SELECT candidate_id FROM segment_member WHERE account_id = $1", tx.account_id)
        ids = [row["candidate_id"] for row in members]
        assert ids
        assert await end_lost_memberships(tx, ids, "A test.") == 0


async def test_an_account_that_has_candidates_is_refused(database: Database, seeded: Seeded) -> None:
    [account] = await read(database, "SELECT name FROM account WHERE id = $1", seeded.account_id)
    with pytest.raises(AccountNotEmptyError, match="already has candidates"):
        await seed(database, account["name"].upper(), 10)


async def test_an_account_without_candidates_is_filled(database: Database) -> None:
    name = f"empty {uuid4()}"
    empty = await seed(database, name, 0)
    assert empty.account_created
    for table in ("vacancy", "candidate_list", "segment"):
        await database.fetch(f"DELETE FROM {table} WHERE account_id = $1", empty.account_id)
    filled = await seed(database, name, 20)
    assert not filled.account_created
    assert filled.account_id == empty.account_id
    assert filled.candidates == 20

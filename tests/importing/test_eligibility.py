"""Memberships end with what they rested on, in the import that takes it away."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest
import pytest_asyncio
from asyncpg import Record

from app.database import Database
from app.domain import segments
from app.domain.accounts import Account
from app.domain.membership import add_candidates
from app.domain.search import CandidateFilter
from app.domain.selection import AllSearchResults, CandidateSelection
from app.models import Channel
from app.seeding.seed import seed
from tests.importing.conftest import ImportText

Rows = Callable[[str], Awaitable[Sequence[Record]]]

CONSENTED = "externalId,policy,grantedAt,expiresAt,withdrawnAt,source\n" + "".join(
    f"C{n},{policy},2025-01-01,,,web\n" for n in (1, 2) for policy in ("General privacy policy", "SMS policy")
)
PEOPLE = """\
externalId,firstName,lastName,email,verifiedMobile
C1,Ann,One,ann@example.com,+31612345678
C2,Bob,Two,bob@example.com,+31612345679
"""
MEMBERS = """
SELECT c.external_id, m.channel FROM segment_member m JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
WHERE m.account_id = $1 ORDER BY 1, 2
"""
ALL = [("C1", "EMAIL"), ("C1", "SMS"), ("C2", "EMAIL"), ("C2", "SMS")]
COUNTS = """
SELECT u.email_used, u.sms_used, (SELECT sum(member_count) FROM segment WHERE account_id = $1) AS members
FROM endpoint_usage u WHERE u.account_id = $1
"""


async def fill(database: Database, account_id: UUID, channel: Channel) -> None:
    async with database.write(account_id) as tx:
        segment_id = await segments.create(tx, channel, channel)
        everyone = CandidateSelection(all_search_results=AllSearchResults(CandidateFilter()))
        await add_candidates(tx, segment_id, everyone, "REJECT", "test", database.settings)


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def members(database: Database, tenant: Account, importing: ImportText) -> None:
    """Two people, each in an e-mail and an SMS segment."""
    seeded = await seed(database, tenant.name, 0, limit=100)
    await database.fetch("DELETE FROM segment WHERE account_id = $1", seeded.account_id)
    await importing(PEOPLE)
    summary = await importing(CONSENTED)
    assert (summary.created, summary.failed) == (4, 0)
    for channel in Channel:
        await fill(database, tenant.id, channel)


async def held(rows: Rows) -> list[tuple[str, str]]:
    """Who is in segments of which channel; the counts must agree."""
    found = [(row["external_id"], row["channel"]) for row in await rows(MEMBERS)]
    [counts] = await rows(COUNTS)
    channels = [channel for _, channel in found]
    assert tuple(counts) == (channels.count("EMAIL"), channels.count("SMS"), len(found))
    return found


async def test_importing_the_same_again_ends_nothing(importing: ImportText, rows: Rows) -> None:
    assert (await importing(PEOPLE)).unchanged == 2
    assert (await importing(CONSENTED)).unchanged == 4
    assert await held(rows) == ALL


async def test_a_lost_mobile_ends_sms_memberships_only(importing: ImportText, rows: Rows) -> None:
    summary = await importing(PEOPLE.replace("+31612345679", ""))
    assert (summary.updated, summary.unchanged) == (1, 1)
    assert await held(rows) == ALL[:3]
    [operation] = await rows("SELECT * FROM membership_operation WHERE account_id = $1 AND kind = 'ELIGIBILITY_LOST'")
    assert (operation["removed_count"], operation["cause"]) == (
        1,
        "An import changed an e-mail address or a verified mobile number.",
    )


async def test_a_lost_email_ends_email_memberships_only(importing: ImportText, rows: Rows) -> None:
    await importing(PEOPLE.replace("ann@example.com", ""))
    assert await held(rows) == ALL[1:]


async def test_a_new_mobile_keeps_the_membership(importing: ImportText, rows: Rows) -> None:
    await importing(PEOPLE.replace("+31612345679", "+31612345670"))
    assert await held(rows) == ALL


@pytest.mark.parametrize(
    ("policy", "left"), [("SMS policy", [ALL[0], *ALL[2:]]), ("General privacy policy", ALL[2:]), ("Newsletter", ALL)]
)
async def test_a_withdrawal_ends_what_the_policy_was_demanded_for(
    importing: ImportText, rows: Rows, policy: str, left: list[tuple[str, str]]
) -> None:
    summary = await importing(f"externalId,policy,grantedAt,withdrawnAt\nC1,{policy},2025-01-01,2025-06-01\n")
    assert summary.failed == 0
    assert await held(rows) == left


async def test_a_consent_that_has_run_out_ends_memberships(importing: ImportText, rows: Rows) -> None:
    await importing("externalId,policy,grantedAt,expiresAt\nC2,sms POLICY,2025-01-01,02/01/2025\n")
    assert await held(rows) == ALL[:3]


async def test_a_withdrawal_is_not_undone_by_an_older_consent(importing: ImportText, rows: Rows) -> None:
    withdrawn = CONSENTED.replace("C1,SMS policy,2025-01-01,,", "C1,SMS policy,2025-01-01,,2025-06-01")
    await importing(withdrawn)
    summary = await importing(CONSENTED)
    assert (summary.unchanged, summary.failed) == (3, 1)
    assert "withdrawn later, on 2025-06-01" in summary.first_failures[0].reason
    assert (await importing(withdrawn)).unchanged == 4
    renewed = await importing("externalId,policy,grantedAt\nC1,SMS policy,2025-07-01\n")
    assert (renewed.updated, renewed.failed) == (1, 0)
    [row] = await rows("SELECT * FROM consent WHERE account_id = $1 AND granted_at > '2025-02-01'")
    assert row["withdrawn_at"] is None
    assert row["source"] == "web"


async def test_a_consent_that_was_given_again_since_is_not_replaced_by_an_older_one(
    importing: ImportText, rows: Rows
) -> None:
    summary = await importing("externalId,policy,grantedAt,expiresAt\nC1,SMS policy,2024-01-01,2024-06-01\n")
    assert (summary.updated, summary.failed) == (0, 1)
    assert "given again later, on 2025-01-01" in summary.first_failures[0].reason
    assert await held(rows) == ALL


async def test_consents_of_unknown_people_and_policies_fail(importing: ImportText) -> None:
    summary = await importing(
        "externalId,policy,grantedAt,withdrawnAt\n"
        "C3,SMS policy,2025-01-01,\nC1,Cookies,2025-01-01,\nC1,SMS policy,,\nC1,SMS policy,2025-01-02,2025-01-01\n"
        "C1,SMS policy,yesterday,\n"
    )
    assert sorted(failure.reason for failure in summary.first_failures) == [
        "There is no candidate C3.",
        "There is no privacy policy Cookies.",
        "grantedAt is missing",
        "grantedAt is not a date like 2026-05-31, 2026-05-31T12:00:00Z or 31-05-2026",
        "withdrawnAt is before grantedAt",
    ]

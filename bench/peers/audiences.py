"""The account that the reads are about: a seeded one, with 20 segments more that are large enough."""

from collections.abc import Sequence
from uuid import UUID

from app.database import Database, analyze
from app.domain import accounts, segments
from app.domain.membership import add_candidates
from app.domain.selection import CandidateSelection
from app.models import Channel
from app.seeding.seed import seed

ACCOUNT = "Reads"
SEGMENTS = 20
LEAST_MEMBERS, MOST_MEMBERS = 300, 1_200

CONTACTABLE = """
-- Candidates whom any segment of e-mail takes, in the same order every time.
SELECT c.id FROM candidate c
WHERE c.account_id = $1 AND c.email IS NOT NULL
  AND NOT EXISTS (SELECT FROM policy_requirement r WHERE r.account_id = $1 AND r.channel = 'EMAIL'
    AND NOT EXISTS (SELECT FROM consent k WHERE k.account_id = $1 AND k.candidate_id = c.id
      AND k.policy_id = r.policy_id AND k.withdrawn_at IS NULL AND k.granted_at <= now()
      AND (k.expires_at IS NULL OR k.expires_at > now())))
ORDER BY c.email, c.id
"""

LARGEST = """
-- The segments that the reads list, the first of them the largest.
SELECT id, member_count FROM segment WHERE account_id = $1 AND archived_at IS NULL ORDER BY name_key LIMIT $2
"""


async def make_audiences(database: Database, owner_url: str, candidates: int) -> tuple[UUID, UUID]:
    """Makes the account unless it is there. Its id, and that of its largest segment."""
    known = await accounts.by_name(database, ACCOUNT)
    if known is None:
        account_id = (await seed(database, ACCOUNT, candidates, owner_url=owner_url)).account_id
        people = [str(row["id"]) for row in await database.fetch(CONTACTABLE, account_id)]
        for number in range(SEGMENTS):
            size = LEAST_MEMBERS if number else MOST_MEMBERS
            await _fill(database, account_id, f"Audience {number + 1:02}", people[number * 100 :][:size])
        await analyze(owner_url)
    else:
        account_id = known.id
    listed = await database.fetch(LARGEST, account_id, SEGMENTS)
    if len(listed) < SEGMENTS or min(row["member_count"] for row in listed) < 250 or listed[0]["member_count"] < 1_000:
        raise SystemExit("The segments are too small: ask for more --candidates.")
    return account_id, listed[0]["id"]


async def _fill(database: Database, account_id: UUID, name: str, people: Sequence[str]) -> None:
    """Makes a segment and adds people, some at a time, as users do: so members were added at several moments."""
    async with database.write(account_id) as tx:
        segment_id = await segments.create(tx, name, Channel.EMAIL)
    for start in range(0, len(people), 100):
        async with database.write(account_id) as tx:
            chosen = CandidateSelection(ids=people[start : start + 100])
            await add_candidates(tx, segment_id, chosen, "FILL", "bench", database.settings)

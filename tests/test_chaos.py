"""Whatever is killed, whenever: every operation ends, nothing is done twice, and nothing that was answered is lost.

CHAOS_ROUNDS says how many rounds there are, CHAOS_SEED makes others. What a round asks for, and what is killed when,
follows from the seed; how that falls together does not.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from app.database import Database
from app.domain.check import check_accounts
from app.models import MembershipOperationStatus
from app.settings import Settings
from tests.chaos import PATIENCE, Machines, own_postgres
from tests.crowd import Crowd, Figures, Line, Tenant
from tests.mutations import CANCEL
from tests.world import GENERAL

pytestmark = [pytest.mark.storm, pytest.mark.timeout(7200)]

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "10"))
SEED = os.environ.get("CHAOS_SEED", "1")

ROUNDS_OF_AN_ACCOUNT = 20
"""Then two others take over, so that to look through their pasts does not take ever longer."""

KILLS = ("worker", "server", "backend", "postgres")

UNFORESEEN = ("request failed", "met what it does not know", "A chunk of the operation")
"""What is logged of an error that nobody thought of."""

UNFINISHED = """
-- Operations that have not ended.
SELECT id, kind, status, requested_by, matched_count, processed_count, attempts, retry_at FROM membership_operation
WHERE account_id = $1 AND status IN ('QUEUED', 'RUNNING')
"""

ASKED_FOR = """
-- The operations that clients asked for.
SELECT id, requested_by, kind, status, failure, undoes FROM membership_operation
WHERE account_id = $1 AND kind <> 'ELIGIBILITY_LOST'
"""

DONE_TWICE = """
-- Operations that added or removed somebody more than once.
SELECT operation_id, count(*), count(DISTINCT candidate_id) FROM (
  SELECT 'added' AS what, operation_id, candidate_id FROM segment_member WHERE account_id = $1
  UNION ALL SELECT 'added', added_by, candidate_id FROM past_segment_member WHERE account_id = $1
  UNION ALL SELECT 'removed', removed_by, candidate_id FROM past_segment_member WHERE account_id = $1) AS effect
GROUP BY what, operation_id HAVING count(*) <> count(DISTINCT candidate_id)
"""

LEFT_BEHIND = """
-- What ended operations left: endpoints set aside, candidates pending, and members of additions that were undone.
SELECT u.reserved,
  (SELECT count(*) FROM pending_candidate WHERE account_id = $1) AS pending,
  (SELECT count(*) FROM segment_member m
    JOIN membership_operation o ON o.account_id = $1 AND o.undoes = m.operation_id AND o.status = 'COMPLETED'
    WHERE m.account_id = $1) AS undone
FROM endpoint_usage u WHERE u.account_id = $1
"""

ADDRESSES = """
-- Who can be reached how.
SELECT id, email IS NOT NULL, verified_mobile IS NOT NULL FROM candidate WHERE account_id = $1
"""

CONSENTS = """
-- Who accepts a policy.
SELECT candidate_id, bool_or(withdrawn_at IS NULL) FROM consent WHERE account_id = $1 AND policy_id = $2
GROUP BY candidate_id
"""

IN_FLIGHT = """
-- Whether a connection still does what somebody asked for who is gone.
SELECT FROM pg_stat_activity WHERE application_name = 'segments' AND backend_xid IS NOT NULL
"""


async def test_nothing_is_lost_or_done_twice_whatever_is_killed(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, started = Figures(), time.monotonic()
    with own_postgres(tmp_path / "postgres") as postgres:
        async with Machines.started(postgres, tmp_path) as machines:
            line = Line([server.address for server in machines.servers], settings, figures)
            tenants: list[Tenant] = []
            try:
                for number in range(ROUNDS):
                    if number % ROUNDS_OF_AN_ACCOUNT == 0:
                        tenants = await new_tenants(machines, settings, number)
                    await one_round(number, machines, tenants, line, settings)
            finally:
                await line.close()
                with capsys.disabled():
                    seconds = time.monotonic() - started
                    kills = dict(machines.kills)
                    sys.stdout.write(
                        f"\nseed {SEED}: {number + 1} rounds in {seconds:.0f} s, killed {kills}\n{figures}\n"
                    )
            code, said = await machines.check()
            assert (code, said.rstrip().endswith("all invariants hold.")) == (0, True), said
            assert not any(words in machines.logged() for words in UNFORESEEN), machines.logged()


@asynccontextmanager
async def opened(machines: Machines, settings: Settings) -> AsyncIterator[Database]:
    """The database, by new connections."""
    database = await Database.open(machines.database_url, settings)
    yield database
    await database.close()


async def new_tenants(machines: Machines, settings: Settings, number: int) -> list[Tenant]:
    async with opened(machines, settings) as database:
        return [await Tenant.make(database, f"{name}{number}") for name in ("a", "b")]


async def one_round(number: int, machines: Machines, tenants: list[Tenant], line: Line, settings: Settings) -> None:
    chance = random.Random(f"{SEED}-{number}")
    crowds = [Crowd(tenant, line, number, random.Random(chance.random())) for tenant in tenants]
    kinds = [KILLS[number % len(KILLS)], *(kind for kind in KILLS if chance.random() < 0.25)]
    try:
        async with asyncio.TaskGroup() as tasks:
            for crowd in crowds:
                tasks.create_task(crowd.rage())
            for kind in kinds:
                tasks.create_task(kill(machines, kind, random.Random(chance.random())))
        await machines.start()
        async with opened(machines, settings) as database:
            for tenant in tenants:
                await until_ended(database, tenant)
            await asyncio.gather(*(crowd.repeat() for crowd in crowds))
            for tenant in tenants:
                await verify(database, tenant)
    except BaseException as error:
        error.add_note(f"Round {number} of seed {SEED}, which killed {kinds}. The logs:\n{machines.logged()[-20_000:]}")
        raise


async def kill(machines: Machines, kind: str, chance: random.Random) -> None:
    await asyncio.sleep(chance.uniform(0, 1.5))
    await machines.kill(kind, chance)


async def until_ended(database: Database, tenant: Tenant) -> None:
    account_id = tenant.world.account_id
    try:
        async with asyncio.timeout(PATIENCE):
            while await database.fetch(UNFINISHED, account_id) or await database.fetch(IN_FLIGHT):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        left = [dict(row) for row in await database.fetch(UNFINISHED, account_id)]
        pytest.fail(f"These have not ended: {left}")


async def verify(database: Database, tenant: Tenant) -> None:
    """Everything that clients were told is so, once."""
    account_id = tenant.world.account_id
    async for report in check_accounts(database, tenant.world.account):
        assert report.lines() == []
    [left] = await database.fetch(LEFT_BEHIND, account_id)
    assert dict(left) == {"reserved": 0, "pending": 0, "undone": 0}
    assert await database.fetch(DONE_TWICE, account_id) == []
    operations = await database.fetch(ASKED_FOR, account_id)
    assert [dict(row) for row in operations if row["status"] == "FAILED"] == []
    answered = {(each.key, each.operation_id) for each in tenant.asked if each.operation_id and each.mutation != CANCEL}
    assert {(row["requested_by"], row["id"]) for row in operations} == answered
    cancelled = {each.operation_id for each in tenant.asked if each.operation_id and each.mutation == CANCEL}
    ends: dict[UUID, str] = {row["id"]: row["status"] for row in operations}
    assert {ends[id] for id in cancelled if id} <= {MembershipOperationStatus.CANCELLED}
    undone = Counter(row["undoes"] for row in operations if row["undoes"] and row["status"] == "COMPLETED")
    assert set(undone.values()) <= {1}
    reached = {row[0]: (row[1], row[2]) for row in await database.fetch(ADDRESSES, account_id)}
    assert {id: reached[id] for id in tenant.addresses} == tenant.addresses
    consents = dict(await database.fetch(CONSENTS, account_id, tenant.world.policies[GENERAL]))
    assert {id: consents[id] for id in tenant.consents} == tenant.consents

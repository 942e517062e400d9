"""`segments check` finds nothing in a sound account, and names each rule that is broken."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from app.domain import consents
from app.domain.check import Report, check_account, check_accounts
from app.models import Channel
from tests.world import GENERAL, SMS, World

SEGMENTS = Path(sys.executable).with_name("segments")


async def check(world: World) -> Report:
    [report] = [report async for report in check_accounts(world.database, world.account)]
    return report


async def change(world: World, statement: str, *values: object) -> None:
    """Changes rows behind the back of the rules."""
    async with world.database.write(world.account_id) as tx:
        await tx.fetch(statement, world.account_id, *values)


async def populate(world: World) -> tuple[UUID, list[UUID]]:
    """An account with a past and members in both channels. Returns its EMAIL segment and the members of that."""
    candidates = await world.candidates(6)
    await world.candidates(2, {})
    texts = await world.segment(channel=Channel.SMS)
    await world.add(texts)
    mails = await world.segment()
    await world.add(mails)
    async with world.database.write(world.account_id) as tx:
        await consents.withdraw(tx, candidates[:1], world.policies[GENERAL], "tester")
        await consents.withdraw(tx, candidates[1:2], world.policies[SMS], "tester")
    return mails, candidates[1:]


async def test_a_sound_account_has_no_breaches(world: World) -> None:
    await populate(world)
    report = await check(world)
    assert (report.segments, report.members, report.lines()) == (2, 9, [])


async def test_the_first_account_may_have_nothing_at_all(world: World) -> None:
    report = await check(world)
    assert (report.segments, report.members, report.lines()) == (0, 0, [])


BREAKING = {
    "a withdrawn consent": ("I1", "UPDATE consent SET withdrawn_at = now() WHERE account_id = $1"),
    "a consent that expired before the last sweep": (
        "I1",
        "UPDATE consent SET expires_at = now() - interval '1 hour' WHERE account_id = $1",
    ),
    "a lost e-mail address": ("I1", "UPDATE candidate SET email = NULL WHERE account_id = $1"),
    "a lost mobile": ("I1", "UPDATE candidate SET verified_mobile = NULL WHERE account_id = $1"),
    "too many EMAIL endpoints": ("I2", "UPDATE endpoint_usage SET email_used = email_used + 1 WHERE account_id = $1"),
    "too few SMS endpoints": ("I2", "UPDATE endpoint_usage SET sms_used = sms_used - 1 WHERE account_id = $1"),
    "endpoints that nothing reserves": ("I2", "UPDATE endpoint_usage SET reserved = 1 WHERE account_id = $1"),
    "no counter": ("I2", "DELETE FROM endpoint_usage WHERE account_id = $1"),
    "a wrong count": ("I3", "UPDATE segment SET member_count = member_count + 1 WHERE account_id = $1"),
    "a wrong channel": ("I3", "UPDATE segment SET channel = 'SMS' WHERE account_id = $1 AND channel = 'EMAIL'"),
    "missing candidates": ("I4", "DELETE FROM candidate WHERE account_id = $1"),
    "missing segments": ("I4", "DELETE FROM segment WHERE account_id = $1"),
    "a missing operation": ("I4", "DELETE FROM membership_operation WHERE account_id = $1"),
    "forgotten members": ("I5", "DELETE FROM segment_member WHERE account_id = $1"),
    "an ended operation that holds endpoints": (
        "I2",
        "UPDATE membership_operation SET reserved = 1 WHERE account_id = $1 AND kind = 'ADD'",
    ),
    "an ended operation with something pending": (
        "I5",
        "INSERT INTO pending_candidate (account_id, operation_id, last_candidate_id, candidate_ids)"
        " SELECT o.account_id, o.id, o.id, ARRAY[o.id] FROM membership_operation o WHERE o.account_id = $1",
    ),
    "something pending for no operation": (
        "I4",
        "INSERT INTO pending_candidate (account_id, operation_id, last_candidate_id, candidate_ids)"
        " VALUES ($1, gen_random_uuid(), gen_random_uuid(), ARRAY[gen_random_uuid()])",
    ),
    "an operation that goes on with nothing pending": (
        "I5",
        "UPDATE membership_operation SET status = 'RUNNING', matched_count = matched_count + 1 WHERE account_id = $1"
        " AND kind = 'ADD'",
    ),
    "an operation that goes on without its segment": (
        "I5",
        "UPDATE membership_operation SET status = 'RUNNING', segment_id = NULL WHERE account_id = $1 AND kind = 'ADD'",
    ),
    "a forgotten past": ("I5", "DELETE FROM past_segment_member WHERE account_id = $1"),
    "a removal that does not add up": (
        "I5",
        "UPDATE membership_operation SET matched_count = matched_count + 1 WHERE account_id = $1 AND kind <> 'ADD'",
    ),
    "an operation on another segment": (
        "I5",
        "UPDATE membership_operation SET segment_id = gen_random_uuid() WHERE account_id = $1",
    ),
    "left-out candidates that were not left out": (
        "I5",
        "UPDATE membership_operation SET matched_count = matched_count - ineligible_count, ineligible_count = 0"
        " WHERE account_id = $1",
    ),
}


@pytest.mark.parametrize("cause", BREAKING)
async def test_what_is_broken_is_named(world: World, cause: str) -> None:
    invariant, statement = BREAKING[cause]
    await populate(world)
    await change(world, statement)
    assert invariant in {breach.invariant for breach in (await check(world)).breaches}


async def test_a_breach_says_where_and_what_was_expected(world: World) -> None:
    segment_id, _ = await populate(world)
    await change(world, "UPDATE segment SET member_count = 4 WHERE account_id = $1 AND id = $2", segment_id)
    [line] = (await check(world)).lines()
    assert line == f"I3 {world.account.name}, segment {segment_id}: member_count: expected 5, found 4"


async def test_a_row_of_another_account_is_an_orphan(world: World, other_world: World) -> None:
    foreign = await other_world.candidate()
    await world.insert("consent", candidate_id=foreign, policy_id=world.policies[GENERAL], granted_at=datetime.now(UTC))
    [breach] = (await check(world)).breaches
    assert (breach.invariant, breach.place, breach.what) == ("I4", "consent", "candidate_id")
    assert str(foreign) in breach.found
    assert not (await check(other_world)).breaches


async def test_a_consent_that_expired_since_the_last_sweep_waits_and_breaks_nothing(world: World) -> None:
    _, members = await populate(world)
    await change(world, "UPDATE consent SET expires_at = now() WHERE account_id = $1 AND candidate_id = $2", members[1])
    report = await check(world)
    assert (report.breaches, report.waiting) == ([], 2)


async def test_a_member_whose_consent_expired_is_no_less_a_breach_for_want_of_an_address(world: World) -> None:
    _, members = await populate(world)
    await change(world, "UPDATE consent SET expires_at = now() WHERE account_id = $1")
    await change(world, "UPDATE candidate SET email = NULL WHERE account_id = $1 AND id = $2", members[1])
    report = await check(world)
    assert [breach.invariant for breach in report.breaches] == ["I1"]
    assert report.waiting == 8


async def test_a_contract_lowered_beneath_its_use_is_no_breach(world: World) -> None:
    await populate(world)
    await world.contract(5)
    report = await check(world)
    assert (report.breaches, report.over_limit) == ([], 4)


async def test_operations_that_finish_meanwhile_do_not_confuse_the_check(world: World) -> None:
    _, members = await populate(world)
    added = [await world.segment() for _ in range(10)]

    async def fill() -> None:
        for each in added:
            await world.add(each, members)

    filling = asyncio.create_task(fill())
    while not filling.done():
        assert not (await check(world)).breaches
    await filling


async def run_command(database_url: str, world: World) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        SEGMENTS, "check", "--account", world.account.name,
        env={**os.environ, "DATABASE_URL": database_url}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_command_says_that_all_is_well_or_fails(database_url: str, world: World) -> None:
    await populate(world)
    assert await run_command(database_url, world) == (
        0,
        "1 account, 2 segments, 9 members checked: all invariants hold.\n",
    )
    await change(world, "UPDATE endpoint_usage SET reserved = 2 WHERE account_id = $1")
    assert await run_command(database_url, world) == (
        1,
        f"I2 {world.account.name}, endpoint_usage: reserved: expected 0, found 2\n"
        "1 account, 2 segments, 9 members checked: 1 breach.\n",
    )


async def test_whole_tables_are_joined_for_a_check_and_for_nothing_after_it(world: World) -> None:
    nested = "SHOW enable_nestloop"
    async with world.database.snapshot() as snapshot:
        await check_account(snapshot, world.account)
        assert (await snapshot.fetch(nested))[0][0] == "off"
    assert (await world.database.fetch(nested))[0][0] == "on"

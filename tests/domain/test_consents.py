"""Consents given and taken back, and the memberships that end with them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.domain import consents
from app.domain.consents import Consent
from app.domain.errors import NotFoundError
from app.domain.items import Kept
from app.models import Channel
from tests.client import Client
from tests.domain.test_check import check
from tests.world import GENERAL, SMS, World

OPERATIONS = """query($id: ID!) { segment(id: $id) { memberCount operations(first: 10) { nodes {
  kind status requestedBy matchedCount removedCount
} } } }"""


async def said(world: World, *given: Consent) -> Kept:
    async with world.database.write(world.account_id) as tx:
        return await consents.record(tx, given, "tester")


async def record(world: World, *given: Consent) -> int:
    """Records consents of which none is refused. Returns how many memberships ended."""
    kept = await said(world, *given)
    assert kept.refused == ()
    return kept.ended


async def withdraw(world: World, candidate_ids: Sequence[UUID], policy: str = GENERAL) -> int:
    async with world.database.write(world.account_id) as tx:
        return (await consents.withdraw(tx, candidate_ids, world.policies[policy], "tester")).ended


def refusals(kept: Kept) -> list[tuple[str, tuple[str, ...]]]:
    return [(error.code, error.path[2:]) for error in kept.refused]


async def test_withdrawing_a_consent_ends_what_it_held_up_and_frees_the_endpoints(world: World) -> None:
    candidates = await world.candidates(3)
    mails, texts = await world.segment(), await world.segment(channel=Channel.SMS)
    await world.add(mails)
    await world.add(texts)
    assert await withdraw(world, candidates[:1], SMS) == 1
    assert await world.used() == (3, 2)
    assert await withdraw(world, candidates[:2]) == 3
    assert await world.used() == (1, 1)
    assert not (await check(world)).lines()


async def test_who_withdraws_a_consent_leaves_archived_segments_too(world: World) -> None:
    [someone] = await world.candidates(1)
    segment_id = await world.segment()
    await world.add(segment_id)
    await world.run("UPDATE segment SET archived_at = now() WHERE account_id = $1 AND id = $2", segment_id)
    assert await withdraw(world, [someone]) == 1
    assert await world.used() == (0, 0)
    assert not (await check(world)).lines()


async def test_what_a_withdrawal_ended_is_recorded(world: World, client: Client) -> None:
    candidates = await world.candidates(3)
    segment_id = await world.segment()
    await world.add(segment_id)
    await withdraw(world, candidates[:2])
    segment = (await client.data(OPERATIONS, id=str(segment_id)))["segment"]
    assert segment["memberCount"] == 1
    assert segment["operations"]["nodes"][0] == {
        "kind": "ELIGIBILITY_LOST", "status": "COMPLETED", "requestedBy": "tester", "matchedCount": 2,
        "removedCount": 2,
    }  # fmt: skip


async def test_withdrawing_what_was_never_given_does_nothing(world: World) -> None:
    someone = await world.candidate({})
    assert await withdraw(world, [someone]) == 0


async def test_a_candidate_who_agrees_again_may_join_but_does_not_by_that(world: World) -> None:
    someone = await world.candidate()
    segment_id = await world.segment()
    await world.add(segment_id)
    await withdraw(world, [someone])
    await record(world, Consent(someone, world.policies[GENERAL]))
    assert await world.used() == (0, 0)
    await world.add(segment_id)
    assert await world.used() == (1, 0)


async def test_who_said_nothing_and_who_did_are_kept_in_one_go(world: World) -> None:
    silent, agreed = await world.candidate({}), await world.candidate()
    policy = world.policies[GENERAL]
    until = datetime.now(UTC) + timedelta(days=1)
    assert await record(world, Consent(silent, policy), Consent(agreed, policy, expires_at=until, source="form")) == 0
    rows = await world.database.fetch(
        "SELECT candidate_id, expires_at, source FROM consent WHERE account_id = $1 AND policy_id = $2",
        world.account_id,
        policy,
    )
    assert {tuple(row) for row in rows} == {(silent, None, None), (agreed, until, "form")}


async def test_a_consent_replaced_by_one_that_has_expired_ends_memberships(world: World) -> None:
    someone = await world.candidate()
    await world.add(await world.segment())
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = Consent(someone, world.policies[GENERAL], yesterday, yesterday + timedelta(hours=1))
    assert await record(world, expired) == 1
    assert not (await check(world)).lines()


async def test_a_withdrawal_is_not_undone_by_a_consent_given_before_it(world: World) -> None:
    someone = await world.candidate()
    await withdraw(world, [someone])
    earlier = Consent(someone, world.policies[GENERAL], datetime.now(UTC) - timedelta(hours=1))
    kept = await said(world, earlier)
    assert refusals(kept) == [("INVALID_INPUT", ("0", "grantedAt"))]
    assert "withdrawn later" in kept.refused[0].message
    assert kept.candidate_ids == ()


async def test_a_consent_given_before_the_one_that_is_kept_changes_nothing(world: World) -> None:
    someone, policy = await world.candidate({}), world.policies[GENERAL]
    last_month, today = datetime.now(UTC) - timedelta(days=30), datetime.now(UTC)
    await record(world, Consent(someone, policy, today))
    await world.add(await world.segment())
    kept = await said(world, Consent(someone, policy, last_month, last_month + timedelta(days=1)))
    assert refusals(kept) == [("INVALID_INPUT", ("0", "grantedAt"))]
    assert "given again later" in kept.refused[0].message
    assert await world.used() == (1, 0)


async def test_who_withdrew_a_consent_that_was_yet_to_begin_may_agree_again(world: World) -> None:
    someone, policy = await world.candidate({}), world.policies[GENERAL]
    await record(world, Consent(someone, policy, datetime.now(UTC) + timedelta(days=300)))
    await withdraw(world, [someone])
    assert refusals(await said(world, Consent(someone, policy))) == []
    await world.add(await world.segment())
    assert await world.used() == (1, 0)


async def test_of_two_consents_in_one_call_the_one_given_later_is_kept(world: World) -> None:
    someone, policy = await world.candidate({}), world.policies[GENERAL]
    earlier, later = datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) - timedelta(days=1)
    await record(world, Consent(someone, policy, later, source="later"), Consent(someone, policy, earlier))
    [row] = await world.run("SELECT granted_at, source FROM consent WHERE account_id = $1")
    assert tuple(row) == (later, "later")


async def test_the_same_consent_again_changes_no_row(world: World) -> None:
    someone = await world.candidate({})
    consent = Consent(someone, world.policies[GENERAL], datetime.now(UTC), source="form")
    await record(world, consent)
    before = await world.run("SELECT ctid::text FROM consent WHERE account_id = $1")
    assert await record(world, consent) == 0
    assert await world.run("SELECT ctid::text FROM consent WHERE account_id = $1") == before


async def test_what_is_not_in_the_account_is_refused_and_the_rest_is_kept(world: World, other_world: World) -> None:
    someone, foreigner = await world.candidate({}), await other_world.candidate({})
    kept = await said(
        world,
        Consent(foreigner, world.policies[SMS]),
        Consent(someone, world.policies[SMS]),
        Consent(someone, other_world.policies[SMS]),
        Consent(None, None),
    )
    assert refusals(kept) == [
        ("NOT_FOUND", ("0", "candidateId")),
        ("NOT_FOUND", ("2", "policyId")),
        ("NOT_FOUND", ("3", "candidateId")),
        ("NOT_FOUND", ("3", "policyId")),
    ]
    assert kept.candidate_ids == (someone,)
    [row] = await world.run("SELECT candidate_id, policy_id FROM consent WHERE account_id = $1")
    assert tuple(row) == (someone, world.policies[SMS])
    assert await other_world.run("SELECT FROM consent WHERE account_id = $1") == []


async def test_nothing_is_withdrawn_from_a_policy_that_is_not_there(world: World, other_world: World) -> None:
    someone = await world.candidate()
    for policy_id in (uuid4(), other_world.policies[GENERAL], None):
        with pytest.raises(NotFoundError):
            async with world.database.write(world.account_id) as tx:
                await consents.withdraw(tx, [someone], policy_id, "tester")

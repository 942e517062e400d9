"""Consents given and taken back, and the memberships that end with them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.domain import consents
from app.domain.consents import Consent
from app.domain.errors import NotFoundError, RefusedError
from app.models import Channel
from tests.client import Client
from tests.domain.test_check import check
from tests.world import GENERAL, SMS, World

OPERATIONS = """query($id: ID!) { segment(id: $id) { memberCount operations(first: 10) { nodes {
  kind status requestedBy matchedCount removedCount
} } } }"""


async def record(world: World, *given: Consent) -> int:
    async with world.database.write(world.account_id) as tx:
        return await consents.record(tx, given, "tester")


async def withdraw(world: World, candidate_ids: Sequence[UUID], policy: str = GENERAL) -> int:
    async with world.database.write(world.account_id) as tx:
        return await consents.withdraw(tx, candidate_ids, world.policies[policy], "tester")


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
    with pytest.raises(RefusedError) as refused:
        await record(world, earlier)
    assert [(error.code, error.path) for error in refused.value.errors] == [
        ("INVALID_INPUT", ("input", "consents", "0", "grantedAt"))
    ]


async def test_what_is_not_in_the_account_is_not_found(world: World, other_world: World) -> None:
    someone, foreigner = await world.candidate(), await other_world.candidate()
    with pytest.raises(RefusedError) as refused:
        await record(world, Consent(foreigner, world.policies[SMS]), Consent(someone, other_world.policies[SMS]))
    assert [error.path for error in refused.value.errors] == [
        ("input", "consents", "0", "candidateId"),
        ("input", "consents", "1", "policyId"),
    ]
    with pytest.raises(RefusedError):
        await withdraw(world, [someone, foreigner])
    with pytest.raises(NotFoundError):
        async with world.database.write(world.account_id) as tx:
            await consents.withdraw(tx, [someone], uuid4(), "tester")

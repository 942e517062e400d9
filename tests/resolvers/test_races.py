"""Requests at the same moment. However they fall, the outcome is one of those that some order would give."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import pytest

from app.domain import consents
from app.models import Channel
from tests.client import Client
from tests.domain.test_check import check
from tests.mutations import ADD, ARCHIVE, CREATE, DELETE, REMOVE, RENAME
from tests.world import GENERAL, World

ROUNDS = pytest.mark.parametrize("round", range(5))
"""A race is run a few times: which way it falls is chance."""


async def send(client: Client, mutation: str, **input: Any) -> dict[str, Any]:
    done: dict[str, Any] = (await client.data(mutation, input=input))["done"]
    return done


def selection(*candidate_ids: UUID) -> dict[str, list[str]]:
    return {"ids": [str(id) for id in candidate_ids]}


def add(client: Client, segment_id: UUID, *candidate_ids: UUID, **more: str) -> Awaitable[dict[str, Any]]:
    return send(client, ADD, segmentId=str(segment_id), candidates=selection(*candidate_ids), **more)


def code(done: dict[str, Any]) -> str | None:
    """Why the mutation failed, if it did."""
    return done["userErrors"][0]["code"] if done["userErrors"] else None


@ROUNDS
async def test_of_two_additions_that_race_for_the_last_endpoint_one_wins(
    world: World, client: Client, round: int
) -> None:
    await world.contract(1)
    mails, texts = await world.segment(), await world.segment(channel=Channel.SMS)
    one, other = await world.candidates(2)
    outcomes = await asyncio.gather(add(client, mails, one), add(client, texts, other))
    assert Counter(map(code, outcomes)) == {None: 1, "QUOTA_EXCEEDED": 1}
    assert sum(await world.used()) == 1
    assert not (await check(world)).lines()


async def test_fifty_additions_that_race_fill_the_contract_to_the_last_endpoint(world: World, client: Client) -> None:
    await world.contract(20)
    mails, texts = await world.segment(), await world.segment(channel=Channel.SMS)
    candidates = await world.candidates(25)
    outcomes = await asyncio.gather(
        *(add(client, segment_id, candidate) for candidate in candidates for segment_id in (mails, texts))
    )
    assert Counter(map(code, outcomes)) == {None: 20, "QUOTA_EXCEEDED": 30}
    assert sum(await world.used()) == 20
    assert not (await check(world)).lines()


async def test_additions_that_fill_share_what_is_left(world: World, client: Client) -> None:
    await world.contract(10)
    segments = [await world.segment() for _ in range(4)]
    groups = [await world.candidates(5) for _ in segments]
    outcomes = await asyncio.gather(
        *(
            add(client, segment_id, *group, onQuotaExceeded="FILL")
            for segment_id, group in zip(segments, groups, strict=True)
        )
    )
    assert [code(done) for done in outcomes] == [None] * 4
    assert sum(done["operation"]["addedCount"] for done in outcomes) == 10
    assert sum(done["operation"]["overQuotaCount"] for done in outcomes) == 10
    assert not (await check(world)).lines()


async def test_a_key_sent_twenty_times_at_once_is_one_operation(world: World, client: Client) -> None:
    segment_id, candidates = await world.segment(), await world.candidates(3)
    outcomes = await asyncio.gather(*(add(client, segment_id, *candidates, idempotencyKey="once") for _ in range(20)))
    assert all(done == outcomes[0] for done in outcomes)
    assert outcomes[0]["operation"]["addedCount"] == 3
    rows = await world.database.fetch("SELECT id FROM membership_operation WHERE account_id = $1", world.account_id)
    assert [str(row["id"]) for row in rows] == [outcomes[0]["operation"]["id"]]


async def test_a_key_of_a_failure_sent_twenty_times_at_once_fails_alike(world: World, client: Client) -> None:
    await world.contract(2)
    segment_id, candidates = await world.segment(), await world.candidates(3)
    outcomes = await asyncio.gather(*(add(client, segment_id, *candidates, idempotencyKey="once") for _ in range(20)))
    assert [code(done) for done in outcomes] == ["QUOTA_EXCEEDED"] * 20
    await world.contract(3)
    assert code(await add(client, segment_id, *candidates, idempotencyKey="once")) == "QUOTA_EXCEEDED"
    assert code(await add(client, segment_id, *candidates)) is None


async def test_a_name_taken_is_remembered_under_its_key(world: World, client: Client) -> None:
    owner = await world.segment("Nurses")
    input = {"name": "nurses", "channel": "SMS", "idempotencyKey": "once"}
    outcomes = await asyncio.gather(*(send(client, CREATE, **input) for _ in range(5)))
    assert [code(done) for done in outcomes] == ["NAME_TAKEN"] * 5
    await send(client, DELETE, segmentId=str(owner))
    assert code(await send(client, CREATE, **input)) == "NAME_TAKEN"


async def test_of_two_inputs_under_one_key_at_once_one_is_refused(world: World, client: Client) -> None:
    segment_id, [one, other] = await world.segment(), await world.candidates(2)
    outcomes = await asyncio.gather(
        add(client, segment_id, one, idempotencyKey="once"), add(client, segment_id, other, idempotencyKey="once")
    )
    assert Counter(map(code, outcomes)) == {None: 1, "IDEMPOTENCY_KEY_REUSED": 1}
    assert await world.used() == (1, 0)


async def test_a_name_taken_twice_at_once_is_had_by_one(world: World, client: Client) -> None:
    one, other = await world.segment(), await world.segment()
    outcomes = await asyncio.gather(
        send(client, RENAME, segmentId=str(one), name="Nurses"),
        send(client, RENAME, segmentId=str(other), name="NURSES"),
        send(client, CREATE, name="nurses", channel="SMS"),
    )
    assert Counter(map(code, outcomes)) == {None: 1, "NAME_TAKEN": 2}


@ROUNDS
async def test_a_segment_deleted_during_an_addition_leaves_nobody_behind(
    world: World, client: Client, round: int
) -> None:
    segment_id, candidates = await world.segment(), await world.candidates(20)
    deleted, added = await asyncio.gather(
        send(client, DELETE, segmentId=str(segment_id)), add(client, segment_id, *candidates)
    )
    assert code(deleted) is None
    assert code(added) in (None, "NOT_FOUND")
    assert await world.used() == (0, 0)
    assert not (await check(world)).lines()


@ROUNDS
async def test_a_segment_archived_during_an_addition_has_all_or_nobody(
    world: World, client: Client, round: int
) -> None:
    segment_id, candidates = await world.segment(), await world.candidates(20)
    archived, added = await asyncio.gather(
        send(client, ARCHIVE, segmentId=str(segment_id)), add(client, segment_id, *candidates)
    )
    assert code(archived) is None
    assert (code(added), await world.used()) in [(None, (20, 0)), ("SEGMENT_ARCHIVED", (0, 0))]
    assert not (await check(world)).lines()


@ROUNDS
async def test_a_withdrawal_during_an_addition_leaves_no_member_who_may_not_be_one(
    world: World, client: Client, round: int
) -> None:
    segments = [await world.segment() for _ in range(3)]
    candidates = await world.candidates(20)

    async def withdraw() -> None:
        async with world.database.write(world.account_id) as tx:
            await consents.withdraw(tx, candidates[:5], world.policies[GENERAL], "tester")

    withdrawing = asyncio.create_task(withdraw())
    outcomes = await asyncio.gather(*(add(client, segment_id, *candidates) for segment_id in segments))
    await withdrawing
    assert [code(done) for done in outcomes] == [None] * 3
    assert await world.used() == (15, 0)
    assert not (await check(world)).lines()


async def test_additions_and_removals_of_the_same_candidates_at_once_add_up(world: World, client: Client) -> None:
    segments = [await world.segment() for _ in range(3)]
    candidates = await world.candidates(10)
    changes = [
        send(client, mutation, segmentId=str(segment_id), candidates=selection(*candidates))
        for _ in range(5)
        for segment_id in segments
        for mutation in (ADD, REMOVE)
    ]
    outcomes = await asyncio.gather(*changes)
    assert {code(done) for done in outcomes} == {None}
    assert not (await check(world)).lines()

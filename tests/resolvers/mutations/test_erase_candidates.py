"""eraseCandidates"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.sync.known import erased
from app.models import Channel
from tests.client import Client
from tests.domain.test_check import check
from tests.inventory import TABLES
from tests.mutations import ADD
from tests.resolvers.mutations.changing import FAILURES
from tests.world import World

ERASE = (
    """mutation($input: EraseCandidatesInput!) { done: eraseCandidates(input: $input) {
  erasedCount removedMembershipCount quotaUsage { used } userErrors { ...Failures }
} }"""
    + FAILURES
)

OPERATIONS = """query($id: ID!) { segment(id: $id) { memberCount operations(first: 10) { nodes {
  id kind matchedCount addedCount removedCount ineligibleCount skipped(first: 10) { totalCount edges { node { id } } }
} } } }"""


async def erase(client: Client, *candidate_ids: UUID | str) -> dict[str, Any]:
    done: dict[str, Any] = (await client.data(ERASE, input={"candidateIds": [str(id) for id in candidate_ids]}))["done"]
    return done


async def rows_about(world: World, *texts: str) -> dict[str, int]:
    """How many rows of the account hold one of the texts, by table; those that hold none are left out."""
    counts = {}
    for row in await world.database.fetch(TABLES):
        table = row["table_name"]
        found = await world.run(
            f"SELECT count(*) FROM {table} t WHERE account_id = $1 AND EXISTS ("
            "SELECT FROM unnest($2::text[]) AS x WHERE position(x IN t::text) > 0)",
            list(texts),
        )
        if found[0][0]:
            counts[table] = found[0][0]
    return counts


async def person(world: World, name: str) -> UUID:
    """Somebody with rows of every kind: members, past members, left out, on a list, an applicant."""
    someone = await world.candidate(
        external_id=f"ats {name}", first_name=name, email=f"{name}@example.com", headline=f"{name} codes"
    )
    await world.insert("application", candidate_id=someone, vacancy_id=await world.vacancy())
    await world.candidate_list(f"list {uuid4()}", [someone])
    return someone


async def test_nothing_is_left_of_a_person_but_a_hash(world: World, client: Client) -> None:
    someone, other = await person(world, "zelda"), await person(world, "otto")
    mails, texts, left = [await world.segment(channel=channel) for channel in (Channel.EMAIL, Channel.SMS, Channel.SMS)]
    await world.add(mails)
    await world.add(texts)
    await world.readdress([someone, other], "verified_mobile", None)
    await world.add(left)
    about = ["zelda", str(someone)]
    assert (await rows_about(world, *about)).keys() >= {
        "application", "candidate", "candidate_list_member", "consent", "past_segment_member", "segment_member",
        "skipped_candidate",
    }  # fmt: skip
    assert await erase(client, someone) == {
        "erasedCount": 1,
        "removedMembershipCount": 1,
        "quotaUsage": {"used": 1},
        "userErrors": [],
    }
    assert await rows_about(world, *about) == {}
    assert (await rows_about(world, str(other)))["skipped_candidate"] == 1
    assert len(await world.run("SELECT FROM erased_candidate WHERE account_id = $1")) == 1
    assert not (await check(world)).lines()


async def test_past_operations_keep_their_counts_and_lose_the_names(world: World, client: Client) -> None:
    first, second = await world.candidates(2)
    unwilling, also_unwilling = await world.candidates(2, {})
    segment_id = await world.segment()
    added = await world.add(segment_id)
    await erase(client, first, unwilling)
    segment = (await client.data(OPERATIONS, id=str(segment_id)))["segment"]
    assert segment["memberCount"] == 1
    lost, addition = segment["operations"]["nodes"]
    assert (lost["kind"], lost["matchedCount"], lost["removedCount"]) == ("ELIGIBILITY_LOST", 1, 1)
    assert addition == {
        "id": str(added),
        "kind": "ADD",
        "matchedCount": 4,
        "addedCount": 2,
        "removedCount": 0,
        "ineligibleCount": 2,
        "skipped": {"totalCount": 1, "edges": [{"node": {"id": str(also_unwilling)}}]},
    }
    await erase(client, second, also_unwilling)
    assert await world.run("SELECT FROM skipped_candidate WHERE account_id = $1") == []
    assert await world.used() == (0, 0)
    assert not (await check(world)).lines()


@pytest.mark.parametrize("places", [[0], [999], [0, 1, 2, 999, 1_000, 1_500], [*range(1_000)], [*range(1_499)]])
async def test_of_many_left_out_together_the_others_stay(world: World, client: Client, places: list[int]) -> None:
    """They are kept a thousand to a row."""
    candidates = sorted(await world.candidates(1_501, {}))
    segment_id = await world.segment()
    await world.add(segment_id)
    gone = [candidates[place] for place in places]
    for start in range(0, len(gone), 1_000):
        assert (await erase(client, *gone[start : start + 1_000]))["userErrors"] == []
    rows = await world.run(
        "SELECT last_candidate_id, candidate_ids, cardinality(reasons) AS reasons FROM skipped_candidate"
        " WHERE account_id = $1 ORDER BY last_candidate_id"
    )
    assert [id for row in rows for id in row["candidate_ids"]] == [id for id in candidates if id not in set(gone)]
    assert all(row["candidate_ids"][-1] == row["last_candidate_id"] for row in rows)
    assert all(len(row["candidate_ids"]) == row["reasons"] for row in rows)
    assert not (await check(world)).lines()


async def test_who_is_erased_is_known_by_their_external_id_in_this_account_alone(
    world: World, other_world: World, client: Client
) -> None:
    await erase(client, await person(world, "zelda"), await world.candidate())
    async with world.database.write(world.account_id) as tx:
        assert await erased(tx, world.account, ["ats zelda", "ats otto"]) == {"ats zelda"}
    async with world.database.write(other_world.account_id) as tx:
        assert await erased(tx, other_world.account, ["ats zelda"]) == set()


async def test_somebody_with_the_same_external_id_may_be_erased_twice(world: World, client: Client) -> None:
    for _ in range(2):
        done = await erase(client, await world.candidate(external_id="ats zelda"))
        assert (done["erasedCount"], done["userErrors"]) == (1, [])
    assert len(await world.run("SELECT FROM erased_candidate WHERE account_id = $1")) == 1


async def test_a_suppressed_address_stays_so_when_its_owner_is_erased(world: World, client: Client) -> None:
    someone = await person(world, "zelda")
    await world.insert("suppression", channel="EMAIL", address="zelda@example.com", reason="asked", created_by="tester")
    await erase(client, someone)
    assert await rows_about(world, "zelda") == {"suppression": 1}


async def test_who_is_not_found_is_named_and_the_others_are_erased(
    world: World, other_world: World, client: Client
) -> None:
    one, other = await world.candidates(2)
    foreign = await other_world.candidate()
    done = await erase(client, foreign, one, "no-id", uuid4(), one, other)
    assert [(each["code"], each["path"]) for each in done["userErrors"]] == [
        ("NOT_FOUND", ["input", "candidateIds", index]) for index in ("0", "2", "3")
    ]
    assert done["erasedCount"] == 2
    assert await world.run("SELECT FROM candidate WHERE account_id = $1") == []
    assert len(await other_world.run("SELECT FROM candidate WHERE account_id = $1")) == 1
    again = await erase(client, one)
    assert (again["erasedCount"], again["userErrors"][0]["code"]) == (0, "NOT_FOUND")


async def test_a_thousand_at_once_and_no_more(world: World, client: Client) -> None:
    candidates: Sequence[UUID] = await world.candidates(1_001)
    await world.add(await world.segment())
    done = await erase(client, *candidates)
    assert [(each["code"], each["path"]) for each in done["userErrors"]] == [
        ("INVALID_INPUT", ["input", "candidateIds"])
    ]
    assert (await erase(client, *candidates[1:]))["erasedCount"] == 1_000
    assert await world.used() == (1, 0)
    assert not (await check(world)).lines()


@pytest.mark.parametrize("round", range(5))
async def test_an_erasure_that_races_an_addition_leaves_no_member_without_a_person(
    world: World, client: Client, round: int
) -> None:
    candidates = await world.candidates(6)
    segment_id = await world.segment()
    everyone: dict[str, Any] = {"allSearchResults": {"filter": {}}}
    await asyncio.gather(
        client.data(ADD, input={"segmentId": str(segment_id), "candidates": everyone}),
        erase(client, *candidates[:3]),
        erase(client, *candidates[2:4]),
    )
    assert await world.used() == (2, 0)
    assert not (await check(world)).lines()

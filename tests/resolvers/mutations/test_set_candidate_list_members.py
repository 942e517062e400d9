"""setCandidateListMembers: who is on a list."""

import asyncio
import tracemalloc
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from app.auth import Permission
from app.domain.sync.candidate_lists import MembersMode, change_members
from app.resolvers.syncing import Said
from app.server import Server
from app.settings import Settings
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.resolvers.mutations.syncing import LISTS, MEMBERS, UPSERT_COUNTED, errors, people, send, sync
from tests.world import World


@pytest.fixture(autouse=True)
async def known(client: Client) -> None:
    """Candidates C0 to C9 and the list L1."""
    await sync(client, UPSERT_COUNTED, candidates=people(10))
    await sync(client, LISTS, candidateLists=[{"externalId": "L1", "name": "Alumni"}])


def those(*numbers: int) -> dict[str, Any]:
    return {"listExternalId": "L1", "candidateExternalIds": [f"C{number}" for number in numbers]}


def on_list(done: dict[str, Any]) -> list[str]:
    return sorted(node["externalId"] for node in done["candidateList"]["candidates"]["nodes"])


def counts(done: dict[str, Any]) -> tuple[int, int]:
    return done["addedCount"], done["removedCount"]


async def test_the_named_are_on_the_list_and_nobody_else(client: Client) -> None:
    done = await sync(client, MEMBERS, **those(1, 2, 3))
    assert (counts(done), on_list(done)) == ((3, 0), ["C1", "C2", "C3"])
    done = await sync(client, MEMBERS, **those(3, 4))
    assert (counts(done), on_list(done)) == ((1, 2), ["C3", "C4"])
    done = await sync(client, MEMBERS, **those())
    assert (counts(done), on_list(done)) == ((0, 2), [])


async def test_adding_and_removing_leave_the_others(client: Client) -> None:
    await sync(client, MEMBERS, **those(1, 2))
    done = await sync(client, MEMBERS, **those(2, 3), mode="ADD")
    assert (counts(done), on_list(done)) == ((1, 0), ["C1", "C2", "C3"])
    done = await sync(client, MEMBERS, **those(1, 9), mode="REMOVE")
    assert (counts(done), on_list(done)) == ((0, 1), ["C2", "C3"])


async def test_to_replace_a_huge_list_holds_none_of_it(world: World) -> None:
    list_id = await world.candidate_list("Everybody", external_id="huge")
    await world.run(
        "INSERT INTO candidate_list_member (account_id, list_id, candidate_id)"
        " SELECT $1, $2, gen_random_uuid() FROM generate_series(1, 100000)",
        list_id,
    )
    async with world.database.write(world.account_id) as tx:
        tracemalloc.start()
        nobody: list[Said] = []
        changed = await change_members(tx, world.account, "huge", nobody, MembersMode.REPLACE)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert changed.removed == 100_000
    assert most < 1_000_000


@pytest.mark.parametrize("mode", ["REPLACE", "ADD", "REMOVE"])
async def test_the_same_again_writes_nothing(client: Client, world: World, mode: str) -> None:
    await sync(client, MEMBERS, **those(1, 2))
    await sync(client, MEMBERS, **those(2, 3), mode=mode)
    written = "SELECT xmin::text, candidate_id FROM candidate_list_member WHERE account_id = $1 ORDER BY candidate_id"
    before = await world.run(written)
    assert counts(await sync(client, MEMBERS, **those(2, 3), mode=mode)) == (0, 0)
    assert await world.run(written) == before


async def test_one_named_twice_counts_once(client: Client) -> None:
    assert counts(await sync(client, MEMBERS, **those(1, 1, 1))) == (1, 0)


async def test_good_ids_are_dealt_with_and_each_error_has_its_place(client: Client, world: World) -> None:
    await world.insert("erased_candidate", external_id_hash=sha256(world.account.secret + b"gone").digest())
    await sync(client, MEMBERS, **those(1, 2))
    named = {"listExternalId": "L1", "candidateExternalIds": ["C2", "C\0", "nobody", "gone", "x" * 201, "C3"]}
    done = await send(client, MEMBERS, **named)
    assert errors(done) == [
        ("INVALID_INPUT", ["1"]),
        ("NOT_FOUND", ["2"]),
        ("ERASED", ["3"]),
        ("INVALID_INPUT", ["4"]),
    ]
    assert done["userErrors"][0]["path"] == ["input", "candidateExternalIds", "1"]
    assert (counts(done), on_list(done)) == ((1, 1), ["C2", "C3"])


@pytest.mark.parametrize(("list_id", "code"), [("L9", "NOT_FOUND"), ("", "INVALID_INPUT"), ("L\0", "INVALID_INPUT")])
async def test_without_the_list_nothing_is_changed(client: Client, world: World, list_id: str, code: str) -> None:
    await sync(client, MEMBERS, **those(1))
    done = await send(client, MEMBERS, **{**those(2), "listExternalId": list_id})
    assert [(error["code"], error["path"]) for error in done["userErrors"]] == [(code, ["input", "listExternalId"])]
    assert (done["candidateList"], counts(done)) == (None, (0, 0))
    assert len(await world.run("SELECT FROM candidate_list_member WHERE account_id = $1")) == 1


async def test_a_list_of_the_other_account_is_missing(client: Client, other_client: Client) -> None:
    await sync(client, MEMBERS, **those(1))
    done = await send(other_client, MEMBERS, **those())
    assert [error["code"] for error in done["userErrors"]] == ["NOT_FOUND"]


async def test_a_list_of_more_than_one_call_is_set_exactly(client: Client, world: World) -> None:
    for start in (0, 1_000):
        await sync(client, UPSERT_COUNTED, candidates=people(1_500)[start : start + 1_000])
    await sync(client, MEMBERS, **those(0, 1_499))
    assert counts(await sync(client, MEMBERS, **those(*range(1_000)))) == (999, 1)
    assert counts(await sync(client, MEMBERS, **those(*range(1_000, 1_500)), mode="ADD")) == (500, 0)
    assert len(await world.run("SELECT FROM candidate_list_member WHERE account_id = $1")) == 1_500


async def test_no_more_than_the_limit_at_once(database_url: str, settings: Settings, world: World) -> None:
    few = settings.model_copy(update={"max_synced": 3})
    async with (
        serving(Server(few, database_url, SECRET).app) as address,
        Client.of(address, few, SECRET, world.account_id, [Permission.SYNC_CANDIDATES]) as client,
    ):
        done = await send(client, MEMBERS, **those(1, 2, 3, 4))
        assert [(error["code"], error["path"][1:]) for error in done["userErrors"]] == [
            ("INVALID_INPUT", ["candidateExternalIds"])
        ]
        assert counts(await sync(client, MEMBERS, **those(1, 2, 3))) == (3, 0)


async def test_statements_are_as_many_for_one_candidate_as_for_five_hundred(
    client: Client, statements: list[str]
) -> None:
    await sync(client, UPSERT_COUNTED, candidates=people(502))
    counted = []
    for numbers in ((1,), range(2, 502)):
        statements.clear()
        await sync(client, MEMBERS, **those(*numbers))
        counted.append(len(statements))
    assert counted[0] == counted[1] <= 9, statements


async def test_changes_of_one_list_at_once_in_any_order_all_succeed(client: Client) -> None:
    shuffled = [Random(seed).sample(range(10), 6) for seed in range(20)]
    modes = ["REPLACE", "ADD", "REMOVE"]
    done = await asyncio.gather(
        *(sync(client, MEMBERS, **those(*numbers), mode=modes[index % 3]) for index, numbers in enumerate(shuffled))
    )
    assert sum(each["addedCount"] - each["removedCount"] for each in done) == len(
        on_list(await sync(client, MEMBERS, **those(), mode="ADD"))
    )

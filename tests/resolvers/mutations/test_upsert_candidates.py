"""upsertCandidates: what an applicant tracking system knows of people, as often as it likes to say so."""

import asyncio
import random
from hashlib import sha256
from typing import Any

import pytest

from app.auth import Permission
from app.models import Channel
from app.server import Server
from app.settings import Settings
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.domain.test_check import check
from tests.resolvers.mutations.syncing import UPSERT, UPSERT_COUNTED, errors, people, person, send, sync
from tests.world import World

ADA: dict[str, Any] = {
    "externalId": "ATS-1",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "email": "ada@Example.com",
    "mobile": "06 12345678",
    "verifiedMobile": "+31 6 12345678",
    "city": "London",
    "country": "gb",
    "headline": "Engineer",
    "skills": ["Analysis", "Poetry"],
}
KEPT = {**ADA, "email": "ada@example.com", "verifiedMobile": "+31612345678", "country": "GB"}


def said(candidate: dict[str, Any]) -> dict[str, Any]:
    """The candidate without its moments."""
    return {name: value for name, value in candidate.items() if name not in ("createdAt", "updatedAt")}


async def rows(world: World) -> list[Any]:
    """Every candidate, list and operation with the transaction that wrote it."""
    found: list[Any] = []
    for table in ("candidate", "membership_operation", "segment", "past_segment_member"):
        found += await world.run(
            f"SELECT t.xmin::text, t::text FROM {table} t WHERE t.account_id = $1 ORDER BY t::text"
        )
    return found


async def test_a_new_candidate_is_made_of_all_that_is_said(client: Client) -> None:
    done = await sync(client, UPSERT, candidates=[ADA])
    assert (done["createdCount"], done["updatedCount"]) == (1, 0)
    [candidate] = done["candidates"]
    assert said(candidate) == KEPT
    assert candidate["createdAt"] == candidate["updatedAt"]


async def test_what_is_left_out_of_a_new_candidate_is_empty(client: Client) -> None:
    [candidate] = (await sync(client, UPSERT, candidates=[person("C1")]))["candidates"]
    nothing = dict.fromkeys(("email", "mobile", "verifiedMobile", "city", "country", "headline"))
    assert said(candidate) == {**person("C1"), **nothing, "skills": []}


async def test_a_field_that_is_left_out_keeps_what_is_known_and_null_clears_it(client: Client) -> None:
    await sync(client, UPSERT, candidates=[ADA])
    named = {"externalId": "ATS-1", "firstName": "Augusta", "lastName": "King"}
    done = await sync(client, UPSERT, candidates=[named])
    assert (done["createdCount"], done["updatedCount"]) == (0, 1)
    assert said(done["candidates"][0]) == {**KEPT, **named}
    nothing = dict.fromkeys(("email", "mobile", "verifiedMobile", "city", "country", "headline", "skills"))
    done = await sync(client, UPSERT, candidates=[{**named, **nothing}])
    assert said(done["candidates"][0]) == {**named, **nothing, "skills": []}


async def test_blank_text_clears_a_field_too(client: Client) -> None:
    await sync(client, UPSERT, candidates=[ADA])
    blank = dict.fromkeys(("email", "mobile", "verifiedMobile", "city", "country", "headline"), "  ")
    done = await sync(client, UPSERT, candidates=[{**ADA, **blank, "skills": ["", " "]}])
    assert not any(done["candidates"][0][name] for name in [*blank, "skills"])


async def test_the_same_again_writes_nothing(client: Client, world: World) -> None:
    first = await sync(client, UPSERT, candidates=[ADA, *people(50, city="Delft")])
    before = await rows(world)
    again = await sync(client, UPSERT, candidates=[ADA, *people(50, city="Delft")])
    assert (again["createdCount"], again["updatedCount"]) == (0, 0)
    assert again["candidates"] == first["candidates"]
    assert await rows(world) == before


async def test_only_those_that_changed_are_written(client: Client) -> None:
    before = (await sync(client, UPSERT, candidates=people(3)))["candidates"]
    changed = people(3)
    changed[1]["city"] = "Delft"
    done = await sync(client, UPSERT, candidates=changed)
    assert (done["createdCount"], done["updatedCount"]) == (0, 1)
    later = [old["updatedAt"] < new["updatedAt"] for old, new in zip(before, done["candidates"], strict=True)]
    assert later == [False, True, False]
    assert all(old["createdAt"] == new["createdAt"] for old, new in zip(before, done["candidates"], strict=True))


async def test_candidates_come_in_the_order_of_the_input_whether_new_or_known(client: Client) -> None:
    await sync(client, UPSERT, candidates=[person("B"), person("D")])
    wanted = ["D", "C", "B", "A"]
    done = await sync(client, UPSERT, candidates=[person(each) for each in wanted])
    assert [each["externalId"] for each in done["candidates"]] == wanted
    assert done["createdCount"] == 2


async def test_good_items_are_kept_and_each_error_has_its_place(client: Client) -> None:
    done = await send(
        client,
        UPSERT,
        candidates=[
            person("C0"),
            person("C1", email="nobody", verifiedMobile="0612345678"),
            person("C2", city="x" * 201),
            person("C3"),
            person(" "),
            {"externalId": "C5", "firstName": "", "lastName": "y" * 201},
            person("C6", skills=[f"skill {number}" for number in range(51)]),
        ],
    )
    assert [each["externalId"] for each in done["candidates"]] == ["C0", "C3"]
    assert done["createdCount"] == 2
    assert errors(done) == [
        ("INVALID_INPUT", ["1", "email"]),
        ("INVALID_INPUT", ["1", "verifiedMobile"]),
        ("INVALID_INPUT", ["2", "city"]),
        ("INVALID_INPUT", ["4", "externalId"]),
        ("INVALID_INPUT", ["5", "firstName"]),
        ("INVALID_INPUT", ["5", "lastName"]),
        ("INVALID_INPUT", ["6", "skills"]),
    ]
    assert done["userErrors"][2]["path"] == ["input", "candidates", "2", "city"]
    assert done["userErrors"][2]["message"] == "city has 201 characters, 200 is the most."


@pytest.mark.parametrize("name", ["externalId", "firstName", "lastName", "email", "mobile", "city", "headline"])
@pytest.mark.parametrize("text", ["a\0b", "a\u2028b", "\ufffe"])
async def test_what_is_no_text_is_refused_with_its_place(client: Client, name: str, text: str) -> None:
    done = await send(client, UPSERT, candidates=[person("C0"), {**person("C1"), name: text}])
    assert errors(done) == [("INVALID_INPUT", ["1", name])]
    assert done["createdCount"] == 1


async def test_a_lone_surrogate_is_never_kept(client: Client, world: World) -> None:
    body = '{"query": "mutation($input: UpsertCandidatesInput!) { upsertCandidates(input: $input) { createdCount'
    body += ' userErrors { code path } } }", "variables": {"input": {"candidates": [{"externalId": "C1",'
    body += ' "firstName": "\\ud800", "lastName": "x"}]}}}'
    response = await client.http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert await world.run("SELECT FROM candidate WHERE account_id = $1") == []


async def test_of_two_with_one_id_the_last_good_one_counts_alone(client: Client) -> None:
    done = await send(
        client,
        UPSERT,
        candidates=[
            person("C1", city="Delft", headline="Nurse"),
            person("C2"),
            person("C1", city="Gouda"),
            person("C1", email="nobody"),
        ],
    )
    assert errors(done) == [("INVALID_INPUT", ["3", "email"])]
    assert [(each["externalId"], each["city"], each["headline"]) for each in done["candidates"]] == [
        ("C1", "Gouda", None),
        ("C2", None, None),
    ]


async def test_several_candidates_may_share_an_address(client: Client) -> None:
    shared = {"email": "family@example.com", "verifiedMobile": "+31612345678"}
    assert (await sync(client, UPSERT, candidates=people(2, **shared)))["createdCount"] == 2


async def test_people_who_were_erased_do_not_come_back(client: Client, world: World) -> None:
    for external_id in ("C1", "C2"):
        digest = sha256(world.account.secret + external_id.encode()).digest()
        await world.insert("erased_candidate", external_id_hash=digest)
    done = await send(client, UPSERT, candidates=people(4))
    assert errors(done) == [("ERASED", ["1", "externalId"]), ("ERASED", ["2", "externalId"])]
    assert [each["externalId"] for each in done["candidates"]] == ["C0", "C3"]


async def test_erased_in_another_account_is_not_erased_here(client: Client, other_world: World) -> None:
    digest = sha256(other_world.account.secret + b"C0").digest()
    await other_world.insert("erased_candidate", external_id_hash=digest)
    await sync(client, UPSERT, candidates=people(1))


async def test_an_address_that_goes_ends_the_memberships_it_held_up(client: Client, world: World) -> None:
    mails, texts = await world.segment(), await world.segment(channel=Channel.SMS)
    ids = await world.candidates(3)
    for index, id in enumerate(ids):
        await world.run("UPDATE candidate SET external_id = $3 WHERE account_id = $1 AND id = $2", id, f"C{index}")
    await world.add(mails)
    await world.add(texts)
    assert await world.used() == (3, 3)
    await sync(
        client,
        UPSERT,
        candidates=[
            person("C0", email=None),
            person("C1", verifiedMobile=None),
            person("C2", verifiedMobile="+31687654321", email="new@example.com"),
        ],
    )
    assert await world.used() == (2, 2)
    ended = await world.run(
        "SELECT kind::text, cause, requested_by, removed_count FROM membership_operation"
        " WHERE account_id = $1 AND kind = 'ELIGIBILITY_LOST' ORDER BY id"
    )
    cause = "A sync changed an e-mail address or a verified mobile number."
    assert [tuple(row) for row in ended] == [("ELIGIBILITY_LOST", cause, "tester", 1)] * 2
    assert not (await check(world)).lines()


async def test_a_new_address_that_is_suppressed_ends_memberships(client: Client, world: World) -> None:
    await world.candidate(external_id="C0")
    await world.add(await world.segment())
    await world.insert("suppression", channel="EMAIL", address="no@example.com", reason="asked", created_by="world")
    await sync(client, UPSERT, candidates=[person("C0", email="no@example.com")])
    assert await world.used() == (0, 0)


async def test_the_same_ids_in_two_accounts_are_two_people(client: Client, other_client: Client) -> None:
    await sync(client, UPSERT, candidates=people(2, city="Delft"))
    done = await sync(other_client, UPSERT, candidates=people(2, city="Gouda"))
    assert done["createdCount"] == 2
    again = await sync(client, UPSERT, candidates=people(2))
    assert [each["city"] for each in again["candidates"]] == ["Delft", "Delft"]


async def test_no_more_than_the_limit_at_once(database_url: str, settings: Settings, world: World) -> None:
    few = settings.model_copy(update={"max_synced": 3})
    async with (
        serving(Server(few, database_url, SECRET).app) as address,
        Client.of(address, few, SECRET, world.account_id, [Permission.SYNC_CANDIDATES]) as client,
    ):
        done = await send(client, UPSERT, candidates=people(4))
        assert (done["candidates"], done["createdCount"]) == ([], 0)
        [error] = done["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "candidates"])
        assert error["message"] == "At most 3 items at once, not 4."
        assert (await sync(client, UPSERT, candidates=people(3)))["createdCount"] == 3


async def test_what_is_asked_of_candidates_costs_as_many_as_were_sent(
    server_address: str, settings: Settings, world: World
) -> None:
    mutation = """mutation($input: UpsertCandidatesInput!) {
      upsertCandidates(input: $input) { candidates { segments(first: 100) { nodes { id } } } userErrors { code } }
    }"""
    async with Client.of(server_address, settings, SECRET, world.account_id, [Permission.SYNC_CANDIDATES]) as client:
        await client.data(mutation, input={"candidates": people(100)})
        error = await client.error(mutation, input={"candidates": people(500)})
    assert error["code"] == "COST_LIMIT_EXCEEDED"
    assert error["extensions"]["cost"] == 10 + 1 + 500 * (1 + 1 + 100) + 500


async def test_an_empty_sync_does_nothing(client: Client) -> None:
    done = await sync(client, UPSERT, candidates=[])
    assert (done["candidates"], done["createdCount"], done["updatedCount"]) == ([], 0, 0)


async def test_statements_are_as_many_for_one_candidate_as_for_five_hundred(
    client: Client, world: World, statements: list[str]
) -> None:
    await client.data("{ viewer { subject } }")
    counts: list[tuple[int, int, int]] = []
    for prefix, count in (("a", 1), ("b", 500)):
        batch = [person(f"{prefix}{index}", email=f"{prefix}{index}@example.com") for index in range(count)]
        counted = []
        for city, email in ((None, True), (None, True), ("Delft", False)):
            changed = [{**each, "city": city} | ({} if email else {"email": None}) for each in batch]
            statements.clear()
            await sync(client, UPSERT, candidates=changed)
            counted.append(len(statements))
        counts.append((counted[0], counted[1], counted[2]))
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 8, statements


async def test_syncs_of_the_same_people_in_any_order_at_once_all_succeed(
    server_address: str, settings: Settings, world: World, client: Client
) -> None:
    """Twenty clients, each with the same people in an order of its own and with a city of its own."""
    clients = [Client.of(server_address, settings, SECRET, world.account_id, subject=f"ats {n}") for n in range(20)]

    async def sync_often(sender: Client, number: int) -> list[dict[str, Any]]:
        order = random.Random(number)
        done = []
        for _ in range(3):
            batch = order.sample(people(200, city=f"city {number}"), 120)
            done.append(await send(sender, UPSERT_COUNTED, candidates=batch))
        return done

    outcomes = await asyncio.gather(*(sync_often(each, number) for number, each in enumerate(clients)))
    for each in clients:
        await each.http.aclose()
    assert [done["userErrors"] for several in outcomes for done in several] == [[]] * 60
    found = await world.run("SELECT DISTINCT external_id FROM candidate WHERE account_id = $1")
    assert sum(done["createdCount"] for several in outcomes for done in several) == len(found)
    [total] = await world.run("SELECT count(*) FROM candidate WHERE account_id = $1")
    assert total[0] == len(found)


async def test_a_sync_that_takes_addresses_away_during_additions_leaves_no_member_without_one(
    world: World, client: Client
) -> None:
    ids = await world.candidates(30)
    for index, id in enumerate(ids):
        await world.run("UPDATE candidate SET external_id = $3 WHERE account_id = $1 AND id = $2", id, f"C{index}")
    segments = [await world.segment() for _ in range(4)]
    gone = people(30, email=None)
    await asyncio.gather(
        *(world.add(segment) for segment in segments),
        *(sync(client, UPSERT_COUNTED, candidates=gone[start : start + 10]) for start in (0, 10, 20)),
    )
    assert await world.used() == (0, 0)
    assert not (await check(world)).lines()

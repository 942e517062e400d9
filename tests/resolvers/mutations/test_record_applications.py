"""recordApplications: who registered for what."""

import asyncio
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from tests.client import Client
from tests.resolvers.mutations.syncing import APPLICATIONS, UPSERT_COUNTED, VACANCIES, errors, people, send, sync
from tests.world import World


@pytest.fixture(autouse=True)
async def known(client: Client) -> None:
    """Candidates C0 to C2, vacancies V0 and V1."""
    await sync(client, UPSERT_COUNTED, candidates=people(3))
    vacancies = [{"externalId": f"V{number}", "title": "Nurse"} for number in range(2)]
    await sync(client, VACANCIES, vacancies=vacancies)


def application(candidate: str, vacancy: str, **more: Any) -> dict[str, Any]:
    return {"candidateExternalId": candidate, "vacancyExternalId": vacancy, **more}


def counts(done: dict[str, Any]) -> tuple[int, int]:
    return done["recordedCount"], done["updatedCount"]


async def applied(client: Client) -> list[tuple[str, str]]:
    data = await client.data("{ vacancies { nodes { applications { edges { appliedAt node { externalId } } } } } }")
    edges = [edge for each in data["vacancies"]["nodes"] for edge in each["applications"]["edges"]]
    return sorted((edge["node"]["externalId"], edge["appliedAt"]) for edge in edges)


async def test_applications_are_recorded_changed_and_left_alone(client: Client) -> None:
    first = [application("C0", "V0", appliedAt="2025-01-02T00:00:00Z"), application("C1", "V0")]
    assert counts(await sync(client, APPLICATIONS, applications=first)) == (2, 0)
    before = await applied(client)
    assert before[0] == ("C0", "2025-01-02T00:00:00Z")
    assert counts(await sync(client, APPLICATIONS, applications=first)) == (0, 0)
    assert await applied(client) == before
    later = application("C0", "V0", appliedAt="2025-01-03T00:00:00Z")
    assert counts(await sync(client, APPLICATIONS, applications=[later])) == (0, 1)
    assert (await applied(client))[0] == ("C0", "2025-01-03T00:00:00Z")


async def test_a_known_application_without_a_moment_keeps_its_moment(client: Client) -> None:
    await sync(client, APPLICATIONS, applications=[application("C0", "V0", appliedAt="2025-01-02T00:00:00Z")])
    again = [application("C0", "V0", appliedAt=None)]
    assert counts(await sync(client, APPLICATIONS, applications=again)) == (0, 0)
    assert await applied(client) == [("C0", "2025-01-02T00:00:00Z")]


async def test_good_applications_are_kept_and_each_error_has_its_place(client: Client, world: World) -> None:
    digest = sha256(world.account.secret + b"gone").digest()
    await world.insert("erased_candidate", external_id_hash=digest)
    done = await send(
        client,
        APPLICATIONS,
        applications=[
            application("C0", "V0"),
            application("C9", "V0"),
            application("C1", "V9"),
            application("gone", "V0"),
            application("C\0", ""),
            application("C2", "V1", appliedAt="1200-01-01T00:00:00Z"),
        ],
    )
    assert errors(done) == [
        ("NOT_FOUND", ["1", "candidateExternalId"]),
        ("NOT_FOUND", ["2", "vacancyExternalId"]),
        ("ERASED", ["3", "candidateExternalId"]),
        ("INVALID_INPUT", ["4", "candidateExternalId"]),
        ("INVALID_INPUT", ["4", "vacancyExternalId"]),
        ("INVALID_INPUT", ["5", "appliedAt"]),
    ]
    assert done["userErrors"][1]["message"] == "There is no vacancy V9."
    assert [external_id for external_id, _ in await applied(client)] == ["C0"]


async def test_what_the_other_account_has_is_missing(other_client: Client) -> None:
    done = await send(other_client, APPLICATIONS, applications=[application("C0", "V0")])
    assert errors(done) == [("NOT_FOUND", ["0", "candidateExternalId"])]


async def test_statements_are_as_many_for_one_application_as_for_five_hundred(
    client: Client, statements: list[str]
) -> None:
    await sync(client, UPSERT_COUNTED, candidates=people(500))
    counted = []
    for vacancy, count in (("V0", 1), ("V1", 500)):
        for year in (2024, 2025):
            moment = f"{year}-01-01T00:00:00Z"
            batch = [application(f"C{index}", vacancy, appliedAt=moment) for index in range(count)]
            statements.clear()
            await sync(client, APPLICATIONS, applications=batch)
            counted.append(len(statements))
    assert counted == [6, 6, 6, 6], statements


async def test_the_same_applications_at_once_in_any_order_are_recorded_once(client: Client) -> None:
    await sync(client, UPSERT_COUNTED, candidates=people(100))
    batch = [application(f"C{index}", f"V{number}") for index in range(100) for number in range(2)]
    shuffled = [Random(seed).sample(batch, len(batch)) for seed in range(12)]
    outcomes = await asyncio.gather(*(sync(client, APPLICATIONS, applications=each) for each in shuffled))
    assert sum(done["recordedCount"] for done in outcomes) == 200

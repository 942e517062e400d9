"""upsertVacancies: the openings of an applicant tracking system."""

from typing import Any

from tests.client import Client
from tests.resolvers.mutations.syncing import VACANCIES, errors, send, sync
from tests.world import World

NURSE = {
    "externalId": "V1",
    "title": "Nurse",
    "openedAt": "2025-01-01T09:00:00Z",
    "closedAt": "2025-03-01T00:00:00Z",
}


def vacancy(external_id: str, **more: Any) -> dict[str, Any]:
    return {"externalId": external_id, "title": f"Vacancy {external_id}", **more}


async def test_vacancies_are_made_changed_and_left_alone(client: Client, world: World) -> None:
    done = await sync(client, VACANCIES, vacancies=[NURSE])
    assert (done["createdCount"], done["updatedCount"], done["vacancies"]) == (1, 0, [NURSE])
    written = await world.run("SELECT xmin::text FROM vacancy WHERE account_id = $1")
    again = await sync(client, VACANCIES, vacancies=[NURSE])
    assert (again["createdCount"], again["updatedCount"], again["vacancies"]) == (0, 0, [NURSE])
    assert await world.run("SELECT xmin::text FROM vacancy WHERE account_id = $1") == written
    done = await sync(client, VACANCIES, vacancies=[{**NURSE, "title": "Head nurse"}])
    assert (done["updatedCount"], done["vacancies"][0]["title"]) == (1, "Head nurse")


async def test_what_is_left_out_stays_and_null_opens_a_vacancy_again(client: Client) -> None:
    await sync(client, VACANCIES, vacancies=[NURSE])
    named = {"externalId": "V1", "title": "Nurse"}
    assert (await sync(client, VACANCIES, vacancies=[named]))["vacancies"] == [NURSE]
    done = await sync(client, VACANCIES, vacancies=[{**named, "openedAt": None, "closedAt": None}])
    assert done["vacancies"] == [{**NURSE, "closedAt": None}]


async def test_a_new_vacancy_without_a_moment_opens_now(client: Client, world: World) -> None:
    [made] = (await sync(client, VACANCIES, vacancies=[vacancy("V1")]))["vacancies"]
    assert made["closedAt"] is None
    assert await world.run("SELECT FROM vacancy WHERE account_id = $1 AND opened_at > now() - interval '1 minute'")


async def test_good_vacancies_are_kept_and_each_error_has_its_place(client: Client) -> None:
    done = await send(
        client,
        VACANCIES,
        vacancies=[
            vacancy("V0"),
            vacancy("V1", title=" "),
            vacancy("V2", openedAt="2025-02-01T00:00:00Z", closedAt="2025-01-01T00:00:00Z"),
            vacancy("V3", openedAt="0001-01-01T00:00:00Z"),
            vacancy("V\0", title="Nurse"),
            vacancy("V5", title="x" * 301),
        ],
    )
    assert errors(done) == [
        ("INVALID_INPUT", ["1", "title"]),
        ("INVALID_INPUT", ["2", "closedAt"]),
        ("INVALID_INPUT", ["3", "openedAt"]),
        ("INVALID_INPUT", ["4", "externalId"]),
        ("INVALID_INPUT", ["5", "title"]),
    ]
    assert [each["externalId"] for each in done["vacancies"]] == ["V0"]


async def test_no_vacancy_closes_before_it_opened_whichever_moment_was_known(client: Client) -> None:
    await sync(client, VACANCIES, vacancies=[NURSE])
    for at_fault, moments in (
        ("closedAt", {"closedAt": "2024-12-31T00:00:00Z"}),
        ("openedAt", {"openedAt": "2025-03-02T00:00:00Z"}),
        ("closedAt", {"openedAt": None, "closedAt": "2024-12-31T00:00:00Z"}),
    ):
        done = await send(client, VACANCIES, vacancies=[{"externalId": "V1", "title": "Welder", **moments}])
        assert errors(done) == [("INVALID_INPUT", ["0", at_fault])]
        assert (done["updatedCount"], done["vacancies"]) == (0, [])
    assert (await sync(client, VACANCIES, vacancies=[NURSE]))["updatedCount"] == 0


async def test_of_two_with_one_id_the_last_one_counts(client: Client) -> None:
    done = await sync(client, VACANCIES, vacancies=[vacancy("V1", title="Nurse"), vacancy("V1", title="Welder")])
    assert [each["title"] for each in done["vacancies"]] == ["Welder"]


async def test_the_same_id_in_two_accounts_is_two_vacancies(client: Client, other_client: Client) -> None:
    await sync(client, VACANCIES, vacancies=[NURSE])
    assert (await sync(other_client, VACANCIES, vacancies=[NURSE]))["createdCount"] == 1


async def test_statements_are_as_many_for_one_vacancy_as_for_five_hundred(
    client: Client, statements: list[str]
) -> None:
    await client.data("{ viewer { subject } }")
    counts = []
    for prefix, count in (("a", 1), ("b", 500)):
        for title in ("Nurse", "Welder"):
            statements.clear()
            batch = [vacancy(f"{prefix}{index}", title=title) for index in range(count)]
            await sync(client, VACANCIES, vacancies=batch)
            counts.append(len(statements))
    assert counts == [5, 5, 5, 5], statements

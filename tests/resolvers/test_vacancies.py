"""vacancies"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.client import Client
from tests.world import World

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


def written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


async def titles(client: Client, arguments: str = "first: 100") -> list[str]:
    data = await client.data(f"{{ vacancies({arguments}) {{ nodes {{ title }} }} }}")
    return [node["title"] for node in data["vacancies"]["nodes"]]


async def test_a_vacancy_has_the_fields_it_was_given(client: Client, world: World) -> None:
    opened_at, closed_at = NOW - HOUR, NOW + HOUR
    id = await world.vacancy("Nurse", external_id="ats-1", opened_at=opened_at, closed_at=closed_at)
    data = await client.data("{ vacancies { totalCount nodes { id externalId title openedAt closedAt } } }")
    expected = {
        "id": str(id),
        "externalId": "ats-1",
        "title": "Nurse",
        "openedAt": written(opened_at),
        "closedAt": written(closed_at),
    }
    assert data["vacancies"] == {"totalCount": 1, "nodes": [expected]}
    node = await client.data("query($id: ID!) { node(id: $id) { ... on Vacancy { title } } }", id=str(id))
    assert node["node"] == {"title": "Nurse"}


async def test_those_opened_last_come_first(client: Client, world: World) -> None:
    for title, ago in (("second", 2), ("first", 1), ("third", 3)):
        await world.vacancy(title, opened_at=NOW - ago * HOUR)
    assert await titles(client) == ["first", "second", "third"]
    assert await titles(client, "last: 1") == ["third"]


async def test_a_filter_finds_a_part_of_the_title_whatever_its_case(client: Client, world: World) -> None:
    for title in ("Night nurse", "Teacher", "NURSE (100 %)", "É_lève"):
        await world.vacancy(title)
    found = {
        part: sorted(await titles(client, f'filter: {{ titleContains: "{part}" }}'))
        for part in ("nUrSe", "%", "_", "élève", "É_L", "", "zz")
    }
    assert found == {
        "nUrSe": ["NURSE (100 %)", "Night nurse"],
        "%": ["NURSE (100 %)"],
        "_": ["É_lève"],
        "élève": [],
        "É_L": ["É_lève"],
        "": ["NURSE (100 %)", "Night nurse", "Teacher", "É_lève"],
        "zz": [],
    }


@pytest.mark.parametrize("argument", [r'filter: { titleContains: "a\u0000b" }', 'filter: { titleContains: "LONG" }'])
async def test_a_text_that_is_none_is_refused(client: Client, world: World, argument: str) -> None:
    error = await client.error(f"{{ vacancies({argument.replace('LONG', 'x' * 201)}) {{ nodes {{ title }} }} }}")
    assert error["code"] == "BAD_USER_INPUT"


async def test_a_vacancy_is_open_until_it_closes(client: Client, world: World) -> None:
    for title, closed_at in (("never closes", None), ("closes later", NOW + HOUR), ("has closed", NOW - HOUR)):
        await world.vacancy(title, closed_at=closed_at)
    assert sorted(await titles(client, "filter: { open: true }")) == ["closes later", "never closes"]
    assert await titles(client, "filter: { open: false }") == ["has closed"]
    assert len(await titles(client, "filter: { open: null }")) == 3


async def test_applications_come_newest_first(client: Client, world: World) -> None:
    vacancy_id = await world.vacancy()
    first, second = await world.candidates(2)
    for candidate_id, ago in ((first, 2 * HOUR), (second, HOUR)):
        await world.insert("application", candidate_id=candidate_id, vacancy_id=vacancy_id, applied_at=NOW - ago)
    data = await client.data(
        """{ vacancies { nodes { applications(first: 1) {
          totalCount
          pageInfo { hasNextPage }
          edges { appliedAt node { id } vacancy { id } }
        } } } }"""
    )
    assert data["vacancies"]["nodes"][0]["applications"] == {
        "totalCount": 2,
        "pageInfo": {"hasNextPage": True},
        "edges": [{"appliedAt": written(NOW - HOUR), "node": {"id": str(second)}, "vacancy": {"id": str(vacancy_id)}}],
    }


async def test_another_account_s_vacancies_are_not_there(client: Client, world: World, other_world: World) -> None:
    await other_world.vacancy()
    assert await titles(client) == []


async def test_applications_take_as_many_statements_for_one_vacancy_as_for_many(
    client: Client, world: World, statements: list[str]
) -> None:
    await client.data("{ viewer { subject } }")
    candidates = await world.candidates(3)
    taken = []
    for more in (1, 5):
        for _ in range(more):
            vacancy_id = await world.vacancy()
            for candidate_id in candidates:
                await world.insert("application", candidate_id=candidate_id, vacancy_id=vacancy_id)
        statements.clear()
        await client.data(
            "{ vacancies { nodes { applications { totalCount edges { node { fullName } vacancy { title } } } } } }"
        )
        taken.append(len(statements))
    assert taken[0] == taken[1], statements

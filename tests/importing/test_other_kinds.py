"""Vacancies, applications and list members; what a file holds is seen by its columns."""

from collections.abc import Awaitable, Callable, Sequence

import pytest
import pytest_asyncio
from asyncpg import Record

from app.importing.errors import UnclearKindError
from tests.importing.conftest import ImportText

Rows = Callable[[str], Awaitable[Sequence[Record]]]

VACANCIES = "externalId,title,openedAt,closedAt\nV1,Nurse,2025-01-01,\nV2,Welder,2025-02-01T09:00:00+01:00,2025-03-01\n"
APPLICATIONS = "candidateExternalId,vacancyExternalId,appliedAt\nC1,V1,2025-01-02\nC2,V1,03/01/2025 10:30\n"
MEMBERS = "candidateExternalId,listName\nC1,Alumni\nC2,alumni\nC2,Interns\n"


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def people(importing: ImportText) -> None:
    await importing("externalId,firstName,lastName\nC1,Ann,One\nC2,Bob,Two\n")


async def test_vacancies_are_made_changed_and_left_alone(importing: ImportText, rows: Rows) -> None:
    made = await importing(VACANCIES)
    assert (made.kind, made.created) == ("vacancies", 2)
    assert (await importing(VACANCIES)).unchanged == 2
    changed = await importing(VACANCIES.replace("2025-01-01,", "2025-01-01,2025-05-05"))
    assert (changed.updated, changed.unchanged) == (1, 1)
    assert (await importing("externalId,title\nV1,Nurse\n")).unchanged == 1
    found = await rows("SELECT title, closed_at IS NULL AS open FROM vacancy WHERE account_id = $1 ORDER BY title")
    assert [tuple(row) for row in found] == [("Nurse", False), ("Welder", False)]


async def test_applications_are_made_and_left_alone(importing: ImportText, rows: Rows) -> None:
    await importing(VACANCIES)
    assert (await importing(APPLICATIONS)).created == 2
    assert (await importing(APPLICATIONS)).unchanged == 2
    assert (await importing(APPLICATIONS.replace("2025-01-02", "2025-01-03"))).updated == 1
    failed = await importing("candidateExternalId,vacancyExternalId\nC1,V9\nC9,V1\nC1,V2\n")
    assert (failed.created, failed.failed) == (1, 2)
    assert {failure.reason for failure in failed.first_failures} == {
        "There is no vacancy V9.",
        "There is no candidate C9.",
    }
    assert len(await rows("SELECT FROM application WHERE account_id = $1")) == 3


async def test_lists_are_made_when_they_are_missing(importing: ImportText, rows: Rows) -> None:
    assert (await importing(MEMBERS)).created == 3
    assert (await importing(MEMBERS)).unchanged == 3
    found = await rows("SELECT name FROM candidate_list WHERE account_id = $1 ORDER BY name")
    assert [row["name"] for row in found] == ["Alumni", "Interns"]


async def test_lists_are_found_by_their_id_in_the_other_system(importing: ImportText, rows: Rows) -> None:
    text = "candidateExternalId,listExternalId,listName\nC1,L1,Alumni\nC2,L1,\nC2,L2,\n"
    assert (await importing(text)).created == 3
    assert (await importing(text)).unchanged == 3
    found = await rows("SELECT external_id, name FROM candidate_list WHERE account_id = $1 ORDER BY external_id")
    assert [tuple(row) for row in found] == [("L1", "Alumni"), ("L2", "L2")]


async def test_a_name_that_two_lists_have_is_not_guessed(importing: ImportText) -> None:
    await importing("candidateExternalId,listExternalId,listName\nC1,L1,Alumni\nC1,L2,Alumni\n")
    summary = await importing(MEMBERS)
    assert (summary.created, summary.failed) == (1, 2)
    assert summary.first_failures[0].reason == "2 lists are called Alumni. Say which by listExternalId."


async def test_what_a_file_holds_must_be_clear(importing: ImportText) -> None:
    both = "candidateExternalId,listName,vacancyExternalId\nC1,Alumni,V1\n"
    with pytest.raises(UnclearKindError, match="Say --kind applications or list-members"):
        await importing(both)
    summary = await importing(both, kind="list-members")
    assert (summary.created, summary.ignored_columns) == (1, ("vacancyExternalId",))

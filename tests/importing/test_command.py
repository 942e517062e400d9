"""The command line says what happened, in words and by its exit code."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from app.database import Database
from app.domain.accounts import Account
from app.importing.command import MANY_CHANGED, import_command
from app.settings import Settings
from tests.conftest import as_role, run


@pytest.fixture
def command(database_url: str, superuser_url: str, tenant: Account, tmp_path: Path) -> "Command":
    owner_url = as_role(superuser_url, None, urlsplit(database_url).path.removeprefix("/"))
    return Command(database_url, owner_url, tenant.name, tmp_path)


class Command:
    """Runs `segments import` in an account."""

    def __init__(self, url: str, owner_url: str, account: str, directory: Path) -> None:
        self.directory = directory
        self.owner_url = owner_url
        self._url = url
        self._account = account

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple[Database, str | None]]:
        database = await Database.open(self._url, Settings())
        try:
            yield database, self.owner_url
        finally:
            await database.close()

    def __call__(self, text: str, *options: str, name: str = "people.csv") -> Result:
        path = self.directory / name
        path.write_text(text)
        arguments = [str(path), "--account", self._account, *options]
        return CliRunner().invoke(import_command(self._open), arguments)


def test_a_good_file_exits_with_0(command: Command) -> None:
    result = command("externalId,firstName,lastName,Hobby\nC1,Ann,One,chess\n")
    assert result.exit_code == 0, result.output
    assert "Ignored columns: Hobby." in result.output
    assert "candidates: 1 created, 0 updated, 0 unchanged, 0 failed" in result.output
    assert "100 %" in result.output


def test_the_planner_knows_what_a_large_file_brought(command: Command) -> None:
    rows = "".join(f"C{number},Ann,One\n" for number in range(MANY_CHANGED))
    before = asyncio.run(analyzed(command.owner_url))
    assert command(f"externalId,firstName,lastName\n{rows}").exit_code == 0
    assert asyncio.run(analyzed(command.owner_url)) == before + 1


async def analyzed(url: str) -> int:
    [row] = await run(url, "SELECT analyze_count FROM pg_stat_user_tables WHERE relname = 'candidate'")
    count: int = row[0]
    return count


def test_a_bad_row_exits_with_1_and_is_named(command: Command) -> None:
    result = command("externalId,firstName,lastName\nC1,Ann,\nC2,Bob,Two\n")
    assert result.exit_code == 1
    assert "line 2: lastName is missing" in result.output
    assert "1 created, 0 updated, 0 unchanged, 1 failed" in result.output


def test_bad_rows_are_written_to_the_file_asked_for(command: Command) -> None:
    errors = command.directory / "errors.csv"
    result = command("externalId,firstName,lastName\nC1,Ann,\n", "--errors", str(errors))
    assert result.exit_code == 1
    assert errors.read_text(encoding="utf-8-sig").splitlines()[1] == "2,lastName is missing,C1,Ann,"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n", (), "not clear from its columns"),
        ("a,b\n1,2\n", ("--kind", "candidates"), "needs the column(s) externalId, firstName, lastName"),
        ("", (), "The file is empty."),
        ("a,b\n1,2\n", ("--map", "nonsense"), "nonsense is not HEADER=FIELD"),
        ("externalId,firstName,lastName\n", ("--region", "Holland"), "HOLLAND is not a country"),
    ],
)
def test_a_file_that_cannot_be_imported_exits_with_2(
    command: Command, text: str, options: tuple[str, ...], message: str
) -> None:
    result = command(text, *options)
    assert result.exit_code == 2
    assert message in result.output


def test_errors_are_not_written_over_the_file_itself(command: Command) -> None:
    text = "externalId,firstName,lastName\nC1,Ann,\n"
    result = command(text, "--errors", str(command.directory / "people.csv"))
    assert result.exit_code == 2
    assert (command.directory / "people.csv").read_text() == text


def test_a_mapping_names_columns(command: Command) -> None:
    result = command("Nr;A;B\nC1;Ann;One\n", "--map", "Nr=externalId", "--map", "A=firstName", "--map", "B=lastName")
    assert result.exit_code == 0, result.output

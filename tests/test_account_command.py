"""`segments account`, and the way from an empty database to a server that answers."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from click.testing import CliRunner, Result

from app.account_command import account_command
from app.database import Database
from app.domain import accounts
from app.settings import Settings
from tests.conftest import SERVING_ROLE, as_role, new_database, run
from tests.serving import ServingProcess

DEPLOYMENT = Path(__file__).parent.parent / "docs" / "deployment.md"
SECRET = "the secret of an operator, which is long enough"


class Command:
    """Runs `segments account` on the database of this url."""

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple[Database, str | None]]:
        database = await Database.open(self._url, Settings())
        try:
            yield database, None
        finally:
            await database.close()

    async def __call__(self, *arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, account_command(self._open), arguments)


@pytest.fixture
def account(database_url: str) -> Command:
    return Command(database_url)


@pytest.fixture
def name() -> str:
    return f"Acme & sons {uuid4()}"


async def rows(database: Database, name: str, statement: str) -> list[tuple[object, ...]]:
    account = await accounts.by_name(database, name)
    assert account is not None
    return [tuple(row) for row in await database.fetch(statement, account.id)]


async def test_an_account_comes_with_its_contract_its_policies_and_an_entry(
    account: Command, name: str, database: Database
) -> None:
    dates = ("--starts-on", "2026-01-01", "--ends-on", "2199-12-31")
    policies = ("--policy", "General:EMAIL,sms", "--policy", "Text messages: SMS", "--policy", "Nobody's")
    made = await account("create", f" {name} ", "--limit", "50", "--contract", "The first", *dates, *policies)
    assert made.exit_code == 0, made.output
    found = await accounts.by_name(database, name)
    assert found is not None
    assert made.output.splitlines() == [
        f"{name} has the id {found.id}.",
        f"A token for it: segments token --account '{name}'",
    ]
    assert await rows(
        database,
        name,
        "SELECT name, endpoint_limit, starts_on::text, ends_on::text FROM contract WHERE account_id = $1",
    ) == [("The first", 50, "2026-01-01", "2199-12-31")]
    assert await rows(
        database,
        name,
        "SELECT p.name, array_agg(r.channel::text ORDER BY r.channel) FROM privacy_policy p LEFT JOIN"
        " policy_requirement r ON r.account_id = $1 AND r.policy_id = p.id WHERE p.account_id = $1"
        " GROUP BY p.name ORDER BY p.name",
    ) == [("General", ["EMAIL", "SMS"]), ("Nobody's", [None]), ("Text messages", ["SMS"])]
    [(subject, action, targets, counts)] = await rows(
        database, name, "SELECT subject, action, targets, counts FROM audit_entry WHERE account_id = $1"
    )
    assert (subject, action, counts) == ("segments account create", "account create", {"endpointLimit": 50})
    assert isinstance(targets, dict)
    assert await rows(database, name, "SELECT id FROM contract WHERE account_id = $1") == [
        (UUID(targets["contract"][0]),)
    ]


async def test_a_contract_begins_today_and_lasts_a_year_unless_it_is_said(
    account: Command, name: str, database: Database
) -> None:
    today = datetime.now(UTC).date()
    assert (await account("create", name, "--limit", "0")).exit_code == 0
    [(contract, starts_on, ends_on)] = await rows(
        database, name, "SELECT name, starts_on, ends_on FROM contract WHERE account_id = $1"
    )
    assert (contract, starts_on, ends_on) == ("Contract", today, today + timedelta(days=364))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--limit", "-1"), "-1 is not in the range"),
        (("--limit", "2147483648"), "is not in the range"),
        ((), "Missing option '--limit'"),
        (("--limit", "5", "--starts-on", "tomorrow"), "'tomorrow' does not match the format '%Y-%m-%d'"),
        (
            ("--limit", "5", "--starts-on", "2026-02-02", "--ends-on", "2026-02-01"),
            "ends on the day it starts or later",
        ),
        (("--limit", "5", "--policy", "General:EMAIL,FAX"), "FAX is no channel. There are EMAIL and SMS."),
        (("--limit", "5", "--policy", " :EMAIL"), "A name needs at least one character."),
        (("--limit", "5", "--policy", "General:SMS", "--policy", "General"), "Two policies have the same name."),
        (("--limit", "5", "--contract", "x" * 201), "A name has at most 200 characters, this one 201."),
    ],
)
async def test_what_makes_no_account_is_said_in_a_line_and_leaves_nothing(
    account: Command, name: str, database: Database, arguments: tuple[str, ...], message: str
) -> None:
    refused = await account("create", name, *arguments)
    assert refused.exit_code in (1, 2)
    assert message in refused.output.splitlines()[-1]
    assert "Traceback" not in refused.output
    assert await accounts.by_name(database, name) is None


async def test_a_name_is_taken_whatever_its_case(account: Command, name: str, database: Database) -> None:
    assert (await account("create", name, "--limit", "5")).exit_code == 0
    refused = await account("create", name.upper(), "--limit", "6", "--policy", "General:SMS")
    assert (refused.exit_code, refused.output) == (1, f"Error: There is an account named {name.upper()} already.\n")
    assert await rows(database, name, "SELECT endpoint_limit FROM contract WHERE account_id = $1") == [(5,)]


async def test_the_list_shows_what_each_account_uses(account: Command, name: str) -> None:
    for each, dates in ((name, ()), (f"{name} past", ("--starts-on", "2020-01-01"))):
        assert (await account("create", each, "--limit", "5000", "--ends-on", "2199-12-31", *dates)).exit_code == 0
    assert (await account("create", f"{name} over", "--limit", "1", "--starts-on", "2020-01-01")).exit_code == 0
    listed = [line for line in (await account("list")).output.splitlines() if name in line]
    assert [line[38:] for line in listed] == [
        f"{name}  0 of 5,000 endpoints until 2199-12-31",
        f"{name} over  no contract in force",
        f"{name} past  0 of 5,000 endpoints until 2199-12-31",
    ]
    assert all(UUID(line[:36]) for line in listed)


@pytest.fixture
async def empty_database(superuser_url: str, database_url: str) -> AsyncIterator[dict[str, str]]:
    """The environment of an operator whose database has nothing in it."""
    database = f"segments_empty_{uuid4().hex}"
    await run(superuser_url, new_database(database))
    owner_url = as_role(superuser_url, None, database)
    yield {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "DATABASE_URL": as_role(superuser_url, SERVING_ROLE, urlsplit(owner_url).path[1:]),
        "SEGMENTS_OWNER_DATABASE_URL": owner_url,
        "SEGMENTS_JWT_SECRET": SECRET,
    }
    await run(superuser_url, f"DROP DATABASE {database} WITH (FORCE)")


def segments(line: list[str], environment: dict[str, str], directory: Path) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-c", "from app.cli import main; main()"]
    return subprocess.run(
        [*program, *line], env=environment, cwd=directory, capture_output=True, text=True, timeout=120
    )


def test_a_database_without_tables_is_named_in_a_line(empty_database: dict[str, str], tmp_path: Path) -> None:
    for line in (["account", "list"], ["account", "create", "Acme", "--limit", "5"]):
        done = segments(line, empty_database, tmp_path)
        assert done.returncode == 1
        assert done.stderr == "Error: the database has no tables of this version: run `segments migrate` first.\n"


def test_a_database_that_is_not_there_is_named_in_a_line(tmp_path: Path) -> None:
    nowhere = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "DATABASE_URL": "postgresql://127.0.0.1:1/no"}
    done = segments(["account", "list"], nowhere, tmp_path)
    assert done.returncode == 1
    assert "Error: the database cannot be used: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What an applicant tracking system exports."""
    (tmp_path / "candidates.csv").write_text("externalId,firstName,lastName,email\n1,Ada,Lovelace,ada@example.com\n")
    (tmp_path / "consents.csv").write_text(
        "candidateExternalId,policy,grantedAt\n1,General,2026-01-01T00:00:00Z\n1,Text messages,2026-01-01T00:00:00Z\n"
    )
    return tmp_path


async def test_the_way_from_an_empty_database_leads_to_a_server_that_answers(
    empty_database: dict[str, str], files: Path
) -> None:
    page = DEPLOYMENT.read_text("utf-8").partition("## From an empty database")[2]
    block = re.search(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    *lines, last = [shlex.split(line) for line in block[1].splitlines()]
    assert last == ["segments", "serve"]
    said = []
    for program, *line in lines:
        assert program == "segments"
        done = segments(line, empty_database, files)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        said.append(done.stdout)
    server = ServingProcess(
        empty_database["DATABASE_URL"], SECRET, files / "log", PYTHONPATH=os.environ.get("PYTHONPATH", "")
    )
    await server.start()
    try:
        headers = {"authorization": f"Bearer {said[-1].strip()}"}
        async with httpx.AsyncClient(base_url=server.address, headers=headers, trust_env=False) as http:
            query = "{ candidates { totalCount } quotaUsage { limit } auditLog { nodes { action subject } } }"
            data = (await http.post("/graphql", json={"query": query})).json()["data"]
    finally:
        await server.stop()
    assert (data["candidates"]["totalCount"], data["quotaUsage"]["limit"]) == (1, 50_000)
    assert [(entry["action"], entry["subject"]) for entry in data["auditLog"]["nodes"]] == [
        ("import consents", "segments import"),
        ("import candidates", "segments import"),
        ("account create", "segments account create"),
    ]

"""`segments operations` shows what adds and removes candidates, and follows it until it has ended."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from app.overseeing.command import MOST_RECENT
from tests.world import World

SEGMENTS = Path(sys.executable).with_name("segments")

PATIENCE = 60.0

GO_ON = """
UPDATE membership_operation
SET status = $3, processed_count = $4, added_count = $4, failure = $5, finished_at = $6
WHERE account_id = $1 AND id = $2
"""

Started = Callable[..., Awaitable["Command"]]


class Command:
    """A running `segments operations`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        """The next that it prints."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self._process.stdout.readline()).decode().rstrip("\n")

    async def end(self) -> tuple[int, str, str]:
        """Its exit code, the rest of what it prints, and what it prints of errors."""
        async with asyncio.timeout(PATIENCE):
            out, err = await self._process.communicate()
        assert self._process.returncode is not None
        assert "Traceback" not in err.decode()
        return self._process.returncode, out.decode(), err.decode()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@pytest.fixture
async def start(database_url: str) -> AsyncIterator[Started]:
    started: list[Command] = []

    async def begin(*arguments: str, **environment: str) -> Command:
        process = await asyncio.create_subprocess_exec(
            SEGMENTS,
            "operations",
            *arguments,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path), "DATABASE_URL": database_url, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(Command(process))
        return started[-1]

    yield begin
    for each in started:
        await each.kill()


async def begun(world: World, name: str = "Nurses", matched: int = 1_000) -> UUID:
    """An addition under way, which has done nothing yet."""
    id: UUID = uuid7()
    await world.insert(
        "membership_operation",
        id=id,
        segment_id=await world.segment(name),
        kind="ADD",
        status="RUNNING",
        requested_by="ann@example.com",
        requested_at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
        matched_count=matched,
    )
    return id


async def go_on(world: World, id: UUID, status: str, done: int, failure: str | None = None) -> None:
    finished_at = datetime.now(UTC) if status in ("CANCELLED", "FAILED", "COMPLETED") else None
    await world.run(GO_ON, id, status, done, failure, finished_at)


def rows(text: str) -> list[list[str]]:
    """The cells of a table, without its heading."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()[1:]]


# Shown


async def test_what_is_under_way_comes_first_then_what_ended_last(start: Started, world: World) -> None:
    running = await begun(world, "[red]Nurses[/red]", 2_000)
    await go_on(world, running, "RUNNING", 500)
    segment_id = await world.segment("Cooks")
    first = await world.add(segment_id, await world.candidates(1))
    second = await world.add(segment_id, [*await world.candidates(2), *await world.candidates(1, {})])
    code, out, err = await (await start("--account", world.account.name.upper())).end()
    assert (code, err) == (0, "")
    table = rows(out)
    assert [row[-1] for row in table] == [str(running), str(second), str(first)]
    assert table[0][:-1] == [
        *(world.account.name, "[red]Nurses[/red]", "ADD", "RUNNING"),
        *("25 %", "2,000", "500", "0", "0"),
        *("ann@example.com", "2026-01-31 09:30:00"),
    ]
    assert table[1][1:9] == ["Cooks", "ADD", "COMPLETED", "100 %", "3", "2", "0", "1"]


async def test_the_segment_of_an_operation_may_have_been_deleted(start: Started, world: World) -> None:
    operation_id = await begun(world)
    await go_on(world, operation_id, "COMPLETED", 1_000)
    await world.run("DELETE FROM segment WHERE account_id = $1")
    _, out, _ = await (await start("--account", world.account.name)).end()
    assert rows(out)[0][1] == "(deleted)"


async def test_only_so_many_that_have_ended_are_shown(start: Started, world: World) -> None:
    segment_id = await world.segment()
    ids = [await world.add(segment_id, await world.candidates(1)) for _ in range(3)]
    _, out, _ = await (await start("--account", world.account.name, "--recent", "2")).end()
    assert [row[-1] for row in rows(out)] == [str(ids[2]), str(ids[1])]
    _, out, _ = await (await start("--account", world.account.name, "--recent", "0")).end()
    assert out == "There are no operations.\n"


async def test_without_an_account_those_of_all_are_shown(start: Started, world: World, other_world: World) -> None:
    ids = {await begun(world), await begun(other_world)}
    _, out, _ = await (await start("--json", "--recent", "0")).end()
    assert ids <= {UUID(json.loads(line)["id"]) for line in out.splitlines()}


async def test_an_account_sees_nothing_of_another(start: Started, world: World, other_world: World) -> None:
    await begun(other_world)
    _, out, _ = await (await start("--account", world.account.name)).end()
    assert out == "There are no operations.\n"


async def test_json_names_fields_as_the_graph_does(start: Started, world: World) -> None:
    operation_id = await begun(world)
    _, out, _ = await (await start("--json", "--account", world.account.name)).end()
    told: dict[str, Any] = json.loads(out)
    expected = {
        "account": world.account.name,
        "id": str(operation_id),
        "segment": "Nurses",
        "kind": "ADD",
        "status": "RUNNING",
        "requestedBy": "ann@example.com",
        "requestedAt": "2026-01-31T09:30:00+00:00",
        "finishedAt": None,
        "matchedCount": 1_000,
        "processedCount": 0,
        "overQuotaCount": 0,
        "failure": None,
        "cause": None,
    }
    assert told.items() >= expected.items()


# Followed


async def test_what_is_followed_is_told_step_by_step_until_it_has_ended(start: Started, world: World) -> None:
    operation_id = await begun(world)
    await world.add(await world.segment(), await world.candidates(1))  # Has ended, so nobody waits for it.
    command = await start("--follow", "--account", world.account.name)
    title = f"{world.account.name}: ADD Nurses"
    assert await command.line() == f"{title}: RUNNING 0 %"
    await go_on(world, operation_id, "RUNNING", 440)
    assert await command.line() == f"{title}: RUNNING 44 %"
    await go_on(world, operation_id, "COMPLETED", 1_000)
    assert await command.end() == (0, f"{title}: COMPLETED: 1,000 added.\n", "")


async def test_all_that_is_under_way_is_followed(start: Started, world: World) -> None:
    nurses, cooks = await begun(world, "Nurses"), await begun(world, "Cooks")
    command = await start("--watch", "--account", world.account.name)
    assert {await command.line(), await command.line()} == {
        f"{world.account.name}: ADD Nurses: RUNNING 0 %",
        f"{world.account.name}: ADD Cooks: RUNNING 0 %",
    }
    await go_on(world, nurses, "FAILED", 0, "It broke.")
    assert await command.line() == f"{world.account.name}: ADD Nurses: FAILED: nobody to change. It broke."
    await go_on(world, cooks, "CANCELLED", 10)
    assert await command.end() == (0, f"{world.account.name}: ADD Cooks: CANCELLED: 10 added.\n", "")


async def test_when_nothing_is_under_way_that_is_said(start: Started, world: World) -> None:
    assert await (await start("--follow", "--account", world.account.name)).end() == (
        0,
        "No operation is under way.\n",
        "",
    )


@pytest.mark.parametrize(("status", "code"), [("COMPLETED", 0), ("CANCELLED", 0), ("FAILED", 1)])
async def test_the_one_that_is_followed_decides_the_exit_code(
    start: Started, world: World, status: str, code: int
) -> None:
    operation_id = await begun(world)
    command = await start(str(operation_id), "--json")
    assert json.loads(await command.line())["status"] == "RUNNING"
    await go_on(world, operation_id, status, 1_000, "It broke." if status == "FAILED" else None)
    ended, out, _ = await command.end()
    told = json.loads(out.splitlines()[-1])
    assert (ended, told["status"], told["addedCount"]) == (code, status, 1_000)
    # The same when it had ended before.
    assert (await (await start(str(operation_id))).end())[0] == code


async def test_a_terminal_shows_a_bar(start: Started, world: World) -> None:
    operation_id = await begun(world)
    await go_on(world, operation_id, "COMPLETED", 1_000)
    code, out, _ = await (
        await start(str(operation_id), FORCE_COLOR="1", TERM="xterm", COLUMNS="200", NO_COLOR="1")
    ).end()
    assert code == 0
    assert "━" in out
    assert "1000/1000" in out
    assert f"{world.account.name}: ADD Nurses: COMPLETED: 1,000 added." in out


# Refused


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--account", "nobody's"), 1, "Error: There is no account named nobody's."),
        (
            ("0198c0de-0000-7000-8000-000000000000",),
            1,
            "Error: There is no operation 0198c0de-0000-7000-8000-000000000000.",
        ),
        (("nonsense",), 2, "'nonsense' is not a valid UUID."),
        (("--recent", str(MOST_RECENT + 1)), 2, f"{MOST_RECENT + 1} is not in the range"),
    ],
)
async def test_what_cannot_be_is_said_in_a_line(
    start: Started, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended, out, err = await (await start(*arguments)).end()
    assert (ended, out) == (code, "")
    assert message in err.splitlines()[-1]


async def test_the_operation_of_another_account_is_not_there(start: Started, world: World, other_world: World) -> None:
    foreign = await begun(other_world)
    for id in (foreign, uuid4()):
        ended, _, err = await (await start(str(id), "--account", world.account.name)).end()
        assert (ended, err) == (1, f"Error: There is no operation {id}.\n")


async def test_a_database_that_cannot_be_reached_is_named_in_a_line(start: Started) -> None:
    ended, _, err = await (await start(DATABASE_URL="postgresql://somebody@127.0.0.1:1/nowhere")).end()
    assert ended == 1
    assert err.startswith("Error: the database cannot be used: ")
    assert err.count("\n") == 1

"""What /healthz and /readyz say while the database is there, gone, frozen or busy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg
import httpx
import pytest

from app.auth import Permission, mint
from app.database import Database
from app.readiness import KEPT, Readiness
from app.server import Server
from app.settings import Settings
from tests.client import serving
from tests.conftest import SECRET, run
from tests.world import World

SOON = 4.0
"""Seconds in which an operator's probe is answered, however slow the machine."""


class Wire:
    """A TCP port before the database, which can be cut, or frozen so that nothing passes any more."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self._port}", query="sslmode=disable"))

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            writer.close()
        self._flows.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = self._parts.hostname or parse_qs(self._parts.query)["host"][0]
        if host.startswith("/"):
            port = self._parts.port or parse_qs(self._parts.query).get("port", ["5432"])[0]
            inward, outward = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            inward, outward = await asyncio.open_connection(host, self._parts.port or 5432)
        for source, sink in ((reader, outward), (inward, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            self._writers.add(sink)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._flows.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
        self._writers.discard(sink)


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    found = Wire(database_url)
    await found.open()
    yield found
    await found.cut()


@pytest.fixture
async def http(wire: Wire, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(Server(settings, wire.url, SECRET).app) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as client,
    ):
        yield client
        wire.thaw()


async def ready(http: httpx.AsyncClient) -> tuple[int, str | None]:
    """What /readyz says, past what it has kept, soon."""
    await asyncio.sleep(KEPT)
    asked_at = monotonic()
    response = await http.get("/readyz")
    assert monotonic() - asked_at < SOON
    assert (await http.get("/healthz")).status_code == 200
    assert monotonic() - asked_at < SOON
    return response.status_code, response.json().get("reason")


OUTAGE = (503, "The database does not answer.")


async def test_a_database_that_is_gone_is_told_and_so_is_its_return(http: httpx.AsyncClient, wire: Wire) -> None:
    assert await ready(http) == (200, None)
    await wire.cut()
    assert await ready(http) == OUTAGE
    await wire.open()
    assert await ready(http) == (200, None)


@pytest.mark.parametrize(
    "document",
    [
        "{ segments { nodes { id } } }",
        '{ candidates(filter: { text: "nobody" }) { nodes { id } } }',
        'mutation { createSegment(input: { name: "In vain", channel: EMAIL }) { userErrors { code } } }',
    ],
)
async def test_who_asks_while_the_database_is_gone_is_told_to_come_again(
    document: str, http: httpx.AsyncClient, wire: Wire, settings: Settings, world: World
) -> None:
    """The first time it is already the account of the token that cannot be looked up."""
    token = mint(SECRET, settings, world.account_id, "tester", Permission, timedelta(hours=1))

    async def ask() -> tuple[int, str | None]:
        headers = {"authorization": f"Bearer {token}"}
        response = await http.post("/graphql", json={"query": document}, headers=headers)
        codes = [error["extensions"]["code"] for error in response.json().get("errors", ())]
        assert codes == ([] if response.status_code == 200 else ["SERVICE_UNAVAILABLE"])
        return response.status_code, response.headers.get("retry-after")

    for _ in range(2):
        await wire.cut()
        assert await ask() == (503, "1")
        await wire.open()
        assert await ask() == (200, None)


async def test_a_database_that_says_nothing_is_told_and_so_is_its_return(http: httpx.AsyncClient, wire: Wire) -> None:
    assert await ready(http) == (200, None)
    wire.freeze()
    assert await ready(http) == OUTAGE
    assert await ready(http) == OUTAGE
    wire.thaw()
    assert await ready(http) == (200, None)


async def test_many_who_ask_at_once_wait_no_longer_than_one(http: httpx.AsyncClient, wire: Wire) -> None:
    assert await ready(http) == (200, None)
    wire.freeze()
    await asyncio.sleep(KEPT)
    asked_at = monotonic()
    answers = await asyncio.gather(*(http.get("/readyz") for _ in range(20)))
    assert {each.status_code for each in answers} == {503}
    assert monotonic() - asked_at < SOON


async def test_a_busy_process_is_a_ready_one(database_url: str, settings: Settings) -> None:
    database = await Database.open(database_url, settings.model_copy(update={"pool_size": 1}))
    async with database.snapshot():
        assert await Readiness().obstacle(database) is None
    await database.close()


async def test_a_database_that_is_not_migrated_is_told(superuser_url: str, settings: Settings) -> None:
    await run(superuser_url, "DROP DATABASE IF EXISTS segments_empty")
    await run(superuser_url, "CREATE DATABASE segments_empty")
    database = await Database.open(urlunsplit(urlsplit(superuser_url)._replace(path="/segments_empty")), settings)
    assert await Readiness().obstacle(database) == "The database is not migrated: segments migrate"
    await database.close()
    await run(superuser_url, "DROP DATABASE segments_empty")


async def test_a_process_that_is_to_stop_is_not_ready(database: Database) -> None:
    readiness = Readiness()
    assert await readiness.obstacle(database) is None
    readiness.stopping = True
    assert await readiness.obstacle(database) == "The process is about to stop."


async def test_who_asks_often_does_not_keep_the_database_busy(database_url: str, settings: Settings) -> None:
    statements: list[str] = []
    database = await Database.open(database_url, settings, statements.append)
    readiness = Readiness()
    assert set(await asyncio.gather(*(readiness.obstacle(database) for _ in range(50)))) == {None}
    assert len(statements) <= 2
    await database.close()


async def test_a_connection_that_was_probed_in_vain_is_not_kept(wire: Wire, settings: Settings) -> None:
    database = await Database.open(wire.url, settings.model_copy(update={"pool_size": 1}))
    wire.freeze()
    with pytest.raises((TimeoutError, OSError, asyncpg.PostgresError)):
        await database.probe("SELECT 1")
    wire.thaw()
    row = await database.probe("SELECT 2")
    assert row is not None
    assert row[0] == 2
    await database.close()

"""`segments serve` stops as it is told: with care, within a time, and at once when told again."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import httpx
import pytest

from app.database import Database
from app.settings import Settings
from tests.client import Client
from tests.conftest import SECRET
from tests.embedded.processes import is_alive, postmaster
from tests.serving import ServingProcess
from tests.world import World

CREATE = 'mutation { createSegment(input: {name: "Made once", channel: EMAIL}) { segment { id } userErrors { code } } }'
MADE = "SELECT count(*) FROM segment WHERE account_id = $1 AND name = 'Made once'"
PATIENCE = 60.0

Start = Callable[..., Awaitable[ServingProcess]]


@pytest.fixture
async def start(database_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts servers, and ends those that are left."""
    started: list[ServingProcess] = []

    async def begin(**environment: str) -> ServingProcess:
        process = ServingProcess(database_url, SECRET, tmp_path / f"{len(started)}.log", **environment)
        started.append(process)
        await process.start()
        return process

    yield begin
    for each in started:
        with suppress(ProcessLookupError):
            await each.kill()


@asynccontextmanager
async def someone_elses_turn(database_url: str, world: World) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Holds the account's turn, so that changes wait at the database."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM endpoint_usage WHERE account_id = $1 FOR UPDATE", world.account_id)
            yield connection
    finally:
        await connection.close()


async def until_it_waits(superuser_url: str, holder: "asyncpg.Connection[Any]") -> None:
    """Returns once a change waits for the turn that is held."""
    waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid)))"
    connection = await asyncpg.connect(superuser_url)
    try:
        async with asyncio.timeout(PATIENCE):
            while not await connection.fetchval(waits, holder.get_server_pid()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


async def until_refused(server: ServingProcess) -> None:
    """Returns once the server accepts nothing any more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.02)


def client_of(server: ServingProcess, settings: Settings, world: World) -> Client:
    return Client.of(server.address, settings, SECRET, world.account_id)


def ended_by(number: signal.Signals) -> set[int]:
    """The exit codes of who was hurried by it. When Python itself is all but gone, one more has its usual effect."""
    return {128 + number, -number}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_to_stop_as_told_is_no_failure(number: signal.Signals, start: Start) -> None:
    server = await start()
    server.signal(number)
    async with asyncio.timeout(PATIENCE):
        assert await server.ended() == 0
    assert "Traceback" not in server.logged()


async def test_it_serves_on_for_a_while_but_asks_for_no_more(start: Start, settings: Settings, world: World) -> None:
    server = await start(SEGMENTS_SHUTDOWN_DELAY="3")
    async with client_of(server, settings, world) as client:
        assert "connection" not in (await client.http.get("/readyz")).headers
        server.signal()
        told_at = monotonic()
        while (ready := await client.http.get("/readyz")).status_code == 200:
            assert monotonic() - told_at < 2
        assert ready.json() == {"ready": False, "reason": "The process is about to stop."}
        assert ready.headers["connection"] == "close"
        assert (await client.http.get("/healthz")).status_code == 200
        assert await client.data("{ __typename }") == {"__typename": "Query"}
    assert await server.ended() == 0
    assert monotonic() - told_at >= 3


async def test_a_change_under_way_is_answered_and_made_once(
    start: Start, settings: Settings, world: World, database: Database, database_url: str, superuser_url: str
) -> None:
    server = await start()
    async with client_of(server, settings, world) as client:
        async with someone_elses_turn(database_url, world) as holder:
            changing = asyncio.create_task(client.http.post("/graphql", json={"query": CREATE}))
            await until_it_waits(superuser_url, holder)
            server.signal()
            await until_refused(server)
            assert not changing.done()
        response = await changing
    assert response.json()["data"]["createSegment"]["userErrors"] == []
    assert response.headers["connection"] == "close"
    assert await server.ended() == 0
    assert (await database.fetch(MADE, world.account_id))[0][0] == 1


async def test_what_takes_longer_than_it_may_is_undone(
    start: Start, settings: Settings, world: World, database: Database, database_url: str, superuser_url: str
) -> None:
    server = await start(SEGMENTS_SHUTDOWN_TIMEOUT="1")
    async with client_of(server, settings, world) as client, someone_elses_turn(database_url, world) as holder:
        changing = asyncio.create_task(client.http.post("/graphql", json={"query": CREATE}))
        await until_it_waits(superuser_url, holder)
        server.signal()
        async with asyncio.timeout(15):
            assert await server.ended() == 0
        answer = await changing
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["errors"][0]["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
    assert "Traceback" not in server.logged()
    assert (await database.fetch(MADE, world.account_id))[0][0] == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_told_twice_it_stops_at_once(
    second: signal.Signals,
    start: Start,
    settings: Settings,
    world: World,
    database: Database,
    database_url: str,
    superuser_url: str,
) -> None:
    server = await start(SEGMENTS_SHUTDOWN_DELAY="60", SEGMENTS_SHUTDOWN_TIMEOUT="60", SEGMENTS_WORKERS="2")
    async with client_of(server, settings, world) as client, someone_elses_turn(database_url, world) as holder:
        changing = asyncio.create_task(client.http.post("/graphql", json={"query": CREATE}))
        await until_it_waits(superuser_url, holder)
        server.signal()
        while (await client.http.get("/readyz")).status_code == 200:
            pass
        async with asyncio.timeout(10):
            assert await server.ended(told=second) in ended_by(second)
        await asyncio.gather(changing, return_exceptions=True)
    assert "Traceback" not in server.logged()
    assert (await database.fetch(MADE, world.account_id))[0][0] == 0


async def test_what_is_told_to_the_whole_process_group_and_passed_on_counts_once(start: Start) -> None:
    """As `make serve` does with a signal to all."""
    server = await start(SEGMENTS_WORKERS="2", SEGMENTS_SHUTDOWN_DELAY="1")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
        server.signal(number)
    async with asyncio.timeout(PATIENCE):
        assert await server.ended() == 0
    assert "Traceback" not in server.logged()


async def test_however_often_it_is_told_it_stops_the_embedded_database(tmp_path: Path) -> None:
    """The last signals come while it does so, and would leave a PostgreSQL behind that nobody uses."""
    server = ServingProcess(None, SECRET, tmp_path / "log", SEGMENTS_DATA_DIR=str(tmp_path / "data"))
    await server.start()
    started = postmaster(tmp_path / "data")
    async with asyncio.timeout(PATIENCE):
        assert await server.ended(told=signal.SIGTERM) in {0, *ended_by(signal.SIGTERM)}
    assert "Traceback" not in server.logged()
    assert not is_alive(started)


class Balancer:
    """What an operator's does: it asks every server whether it is ready, and sends new requests to one that is."""

    def __init__(self, servers: list[ServingProcess]) -> None:
        self._servers = servers
        self._ready: list[ServingProcess] = []
        self._turn = 0
        self.asked = asyncio.Event()

    async def watch(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
            while True:
                self._ready = [each for each in self._servers if await self._is_ready(http, each)]
                self.asked.set()
                await asyncio.sleep(0.1)

    def server(self) -> ServingProcess:
        self._turn += 1
        return self._ready[self._turn % len(self._ready)]

    async def until(self, *, ready: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self._ready) != ready:
                self.asked.clear()
                await self.asked.wait()

    async def _is_ready(self, http: httpx.AsyncClient, server: ServingProcess) -> bool:
        with suppress(httpx.TransportError):
            return (await http.get(f"{server.address}/readyz")).status_code == 200
        return False


@pytest.mark.storm
async def test_a_rolling_restart_fails_no_request(start: Start, settings: Settings, world: World) -> None:
    servers = [await start(SEGMENTS_SHUTDOWN_DELAY="2") for _ in range(2)]
    balancer = Balancer(servers)
    watching = asyncio.create_task(balancer.watch())
    await balancer.until(ready=2)
    done, failures = [0, 0], []
    stopping = asyncio.Event()

    async def ask(keep_alive: bool) -> None:
        """Asks on and on, over connections that it keeps, or over a new one each time. Tries nothing twice."""
        clients = {each: client_of(each, settings, world) for each in servers}
        while not stopping.is_set():
            client = clients[balancer.server()]
            headers = {} if keep_alive else {"connection": "close"}
            try:
                response = await client.http.post("/graphql", json={"query": "{ viewer { subject } }"}, headers=headers)
                if response.status_code != 200 or "errors" in response.json():
                    failures.append(response.text)
            except httpx.HTTPError as error:
                failures.append(repr(error))
            done[keep_alive] += 1
            await asyncio.sleep(0.01)
        for client in clients.values():
            await client.http.aclose()

    asking = [asyncio.create_task(ask(bool(number % 2))) for number in range(6)]
    for server in servers:
        server.signal()
        assert await server.ended() == 0
        await balancer.until(ready=1)
        await server.start()
        await balancer.until(ready=2)
    stopping.set()
    await asyncio.gather(*asking)
    watching.cancel()
    assert failures == []
    assert min(done) > 50


@pytest.mark.parametrize(
    ("method", "header", "status"), [("GET", "x" * 10_000, 431), ("POST", "x", 405)], ids=["long header", "method"]
)
async def test_what_is_no_handshake_is_refused_at_once_and_keeps_nobody_from_stopping(
    method: str, header: str, status: int, start: Start
) -> None:
    server = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"{method} /graphql HTTP/1.1\r\nHost: x\r\nX: {header}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    async with asyncio.timeout(PATIENCE):
        assert (await reader.read()).startswith(f"HTTP/1.1 {status} ".encode())
        server.signal()
        assert await server.ended() == 0
    writer.close()
    assert "Traceback" not in server.logged()

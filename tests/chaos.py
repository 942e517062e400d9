"""The machines of the chaos test: servers, a worker and a PostgreSQL of its own, each killed and started again."""

import asyncio
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Self

import asyncpg
import httpx

from app.embedded import EmbeddedDatabase, running
from app.migrate import migrate
from tests.conftest import SECRET, as_role
from tests.embedded.processes import is_alive, postmaster, wait_until
from tests.serving import SEGMENTS, free_port

POSTGRES = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
"""The machine itself never fails, so that what PostgreSQL wrote is kept without a flush; but commits are written."""

SMALL = {
    "SEGMENTS_INLINE_ADD_LIMIT": "100",
    "SEGMENTS_CHUNK_SIZE": "50",
    "SEGMENTS_WORKER_INTERVAL": "0.1",
    "SEGMENTS_RATE_LIMIT_POINTS_PER_SECOND": "0",
    "SEGMENTS_LOG_LEVEL": "WARNING",
}
"""So that changes of some hundred candidates are queued, and take many chunks."""

SERVERS = 2
PATIENCE = 60.0

BACKENDS = """
-- The connections of servers and workers.
SELECT pid, state FROM pg_stat_activity WHERE application_name LIKE 'segments%' AND datname = 'segments'
"""


class Machine:
    """A process of ours, which is started again whenever it is found to have ended."""

    def __init__(self, command: str, log: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._log = log
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts it unless it runs."""
        if self._process is None or self._process.returncode is not None:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    SEGMENTS, self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )

    async def kill(self) -> None:
        """Ends it by a signal that it cannot catch."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def until_up(self) -> None:
        """Returns once it does its work, however often it has to be started for that."""
        await self.start()

    def logged(self) -> str:
        return self._log.read_text(encoding="utf-8")


class Serving(Machine):
    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        port = free_port()
        super().__init__("serve", log, {**environment, "PORT": str(port)})
        self.address = f"http://127.0.0.1:{port}"

    async def until_up(self) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            while not await self._is_ready(http):
                await self.start()
                await asyncio.sleep(0.05)

    async def _is_ready(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"{self.address}/readyz")).status_code == 200
        except httpx.TransportError:
            return False


class Machines:
    """All of them, on one database."""

    def __init__(self, postgres: EmbeddedDatabase, logs: Path) -> None:
        self.database_url = postgres.url
        self.kills: Counter[str] = Counter()
        self._postgres = postgres
        self._restarting = asyncio.Lock()
        self.environment = {"DATABASE_URL": postgres.url, "SEGMENTS_JWT_SECRET": SECRET, **SMALL}
        self.servers = [Serving(logs / f"server-{number}.log", self.environment) for number in range(SERVERS)]
        self.worker = Machine("worker", logs / "worker.log", self.environment)

    @classmethod
    @asynccontextmanager
    async def started(cls, postgres: EmbeddedDatabase, logs: Path) -> AsyncIterator[Self]:
        await migrate(postgres.owner_url, postgres.url)
        machines = cls(postgres, logs)
        try:
            await machines.until_up()
            yield machines
        finally:
            for each in (*machines.servers, machines.worker):
                await each.kill()

    async def start(self) -> None:
        """Starts again what has ended by itself, as it does when PostgreSQL is not there yet."""
        for each in (*self.servers, self.worker):
            await each.start()

    async def until_up(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(each.until_up() for each in (*self.servers, self.worker)))

    async def kill(self, kind: str, chance: random.Random) -> None:
        """Kills one of a kind, and starts it again."""
        kinds: dict[str, Callable[[random.Random], Awaitable[None]]] = {
            "worker": self._kill_worker,
            "server": self._kill_server,
            "backend": self._kill_backend,
            "postgres": self._kill_postgres,
        }
        await kinds[kind](chance)
        self.kills[kind] += 1

    async def _kill_worker(self, chance: random.Random) -> None:
        await self.worker.kill()
        await asyncio.sleep(chance.uniform(0, 0.3))
        await self.worker.start()

    async def _kill_server(self, chance: random.Random) -> None:
        server = chance.choice(self.servers)
        await server.kill()
        await asyncio.sleep(chance.uniform(0, 0.3))
        await server.start()

    async def _kill_backend(self, chance: random.Random) -> None:
        """One that does something, if any does. None while PostgreSQL is down itself."""
        try:
            connection = await asyncpg.connect(as_role(self._postgres.url, "postgres", "segments"))
        except (OSError, asyncpg.PostgresError):
            return
        try:
            rows = await connection.fetch(BACKENDS)
            busy = [row["pid"] for row in rows if row["state"] != "idle"] or [row["pid"] for row in rows]
            if busy:
                await connection.execute("SELECT pg_terminate_backend($1)", chance.choice(busy))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return
        finally:
            connection.terminate()

    async def _kill_postgres(self, chance: random.Random) -> None:
        """As `pg_ctl stop -m immediate` does: no goodbye, and the log is replayed at the next start."""
        async with self._restarting:
            await asyncio.to_thread(_stop_at_once, self._postgres.data_dir)
            await asyncio.sleep(chance.uniform(0, 0.5))
            await asyncio.to_thread(_start_again, self._postgres.data_dir)

    def logged(self) -> str:
        return "\n".join(each.logged() for each in (*self.servers, self.worker))

    async def check(self) -> tuple[int, str]:
        """How `segments check` ends, and what it says."""
        process = await asyncio.create_subprocess_exec(
            *(SEGMENTS, "check"),
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()


@contextmanager
def own_postgres(directory: Path) -> Iterator[EmbeddedDatabase]:
    """A PostgreSQL that nobody else uses, so that it may be stopped at any time."""
    with running(directory, POSTGRES) as postgres:
        yield postgres


def _stop_at_once(data_dir: Path) -> None:
    pid = postmaster(data_dir)
    os.kill(pid, signal.SIGQUIT)
    wait_until(lambda: not is_alive(pid))


def _start_again(data_dir: Path) -> None:
    # It stays: whoever runs it from the start is still there.
    with running(data_dir, POSTGRES):
        return

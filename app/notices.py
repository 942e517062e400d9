"""Notices of changes: every process tells the others whose data it has changed, by NOTIFY, and hears of it by LISTEN.

A notice only saves waiting. Whoever waits for a change also looks by itself now and then, so that nothing rests on
notices being heard: through PgBouncer in transaction mode, where no process can listen, they never are.

A transaction that notifies holds a lock of the whole database while it commits, so that commits go one by one. Notices
are therefore sent afterwards, those of one process together.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from app.connections import OverloadedError
from app.database import Database

log = structlog.get_logger(__name__)

CHANNEL = "segments_changes"

LEAST_SECONDS_BETWEEN = 0.05
"""Between two sendings of one process, each of which tells of all accounts that have changed since."""

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
"""Seconds, about, before the lost connection is tried again: at first, and when that has failed many times."""

SECONDS_TO_CONNECT = 10.0
PROBE_INTERVAL = 20.0
"""Seconds after which a connection that nothing came by is looked at: a network may lose it without a word."""

SECONDS_TO_TELL = 1.0
"""What the last notices of a process that stops may take."""

FAILURES = (
    OSError,
    TimeoutError,
    OverloadedError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

OnChange = Callable[[UUID | None], None]
"""Told of each account whose data some process has changed; None when it may be any, because none was heard for a
while."""


class ChangeNotices:
    """The notices that one process sends and hears."""

    def __init__(self, database: Database, url: str) -> None:
        self.on_change: list[OnChange] = []
        self._database = database
        self._url = url
        self._process = secrets.token_hex(8)
        self._untold: set[UUID] = set()
        self._changed = asyncio.Event()
        self._deaf = False

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """While the block runs, changes of this process are told: here at once, to the others a moment later."""
        self._database.changed = self._tell_of
        sending = asyncio.create_task(self._keep_sending())
        try:
            yield
        finally:
            await _ended(sending)
            with suppress(*FAILURES):
                async with asyncio.timeout(SECONDS_TO_TELL):
                    await self._send()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While the block runs, changes of the other processes are heard, on a connection of its own."""
        if self._database.settings.pgbouncer:
            log.info("changes of other processes are not heard", reason="PgBouncer lets nobody listen")
            yield
            return
        hearing = asyncio.create_task(self._keep_listening())
        try:
            yield
        finally:
            await _ended(hearing)

    def _tell_of(self, account_id: UUID) -> None:
        self._tell_here(account_id)
        self._untold.add(account_id)
        self._changed.set()

    def _tell_here(self, account_id: UUID | None) -> None:
        for each in self.on_change:
            each(account_id)

    async def _keep_sending(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            # What could not be sent goes with the next change; meanwhile those who wait look by themselves.
            with suppress(*FAILURES):
                await self._send()
            await asyncio.sleep(LEAST_SECONDS_BETWEEN)

    async def _send(self) -> None:
        told, self._untold = self._untold, set()
        if not told:
            return
        try:
            await self._database.notify(CHANNEL, [f"{self._process} {account_id}" for account_id in told])
        except BaseException:
            self._untold |= told
            raise

    async def _keep_listening(self) -> None:
        delay = FIRST_DELAY
        while True:
            try:
                async with asyncio.timeout(SECONDS_TO_CONNECT):
                    connection = await self._connected()
                delay = FIRST_DELAY
                await self._listen(connection)
            except FAILURES as error:
                self._go_deaf(str(error) or type(error).__name__)
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311
            delay = min(2 * delay, LONGEST_DELAY)

    async def _connected(self) -> "asyncpg.Connection[Any]":
        return await asyncpg.connect(
            self._url, statement_cache_size=0, server_settings={"application_name": "segments listening"}
        )

    async def _listen(self, connection: "asyncpg.Connection[Any]") -> None:
        """Hears what there is to hear until the connection is lost."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            async with asyncio.timeout(SECONDS_TO_CONNECT):
                await connection.add_listener(CHANNEL, self._hear)
            if self._deaf:
                log.info("changes of other processes are heard again")
                self._deaf = False
            self._tell_here(None)
            while not await _happens(lost, PROBE_INTERVAL):
                await connection.fetchval("SELECT 1", timeout=SECONDS_TO_CONNECT)
            self._go_deaf("the connection was lost")
        finally:
            connection.terminate()

    def _hear(self, _: Any, __: int, ___: str, message: object) -> None:
        process, _separator, account_id = str(message).partition(" ")
        # The channel is open to every program of the database: what is no notice of ours is passed over.
        with suppress(ValueError):
            if process != self._process:
                self._tell_here(UUID(account_id))

    def _go_deaf(self, reason: str) -> None:
        """Says so once, however often it is tried again."""
        if not self._deaf:
            log.warning("changes of other processes are not heard", reason=reason)
            self._deaf = True


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

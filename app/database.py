"""The asyncpg pool, and the only place where a transaction begins.

Reads are single statements on any connection, or several on one snapshot. Every change of an account's data runs in
`Database.write`, which first takes the account's turn: it locks its `endpoint_usage` row, in a statement of its own,
so that every later statement sees all that was committed before. Changes of one account therefore happen one after
another, and what one statement counted is still true when the next one writes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import asyncpg
import orjson
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from app.settings import Settings

Observer = Callable[[str], AbstractContextManager[object] | None]
"""Told each statement before it runs. What it returns, if anything, is entered for as long as the statement runs."""

UNWATCHED: AbstractContextManager[object] = nullcontext()


def unobserved(_: str) -> None:
    pass


LOCK_ACCOUNT = """
-- Take the account's turn to change its data.
SELECT email_used, sms_used, reserved FROM endpoint_usage WHERE account_id = $1 FOR UPDATE
"""

NOW = """
-- This moment: for a change taken once it is the account's turn, so that moments follow the order of commits.
SELECT clock_timestamp()
"""


SECONDS_TO_CLOSE = 5.0
PROBE_SECONDS = 1.0

COMMIT_WITHOUT_WAITING = "SET LOCAL synchronous_commit = off"
COMMIT_AS_USUAL = "SET LOCAL synchronous_commit TO DEFAULT"

BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0"


class BusyError(Exception):
    """The account is busy with other changes. Try again in a moment; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnknownAccountError(Exception):
    """There is no such account."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True, slots=True)
class EndpointUse:
    """The endpoints of an account in use by channel and set aside, as they were when its turn came."""

    email: int
    sms: int
    reserved: int

    @property
    def used(self) -> int:
        return self.email + self.sms


@dataclass(frozen=True, slots=True)
class DatabaseUse:
    """How busy the connections of one process are."""

    size: int
    """Connections that are open."""
    in_use: int
    waiting: int
    """Those that wait for a connection."""
    changing: int
    """Changes at the database: under way, or waiting there for their account's turn."""
    changes_waiting: int
    """Changes that wait in the process, because enough of their account are at the database."""


class Transaction:
    """One change of one account's data."""

    def __init__(
        self,
        connection: "PoolConnectionProxy[Record]",
        account_id: UUID,
        usage: EndpointUse,
        now: datetime,
        observe: Observer,
    ) -> None:
        self._connection = connection
        self._observe = observe
        self.account_id = account_id
        self.usage = usage
        self.now = now
        self.queued = False
        """Whether it left something to be done in the background."""

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Runs a statement that stays prepared: for those that always touch few rows."""
        with self._observe(statement) or UNWATCHED:
            rows: list[Record] = await self._connection.fetch(statement, *values)
        return rows

    async def fetchrow(self, statement: str, *values: Any) -> Record | None:
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None

    async def fetchval(self, statement: str, *values: Any) -> Any:
        row = await self.fetchrow(statement, *values)
        return None if row is None else row[0]

    async def bulk(self, statement: str, *values: Any) -> list[Record]:
        """Runs a statement that is planned for these values: for those that may touch any number of rows."""
        with self._observe(statement) or UNWATCHED:
            prepared = await self._connection.prepare(statement, name="")
            rows: list[Record] = await prepared.fetch(*values)
        return rows

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Loads rows by COPY, the fastest way in."""
        with self._observe(f"COPY {table}") or UNWATCHED:
            await self._connection.copy_records_to_table(table, columns=columns, records=rows)

    async def keep(self) -> None:
        """Lets the commit wait for the disk, even of a change that could be made again."""
        await self._connection.execute(COMMIT_AS_USUAL)

    @asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """A part of the change that is undone alone when it raises."""
        await self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            await self._connection.execute("ROLLBACK TO SAVEPOINT part")
            raise
        await self._connection.execute("RELEASE SAVEPOINT part")


class Snapshot:
    """Reads that all see the database as it was at one moment."""

    def __init__(self, connection: "PoolConnectionProxy[Record]", now: datetime, observe: Observer) -> None:
        self._connection = connection
        self._observe = observe
        self.now = now
        """No earlier than any change that is seen."""

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Runs a statement that is planned for these values."""
        with self._observe(statement) or UNWATCHED:
            prepared = await self._connection.prepare(statement, name="")
            rows: list[Record] = await prepared.fetch(*values)
        return rows

    async def fetchrow(self, statement: str, *values: Any) -> Record | None:
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None


class Database:
    """The connections of one process to one database."""

    def __init__(self, pool: "asyncpg.Pool[Record]", url: str, settings: Settings, observe: Observer) -> None:
        self._pool = pool
        self._url = url
        self._observe = observe
        self.settings = settings
        self.changed: Callable[[UUID], None] = _unfollowed
        """Told of each account whose data this process has changed."""
        self.queued: Callable[[], None] = _unattended
        """Told when this process has left something to be done in the background."""
        self._turns: dict[UUID, _Turn] = {}
        self.waiting = 0
        """Those who wait for a connection."""
        self._begin = _begin(settings, settings.lock_timeout)

    @classmethod
    async def open(cls, url: str, settings: Settings, observe: Observer = unobserved) -> Self:
        pooled_by_pgbouncer = settings.pgbouncer
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=settings.pool_size,
            init=_decode_json,
            reset=_keep,
            statement_cache_size=0 if pooled_by_pgbouncer else 500,
            server_settings={} if pooled_by_pgbouncer else _session(settings),
        )
        return cls(pool, url, settings, observe)

    async def close(self) -> None:
        """Waits for what still runs, a few seconds; then it is ended."""
        try:
            async with asyncio.timeout(SECONDS_TO_CLOSE):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    def use(self) -> "DatabaseUse":
        """How many connections and changes there are just now."""
        most = self.settings.writers_per_account
        size = self._pool.get_size()
        return DatabaseUse(
            size=size,
            in_use=size - self._pool.get_idle_size(),
            waiting=self.waiting,
            changing=sum(min(turn.interested, most) for turn in self._turns.values()),
            changes_waiting=sum(max(0, turn.interested - most) for turn in self._turns.values()),
        )

    async def probe(self, statement: str) -> Record | None:
        """The first row of a statement, soon. While every connection is in use, it runs on one of its own.

        Raises TimeoutError when the database does not answer within a second or two, and what asyncpg raises.
        """
        self._observe(statement)
        waiting = True
        try:
            async with asyncio.timeout(PROBE_SECONDS), self._borrowed() as connection:
                waiting = False
                try:
                    return await connection.fetchrow(statement)
                except asyncio.CancelledError:
                    # To give it back would wait for the cancellation, at a database that may not answer that either.
                    connection.terminate()
                    raise
        except TimeoutError:
            if not waiting:
                raise
        async with asyncio.timeout(PROBE_SECONDS):
            own = await asyncpg.connect(self._url, statement_cache_size=0)
            try:
                return await own.fetchrow(statement)
            finally:
                own.terminate()

    def _borrowed(self) -> "_Borrowed":
        return _Borrowed(self, self._pool.acquire())

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Reads with a statement that stays prepared: for small reads that are always planned alike."""
        with self._observe(statement) or UNWATCHED:
            async with self._borrowed() as connection:
                rows: list[Record] = await connection.fetch(statement, *values)
                return rows

    async def fetchrow(self, statement: str, *values: Any) -> Record | None:
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None

    async def search(self, statement: str, *values: Any) -> list[Record]:
        """Reads with a statement that is planned for these values: for searches, whose best plan depends on them."""
        with self._observe(statement) or UNWATCHED:
            async with self._borrowed() as connection:
                prepared = await connection.prepare(statement, name="")
                rows: list[Record] = await prepared.fetch(*values)
                return rows

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """Any number of reads, however long, on one snapshot."""
        async with self._borrowed() as connection:
            try:
                await connection.execute(BEGIN_SNAPSHOT)
                yield Snapshot(connection, await connection.fetchval(NOW), self._observe)
            finally:
                await _roll_back(connection)

    def write(self, account_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        """A transaction in the account's turn: committed when the block ends, rolled back when it raises.

        Raises BusyError when the turn does not come within the lock timeout, UnknownAccountError when there is no
        such account.
        """
        return self._write(account_id, self.settings.lock_timeout, self._begin)

    def write_repeatable(self, account_id: UUID, patience: float) -> AbstractAsyncContextManager[Transaction]:
        """The same for a change that is simply made again if it is lost: a crash of PostgreSQL, and nothing else, may
        lose it although it was committed, whole, and so its commit waits for no disk.

        `patience` is how many seconds it waits for the turn.
        """
        return self._write(account_id, patience, f"{_begin(self.settings, patience)}; {COMMIT_WITHOUT_WAITING}")

    @asynccontextmanager
    async def _write(self, account_id: UUID, patience: float, begin: str) -> AsyncIterator[Transaction]:
        async with self._turn(account_id, patience), self._borrowed() as connection:
            try:
                await connection.execute(begin)
                tx = await self._take_turn(connection, account_id)
                yield tx
                await connection.execute("COMMIT")
                self.changed(account_id)
                if tx.queued:
                    self.queued()
            except asyncpg.LockNotAvailableError:
                await _roll_back(connection)
                raise BusyError from None
            except BaseException:
                await _roll_back(connection)
                raise

    async def _take_turn(self, connection: "PoolConnectionProxy[Record]", account_id: UUID) -> Transaction:
        with self._observe(LOCK_ACCOUNT) or UNWATCHED:
            row = await connection.fetchrow(LOCK_ACCOUNT, account_id)
        if row is None:
            raise UnknownAccountError
        now = await connection.fetchval(NOW)
        usage = EndpointUse(row["email_used"], row["sms_used"], row["reserved"])
        return Transaction(connection, account_id, usage, now, self._observe)

    @asynccontextmanager
    async def _turn(self, account_id: UUID, patience: float) -> AsyncIterator[None]:
        """Few writers of one account wait at the database, so that they cannot use up the pool."""
        turn = self._turns.setdefault(account_id, _Turn(asyncio.Semaphore(self.settings.writers_per_account)))
        turn.interested += 1
        try:
            try:
                async with asyncio.timeout(patience):
                    await turn.semaphore.acquire()
            except TimeoutError:
                raise BusyError from None
            try:
                yield
            finally:
                turn.semaphore.release()
        finally:
            turn.interested -= 1
            if not turn.interested:
                self._turns.pop(account_id, None)


class _Borrowed:
    """A connection of the pool, for the length of a block. Counts those who wait for one."""

    __slots__ = ("_acquiring", "_database")

    def __init__(self, database: Database, acquiring: Any) -> None:
        self._database = database
        self._acquiring = acquiring

    async def __aenter__(self) -> "PoolConnectionProxy[Record]":
        self._database.waiting += 1
        try:
            connection: PoolConnectionProxy[Record] = await self._acquiring.__aenter__()
            return connection
        finally:
            self._database.waiting -= 1

    async def __aexit__(self, *raised: Any) -> None:
        await self._acquiring.__aexit__(*raised)


@dataclass(slots=True)
class _Turn:
    semaphore: asyncio.Semaphore
    interested: int = 0


async def _roll_back(connection: "PoolConnectionProxy[Record]") -> None:
    """Ends the transaction, or the connection when even that fails: none goes back to the pool half-way."""
    try:
        await connection.execute("ROLLBACK")
    except BaseException:
        connection.terminate()
        raise


def _begin(settings: Settings, patience: float) -> str:
    return (
        f"BEGIN; SET LOCAL lock_timeout = {max(1, int(patience * 1000))};"
        f" SET LOCAL statement_timeout = {int(settings.mutation_timeout * 1000)};"
        f" SET LOCAL work_mem = '{settings.change_work_mem}MB'"
    )


def _unfollowed(_: UUID) -> None:
    pass


def _unattended() -> None:
    pass


async def _keep(_: Any) -> None:
    """Nothing sets session state, so nothing is reset between two uses of a connection."""


async def _decode_json(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )


def _session(settings: Settings) -> dict[str, str]:
    return {
        "application_name": "segments",
        "jit": "off",
        "enable_memoize": "off",
        "timezone": "UTC",
        "statement_timeout": str(int(settings.query_timeout * 1000)),
    }


async def analyze(owner_url: str) -> None:
    """Lets the planner know what is in the tables, after much has gone in. Only their owner may."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()

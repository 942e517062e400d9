"""The asyncpg pool, and the only place where a transaction begins.

Reads are single statements on any connection, or several on one snapshot. Every change of an account's data runs in
`Database.write`, which first takes the account's turn: it locks its `endpoint_usage` row, in a statement of its own,
so that every later statement sees all that was committed before. Changes of one account therefore happen one after
another, and what one statement counted is still true when the next one writes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import asyncpg
import orjson
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from app.literals import written_out
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

SECONDS_TO_ABANDON = 5.0
SECONDS_IDLE = 30.0
"""For which a connection of exports is kept for a next one."""

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

    async def copy_out(
        self, statement: str, *values: Any, sink: Callable[[bytes], Awaitable[None]], **options: Any
    ) -> None:
        """Hands the sink what a statement finds as COPY writes it, piece by piece, and reads on when it took a piece.

        COPY takes no parameters, so values are written into the statement: none but ids, and lists of ids.
        """
        with self._observe(statement) or UNWATCHED:
            await self._connection.copy_from_query(
                written_out(statement, values), output=sink, encoding="utf8", format="csv", **options
            )


class Database:
    """The connections of one process to one database."""

    def __init__(
        self,
        pool: "asyncpg.Pool[Record]",
        exporting: "asyncpg.Pool[Record]",
        url: str,
        settings: Settings,
        observe: Observer,
    ) -> None:
        self._pool = pool
        self._exporting = exporting
        self._url = url
        self._observe = observe
        self.settings = settings
        self.changed: Callable[[UUID], None] = _unfollowed
        """Told of each account whose data this process has changed."""
        self._turns: dict[UUID, _Turn] = {}
        self.waiting = 0
        """Those who wait for a connection."""
        self._begin = (
            f"BEGIN; SET LOCAL lock_timeout = {int(settings.lock_timeout * 1000)};"
            f" SET LOCAL statement_timeout = {int(settings.mutation_timeout * 1000)};"
            f" SET LOCAL work_mem = '{settings.change_work_mem}MB'"
        )

    @classmethod
    async def open(cls, url: str, settings: Settings, observe: Observer = unobserved) -> Self:
        pooled_by_pgbouncer = settings.pgbouncer
        session = {} if pooled_by_pgbouncer else _session(settings)
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=settings.pool_size,
            init=_decode_json,
            reset=_keep,
            statement_cache_size=0 if pooled_by_pgbouncer else 500,
            server_settings=session,
        )
        # Clients take their time over exports, for which nobody else must wait. Connections are made when needed.
        exporting = await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=settings.max_exports,
            max_inactive_connection_lifetime=SECONDS_IDLE,
            reset=_keep,
            statement_cache_size=0,
            server_settings=session,
        )
        return cls(pool, exporting, url, settings, observe)

    async def close(self) -> None:
        """Waits for what still runs, a few seconds; then it is ended."""
        try:
            async with asyncio.timeout(SECONDS_TO_CLOSE):
                await asyncio.gather(self._pool.close(), self._exporting.close())
        except TimeoutError:
            self._pool.terminate()
            self._exporting.terminate()

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

    @asynccontextmanager
    async def exporting(self) -> AsyncIterator[Snapshot]:
        """Reads on one snapshot, each within the time for exports, on a connection apart from those of all else."""
        milliseconds = int(self.settings.export_timeout * 1000)
        async with self._exporting.acquire() as connection:
            try:
                await connection.execute(f"{BEGIN_SNAPSHOT}; SET LOCAL statement_timeout = {milliseconds}")
                yield Snapshot(connection, await connection.fetchval(NOW), self._observe)
            finally:
                await _abandon(connection)

    @asynccontextmanager
    async def write(self, account_id: UUID) -> AsyncIterator[Transaction]:
        """A transaction in the account's turn: committed when the block ends, rolled back when it raises.

        Raises BusyError when the turn does not come within the lock timeout, UnknownAccountError when there is no
        such account.
        """
        async with self._turn(account_id), self._borrowed() as connection:
            try:
                await connection.execute(self._begin)
                yield await self._take_turn(connection, account_id)
                await connection.execute("COMMIT")
                self.changed(account_id)
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
    async def _turn(self, account_id: UUID) -> AsyncIterator[None]:
        """Few writers of one account wait at the database, so that they cannot use up the pool."""
        turn = self._turns.setdefault(account_id, _Turn(asyncio.Semaphore(self.settings.writers_per_account)))
        turn.interested += 1
        try:
            try:
                async with asyncio.timeout(self.settings.lock_timeout):
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


async def _abandon(connection: "PoolConnectionProxy[Record]") -> None:
    """Ends the transaction, and what may still run in it. Where that does not come to its end, as in the middle of a
    COPY that nobody reads any more, the connection is given up."""
    try:
        async with asyncio.timeout(SECONDS_TO_ABANDON):
            await connection.execute("ROLLBACK")
    except (TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError, OSError):
        connection.terminate()
    except BaseException:
        connection.terminate()
        raise


def _unfollowed(_: UUID) -> None:
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

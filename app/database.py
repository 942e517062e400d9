"""The asyncpg pools, and the only place where a transaction begins.

Reads are single statements on any connection, or several on one snapshot. Small reads have one plan, made once for a
connection; searches are planned each time for their values, on connections of their own, so that slow ones keep
nobody else waiting; and exports have theirs, as clients take their time over them. Every change of an account's data
runs in
`Database.write`, which first takes the account's turn: it locks its `endpoint_usage` row, in a statement of its own,
so that every later statement sees all that was committed before. Changes of one account therefore happen one after
another, and what one statement counted is still true when the next one writes.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from app.connections import Connections, OverloadedError
from app.settings import Settings
from app.snapshots import Snapshot, snapshot
from app.statements import UNWATCHED, Observer, unobserved

LOCK_ACCOUNT = """
-- Take the account's turn to change its data.
WITH turn AS MATERIALIZED (
  SELECT email_used, sms_used, reserved, facts FROM endpoint_usage WHERE account_id = $1 FOR UPDATE)
SELECT *, clock_timestamp() AS now FROM turn
"""
"""The moment is taken once the turn has come, so that moments follow the order of commits."""

LOOK_AHEAD = """
-- What the account's turn would find, without taking it.
SELECT email_used, sms_used, reserved, facts, clock_timestamp() AS now FROM endpoint_usage WHERE account_id = $1
"""

COUNT_FACTS = """
-- Count a change of what eligibility rests on.
UPDATE endpoint_usage SET facts = facts + 1 WHERE account_id = $1
"""

NOTIFY = """
-- Send messages to all who listen to a channel.
SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message
"""

WRITES = re.compile(r"\b(?:INSERT INTO|(?<!FOR )UPDATE|DELETE FROM|MERGE INTO)\s+(\w+)")
"""What a statement that may change rows has in it, with the table. To lock rows is not to change them."""

NO_FACTS = frozenset(
    {
        "application",
        "audit_entry",
        "campaign",
        "campaign_segment",
        "candidate_list",
        "candidate_list_member",
        "contract",
        "endpoint_usage",
        "idempotency_key",
        "membership_operation",
        "past_segment_member",
        "pending_candidate",
        "segment",
        "segment_member",
        "skipped_candidate",
        "vacancy",
    }
)
"""The tables that say nothing of who may be contacted. Whatever is written anywhere else counts in
`endpoint_usage.facts`."""

SECONDS_TO_CLOSE = 5.0
PROBE_SECONDS = 1.0

COMMIT_WITHOUT_WAITING = "SET LOCAL synchronous_commit = off"
COMMIT_AS_USUAL = "SET LOCAL synchronous_commit TO DEFAULT"


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
    facts: int = 0
    """How many changes there were of what eligibility rests on."""

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
        settings: Settings,
    ) -> None:
        self._connection = connection
        self._observe = observe
        self.settings = settings
        self.account_id = account_id
        self.usage = usage
        self.now = now
        self.wrote = False
        """Whether a statement ran that may have changed rows."""
        self.changed_facts = False
        """Whether it may have changed what eligibility rests on."""
        self.queued = False
        """Whether it left something to be done in the background."""

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Runs a statement that stays prepared: for those that always touch few rows."""
        self._note(statement)
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
        self._note(statement)
        with self._observe(statement) or UNWATCHED:
            prepared = await self._connection.prepare(statement, name="")
            rows: list[Record] = await prepared.fetch(*values)
        return rows

    def _note(self, statement: str) -> None:
        """Takes down what the statement writes."""
        if tables := WRITES.findall(statement):
            self.wrote = True
            self.changed_facts = self.changed_facts or not NO_FACTS.issuperset(tables)

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Loads rows by COPY, the fastest way in."""
        self.wrote = True
        self.changed_facts = self.changed_facts or table not in NO_FACTS
        with self._observe(f"-- Load rows into {table}.\nCOPY {table} FROM STDIN") or UNWATCHED:
            await self._connection.copy_records_to_table(table, columns=columns, records=rows)

    async def keep(self) -> None:
        """Lets the commit wait for the disk, even of a change that could be made again."""
        await self._connection.execute(COMMIT_AS_USUAL)

    @asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """A part of the change that is undone alone when it raises."""
        wrote = self.wrote
        await self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.wrote = wrote
            await self._connection.execute("ROLLBACK TO SAVEPOINT part")
            raise
        await self._connection.execute("RELEASE SAVEPOINT part")


Ahead = Callable[[Transaction], Awaitable[None]]


class Database:
    """The connections of one process to one database."""

    def __init__(
        self,
        reading: Connections,
        walking: Connections,
        searching: Connections,
        exporting: Connections,
        url: str,
        settings: Settings,
        observe: Observer,
    ) -> None:
        self._reading = reading
        self._walking = walking
        self._searching = searching
        self._exporting = exporting
        self._all = (reading, walking, searching, exporting)
        self._url = url
        self._observe = observe
        self.settings = settings
        self.changed: Callable[[UUID], None] = _unfollowed
        """Told of each account whose data this process has changed."""
        self.queued: Callable[[], None] = _unattended
        """Told when this process has left something to be done in the background."""
        self._turns: dict[UUID, _Turn] = {}
        self._begin = _begin(settings, settings.lock_timeout)

    @classmethod
    async def open(cls, url: str, settings: Settings, observe: Observer = unobserved) -> Self:
        exporting = await Connections.open(url, settings, settings.max_exports, "each time", lazily=True)
        opened: list[Connections] = []
        try:
            opened.append(await Connections.open(url, settings, settings.pool_size, "once"))
            opened.append(await Connections.open(url, settings, settings.pool_size, "as a walk"))
            opened.append(await Connections.open(url, settings, settings.search_pool_size, "each time"))
        except BaseException:
            for each in opened:
                each.terminate()
            raise
        reading, walking, searching = opened
        return cls(reading, walking, searching, exporting, url, settings, observe)

    async def close(self) -> None:
        """Waits for what still runs, a few seconds; then it is ended."""
        try:
            async with asyncio.timeout(SECONDS_TO_CLOSE):
                await asyncio.gather(*(each.close() for each in self._all))
        except TimeoutError:
            for each in self._all:
                each.terminate()

    def use(self) -> "DatabaseUse":
        """How many connections and changes there are just now."""
        most = self.settings.writers_per_account
        return DatabaseUse(
            size=sum(each.size for each in self._all),
            in_use=sum(each.lent for each in self._all),
            waiting=sum(each.waiting for each in self._all),
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
            async with asyncio.timeout(PROBE_SECONDS), self._reading.borrowed() as connection:
                waiting = False
                try:
                    return await connection.fetchrow(statement)
                except asyncio.CancelledError:
                    # To give it back would wait for the cancellation, at a database that may not answer that either.
                    connection.terminate()
                    raise
        except (TimeoutError, OverloadedError):
            if not waiting:
                raise
        async with asyncio.timeout(PROBE_SECONDS):
            own = await asyncpg.connect(self._url, statement_cache_size=0)
            try:
                return await own.fetchrow(statement)
            finally:
                own.terminate()

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Reads with a statement that stays prepared: for small reads that are always planned alike."""
        return await self._fetch(self._reading, statement, values)

    async def fetchrow(self, statement: str, *values: Any) -> Record | None:
        rows = await self.fetch(statement, *values)
        return rows[0] if rows else None

    async def walk(self, statement: str, *values: Any) -> list[Record]:
        """Reads with a statement that goes through so many rows of an index, whatever the values: planned once."""
        return await self._fetch(self._walking, statement, values)

    async def search(self, statement: str, *values: Any) -> list[Record]:
        """Reads with a statement that is planned for these values: for searches, whose best plan depends on them."""
        return await self._fetch(self._searching, statement, values)

    async def _fetch(self, connections: Connections, statement: str, values: Sequence[Any]) -> list[Record]:
        watch = self._observe(statement)
        if watch is None:
            return await connections.fetch(statement, values)
        with watch:
            return await connections.fetch(statement, values)

    async def notify(self, channel: str, messages: Sequence[str]) -> None:
        """Sends messages to all who listen. They are part of no request, and nobody observes the statement."""
        async with self._reading.borrowed() as connection:
            await connection.fetch(NOTIFY, channel, messages)

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Any number of reads, however long, on one snapshot."""
        return snapshot(self._reading, self._observe)

    def exporting(self) -> AbstractAsyncContextManager[Snapshot]:
        """Reads on one snapshot, each within the time for exports, on a connection apart from those of all else."""
        return snapshot(self._exporting, self._observe, self.settings.export_timeout)

    def write(self, account_id: UUID, ahead: Ahead | None = None) -> AbstractAsyncContextManager[Transaction]:
        """A transaction in the account's turn: committed when the block ends, rolled back when it raises.

        `ahead` comes first in the same transaction, while others may have the turn: for work that takes long and that
        no change of the meantime can make wrong.

        Raises BusyError when the turn does not come within the lock timeout, UnknownAccountError when there is no
        such account.
        """
        return self._write(account_id, self.settings.lock_timeout, self._begin, ahead)

    def write_repeatable(self, account_id: UUID, patience: float) -> AbstractAsyncContextManager[Transaction]:
        """The same for a change that is simply made again if it is lost: a crash of PostgreSQL, and nothing else, may
        lose it although it was committed, whole, and so its commit waits for no disk.

        `patience` is how many seconds it waits for the turn.
        """
        return self._write(account_id, patience, f"{_begin(self.settings, patience)}; {COMMIT_WITHOUT_WAITING}")

    @asynccontextmanager
    async def _write(
        self, account_id: UUID, patience: float, begin: str, ahead: Ahead | None = None
    ) -> AsyncIterator[Transaction]:
        async with self._turn(account_id, patience), self._reading.borrowed() as connection:
            try:
                await connection.execute(begin)
                if ahead is not None:
                    await ahead(await self._join(connection, account_id, LOOK_AHEAD))
                tx = await self._join(connection, account_id, LOCK_ACCOUNT)
                yield tx
                if tx.changed_facts:
                    await tx.fetch(COUNT_FACTS, account_id)
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

    async def _join(self, connection: "PoolConnectionProxy[Record]", account_id: UUID, statement: str) -> Transaction:
        with self._observe(statement) or UNWATCHED:
            row = await connection.fetchrow(statement, account_id)
        if row is None:
            raise UnknownAccountError
        usage = EndpointUse(row["email_used"], row["sms_used"], row["reserved"], row["facts"])
        return Transaction(connection, account_id, usage, row["now"], self._observe, self.settings)

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


@dataclass(slots=True)
class _Turn:
    semaphore: asyncio.Semaphore
    interested: int = 0


async def _roll_back(connection: "PoolConnectionProxy[Record]") -> None:
    """Ends the transaction, or the connection when even that fails: none goes back to the pool half-way. What made it
    end matters more than that failure."""
    try:
        await connection.execute("ROLLBACK")
    except BaseException as error:
        with suppress(asyncpg.InterfaceError):  # The pool takes back by itself what is lost.
            connection.terminate()
        if not isinstance(error, Exception):
            raise


def _begin(settings: Settings, patience: float) -> str:
    return (
        f"BEGIN; SET LOCAL lock_timeout = {max(1, int(patience * 1000))};"
        f" SET LOCAL statement_timeout = {int(settings.mutation_timeout * 1000)};"
        f" SET LOCAL work_mem = '{settings.change_work_mem}MB'; SET LOCAL plan_cache_mode = auto"
    )


def _unfollowed(_: UUID) -> None:
    pass


def _unattended() -> None:
    pass


async def analyze(owner_url: str) -> None:
    """Lets the planner know what is in the tables, after much has gone in. Only their owner may."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()

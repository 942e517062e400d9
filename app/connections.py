"""Connections to PostgreSQL, borrowed for a while from a pool that is bounded and keeps nobody waiting for ever."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

import asyncpg
import orjson
from asyncpg import Record
from asyncpg.pgproto.pgproto import UUID
from asyncpg.pool import PoolConnectionProxy

from app.settings import Settings

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

MOST_MOMENTS = 20_000
"""Moments that are kept to be used again."""

MOST_IDS = 20_000
"""Ids that are kept to be used again."""

MOST_STATEMENTS = {"once": 500, "each time": 50, "as a walk": 100}
"""Statements that a connection keeps prepared. Those of searches are large, and there are as many as filters."""

SECONDS_UNUSED = 30.0
"""After which a connection that was opened lazily and that nobody needs is closed."""

Planned = Literal["once", "each time", "as a walk"]
"""When PostgreSQL plans a statement: once for all values, or each time for the values it is run with. A walk through an
index is planned once too, with no other way to choose."""

ONLY_WALKS = {
    "enable_sort": "off",
    "enable_incremental_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""What leaves the planner nothing but to go through an index in its order, and to look up what belongs to each row: it
would do otherwise where it expects few rows, and a plan for all values knows nothing of large accounts."""


class OverloadedError(Exception):
    """The server is too busy just now. Try again in a moment; nothing was done."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class DatabaseLostError(ConnectionError):
    """The database cannot be reached, or was lost meanwhile. Try again in a moment; whether a change was made is not
    known, and with the same idempotency key it is not made twice."""

    def __init__(self) -> None:
        super().__init__(" ".join(str(self.__doc__).split()))


UNREACHABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
"""What PostgreSQL says when it goes, or is not there yet, and what asyncpg makes of a connection that breaks."""


class Connections:
    """A pool whose connections all plan their statements alike.

    What is given back as it was borrowed is handed to who has waited longest, or kept at hand: to pass it through
    asyncpg's pool, which has more to see to, takes longer than a small statement.
    """

    def __init__(self, pool: "asyncpg.Pool[Record]", size: int, timeout: float, *, keeps: bool = True) -> None:
        self._pool = pool
        self._size = size
        self._timeout = timeout
        self._keeps = keeps
        self._at_hand: list[PoolConnectionProxy[Record]] = []
        self._waiters: OrderedDict[asyncio.Future[PoolConnectionProxy[Record] | None], None] = OrderedDict()
        """Each is handed a connection, or None for the place of one that it may open."""
        self.lent = 0
        """Places that are taken, by a connection in use or by one that is being opened."""
        self.waiting = 0
        """Those who wait for one."""

    @classmethod
    async def open(cls, url: str, settings: Settings, size: int, planned: Planned, *, lazily: bool = False) -> Self:
        """At most `size` connections. Behind PgBouncer they plan each time, whatever is asked for.

        Lazily, each is opened when it is needed, and closed when nobody has needed it for half a minute.
        """
        session = {} if settings.pgbouncer else _session(settings, planned)
        pool = await asyncpg.create_pool(
            url,
            min_size=0 if lazily else 1,
            max_size=size,
            max_inactive_connection_lifetime=SECONDS_UNUSED if lazily else 0,
            init=_set_codecs,
            reset=_keep,
            statement_cache_size=0 if settings.pgbouncer else MOST_STATEMENTS[planned],
            server_settings=session,
        )
        return cls(pool, size, settings.pool_timeout, keeps=not lazily)

    @property
    def size(self) -> int:
        """Connections that are open."""
        size: int = self._pool.get_size()
        return size

    async def fetch(self, statement: str, values: Sequence[Any]) -> list[Record]:
        """The rows of one statement. Raises what `borrowed` does."""
        connection = await self.borrow()
        try:
            rows: list[Record] = await connection.fetch(statement, *values)
        except BaseException as error:
            await self.give_back(connection, error)
            raise
        if self._keeps:
            self._hand_on(connection)
        else:
            await self._release(connection)
        return rows

    def borrowed(self) -> "Borrowed":
        return Borrowed(self)

    async def close(self) -> None:
        """Waits for those that are in use."""
        self._keeps = False
        while self._at_hand:
            await self._pool.release(self._at_hand.pop())
        await self._pool.close()

    def terminate(self) -> None:
        self._pool.terminate()

    async def borrow(self) -> "PoolConnectionProxy[Record]":
        """Raises OverloadedError when none is given back in time, DatabaseLostError when none can be opened."""
        if self._at_hand:
            kept = self._at_hand.pop()
            self.lent += 1
            return await self._replaced(kept) if _closed(kept) else kept
        if self.lent < self._size:
            self.lent += 1
            return await self._opened()
        return await self._waited_for()

    async def give_back(self, connection: "PoolConnectionProxy[Record]", error: BaseException | None) -> None:
        """With what went wrong while it was borrowed. Raises DatabaseLostError when the connection was lost by it."""
        if error is None and self._keeps and not _closed(connection):
            self._hand_on(connection)
            return
        lost = error is not None and _lost(connection, error)
        if lost:
            with suppress(asyncpg.InterfaceError):  # The pool has taken it back.
                connection.terminate()
        await self._release(connection)
        if lost:
            raise DatabaseLostError from error

    def _hand_on(self, connection: "PoolConnectionProxy[Record] | None") -> None:
        """To who has waited longest. When nobody waits, a connection is kept; without one, its place is free."""
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_result(connection)
                return
        self.lent -= 1
        if connection is not None:
            self._at_hand.append(connection)

    async def _release(self, connection: "PoolConnectionProxy[Record]") -> None:
        """Lets asyncpg see what has become of it."""
        try:
            await self._pool.release(connection)
        finally:
            self._hand_on(None)

    async def _opened(self) -> "PoolConnectionProxy[Record]":
        """One for a place that is taken already."""
        try:
            opened: PoolConnectionProxy[Record] = await self._pool.acquire()
        except BaseException as error:
            self._hand_on(None)
            if isinstance(error, (OSError, *UNREACHABLE, asyncpg.InterfaceError)):  # The latter when it closes.
                raise DatabaseLostError from error
            raise
        return opened

    async def _waited_for(self) -> "PoolConnectionProxy[Record]":
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[PoolConnectionProxy[Record] | None] = loop.create_future()
        self._waiters[waiter] = None
        timer = loop.call_later(self._timeout, _give_up, waiter)
        self.waiting += 1
        try:
            handed = await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                handed = waiter.result()
                if handed is None or self._keeps:
                    self._hand_on(handed)
                else:
                    await self._release(handed)
            raise
        finally:
            self.waiting -= 1
            self._waiters.pop(waiter, None)
            timer.cancel()
        if handed is None:
            return await self._opened()
        if _closed(handed):
            return await self._replaced(handed)
        return handed

    async def _replaced(self, closed: "PoolConnectionProxy[Record]") -> "PoolConnectionProxy[Record]":
        """Another one for the same place."""
        try:
            await self._pool.release(closed)
        except BaseException:
            self._hand_on(None)
            raise
        return await self._opened()


def _give_up(waiter: "asyncio.Future[PoolConnectionProxy[Record] | None]") -> None:
    if not waiter.done():
        waiter.set_exception(OverloadedError())


class Borrowed:
    """A connection for the length of a block.

    Raises OverloadedError when none is given back in time, and DatabaseLostError when it is lost during the block.
    """

    __slots__ = ("_connection", "_connections")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._connection: PoolConnectionProxy[Record]

    async def __aenter__(self) -> "PoolConnectionProxy[Record]":
        self._connection = await self._connections.borrow()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connections.give_back(self._connection, error)


def _lost(connection: "PoolConnectionProxy[Record]", error: BaseException) -> bool:
    """Whether the error is that the connection broke. One that has gone says nothing but that it cannot be used, and
    one that is told to go while nobody asks it anything is found in a state that cannot be."""
    if isinstance(error, UNREACHABLE) or type(error) is asyncpg.InternalClientError:
        return True
    return isinstance(error, asyncpg.InterfaceError | OSError) and _closed(connection)


def _closed(connection: "PoolConnectionProxy[Record]") -> bool:
    try:
        closed: bool = connection.is_closed()
    except asyncpg.InterfaceError:  # The pool has taken it back.
        return True
    return closed


class _Moments(dict[tuple[int], datetime]):
    """Moments by their microseconds since 2000, as PostgreSQL sends them.

    What was changed together has one moment, so that most are known already; to make one takes longer than to read
    all the rest of a row.
    """

    def __missing__(self, sent: tuple[int]) -> datetime:
        if len(self) >= MOST_MOMENTS:
            self.clear()
        made = self[sent] = EPOCH + timedelta(0, 0, sent[0])
        return made


class _Ids(dict[bytes, UUID]):
    """Ids by their bytes, as PostgreSQL sends them.

    The same ids come again and again, and to look for one takes half as long as to make one; and one that was a key of
    a dictionary before knows its hash.
    """

    def __missing__(self, sent: bytes) -> UUID:
        if len(self) >= MOST_IDS:
            self.clear()
        made = self[sent] = UUID(sent)
        return made


_moments = _Moments()
_ids = _Ids()


def _sent(moment: datetime) -> tuple[int]:
    return ((moment.astimezone(UTC) - EPOCH) // MICROSECOND,)


def _sent_id(id: Any) -> bytes:
    sent: bytes = (id if type(id) is UUID else UUID(str(id))).bytes
    return sent


async def _set_codecs(connection: Any) -> None:
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", format="binary", encoder=_sent_id, decoder=_ids.__getitem__
    )
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", format="tuple", encoder=_sent, decoder=_moments.__getitem__
    )


async def _keep(_: Any) -> None:
    """Nothing sets session state, so nothing is reset between two uses of a connection."""


def _session(settings: Settings, planned: Planned) -> dict[str, str]:
    return {
        "application_name": "segments",
        "jit": "off",
        "enable_memoize": "off",
        "timezone": "UTC",
        "plan_cache_mode": "force_custom_plan" if planned == "each time" else "force_generic_plan",
        "statement_timeout": str(int(settings.query_timeout * 1000)),
        **(ONLY_WALKS if planned == "as a walk" else {}),
    }

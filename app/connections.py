"""Connections to PostgreSQL, borrowed for a while from a pool that is bounded and keeps nobody waiting for ever."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

import asyncpg
import orjson
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from app.settings import Settings

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

MOST_MOMENTS = 20_000
"""Moments that are kept to be used again."""

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

    What is given back as it was borrowed is kept at hand: to pass it through asyncpg's pool, which has more to see to,
    takes longer than a small statement.
    """

    def __init__(self, pool: "asyncpg.Pool[Record]", size: int, timeout: float, *, keeps: bool = True) -> None:
        self._pool = pool
        self._size = size
        self._timeout = timeout
        self._keeps = keeps
        self._at_hand: list[PoolConnectionProxy[Record]] = []
        self.asked_for = 0
        """Those who have one or wait for one."""
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

    @property
    def lent(self) -> int:
        """Those of them that are in use."""
        return self.asked_for - self.waiting

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
        self.asked_for += 1
        try:
            while self._at_hand:
                kept = self._at_hand.pop()
                if not _closed(kept):
                    return kept
                await self._pool.release(kept)
            if self.asked_for <= self._size:
                free: PoolConnectionProxy[Record] = await self._pool.acquire()
                return free
            return await self._wait()
        except (OSError, *UNREACHABLE) as error:
            self.asked_for -= 1
            raise DatabaseLostError from error
        except BaseException:
            self.asked_for -= 1
            raise

    async def give_back(self, connection: "PoolConnectionProxy[Record]", *, as_it_was: bool) -> None:
        """`as_it_was` says that nothing went wrong with it: else asyncpg sees what has become of it."""
        try:
            if as_it_was and self._keeps and not self.waiting:
                self._at_hand.append(connection)
            else:
                await self._pool.release(connection)
        finally:
            self.asked_for -= 1

    async def _wait(self) -> "PoolConnectionProxy[Record]":
        self.waiting += 1
        try:
            waited_for: PoolConnectionProxy[Record] = await self._pool.acquire(timeout=self._timeout)
            return waited_for
        except TimeoutError:
            raise OverloadedError from None
        finally:
            self.waiting -= 1


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
        lost = error is not None and _lost(self._connection, error)
        if lost:
            with suppress(asyncpg.InterfaceError):  # The pool has taken it back.
                self._connection.terminate()
        await self._connections.give_back(self._connection, as_it_was=kind is None)
        if lost:
            raise DatabaseLostError from error


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


_moments = _Moments()


def _sent(moment: datetime) -> tuple[int]:
    return ((moment.astimezone(UTC) - EPOCH) // MICROSECOND,)


async def _set_codecs(connection: Any) -> None:
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

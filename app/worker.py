"""Carries queued operations forward: chunk by chunk, account after account, as long as the process lives.

Any number of workers, in any number of processes, do this beside one another. What is to be done next is looked up
every time, so that nothing is lost with a worker that dies, and a small operation waits for a chunk of the others, not
for their end.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from uuid import UUID

import asyncpg

from app.connections import OverloadedError
from app.database import BusyError, Database, UnknownAccountError
from app.domain import background
from app.domain.background import ChunkFailedError
from app.domain.sweeping import sweep_due
from app.models import MembershipOperationKind
from app.notices import ChangeNotices
from app.settings import Settings
from app.stopping import heed

log = logging.getLogger(__name__)

FIRST_CHUNK = 1_000
"""Candidates in the first chunk of a kind, before it is known how long they take."""

LEAST_PATIENCE = 0.25
"""Seconds that a worker waits for an account's turn before it looks after others; each time in vain, twice as long."""

SECONDS_BETWEEN_ROUNDS = 0.001
"""At least, between two chunks of an account: so that those who wait for its turn have it before the next."""

SECONDS_TO_STOP = 10.0

PASSING = (
    BusyError,
    OverloadedError,
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What may be raised through no fault of a chunk: a connection or a server that goes, a disk that is full."""


class Worker:
    """Steps the operations of a database forward, as many at once as the settings say."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._pace = Pace(settings)
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._in_hand: set[UUID] = set()
        """Accounts that a task of this worker is at: a second one would only wait for the first."""
        self._patience: dict[UUID, float] = {}

    def wake(self) -> None:
        """Lets it look at once whether there is something to do. From the event loop's thread only."""
        self._news.set()

    def stop(self) -> None:
        """Lets `run` return once the chunks under way are done."""
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        """Works until it is stopped. Nothing that the database does ends it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep())
            for _ in range(max(1, self._settings.workers)):
                tasks.create_task(self._work())

    async def run_until_idle(self) -> None:
        """Works until there is nothing that could be done now."""
        while await self._go_round():
            pass

    async def _work(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                worked = await self._go_round()
            except PASSING as error:
                log.warning("The worker cannot use the database: %s", type(error).__name__)
                worked = False
            except Exception:
                log.exception("The worker met what it does not know.")
                worked = False
            if not worked and not self._stopping.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.worker_interval):
                        await self._news.wait()

    async def _sweep(self) -> None:
        """Now and then, what nobody asks for but time."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.sweep_interval):
                    await self._stopping.wait()
            if self._stopping.is_set():
                return
            try:
                await sweep_due(self._database)
            except PASSING as error:
                log.warning("The worker cannot use the database: %s", type(error).__name__)
            except Exception:
                log.exception("The worker met what it does not know.")

    async def _go_round(self) -> bool:
        """A chunk for each account that has something to do. Whether any had.

        Raises what kept a chunk from being done through no fault of its own, when it kept them all.
        """
        worked, hindrance = False, None
        waiting, _ = await asyncio.gather(background.waiting(self._database), asyncio.sleep(SECONDS_BETWEEN_ROUNDS))
        for account_id in waiting:
            if self._stopping.is_set():
                break
            if account_id in self._in_hand:
                continue
            self._in_hand.add(account_id)
            try:
                worked |= await self._step(account_id)
            except (OSError, OverloadedError):
                raise
            except PASSING as error:
                hindrance = error
            except Exception:
                log.exception("The worker met what it does not know, in the account %s.", account_id)
            finally:
                self._in_hand.discard(account_id)
        if hindrance is not None and not worked:
            raise hindrance
        return worked

    async def _step(self, account_id: UUID) -> bool:
        patience = self._patience.get(account_id, LEAST_PATIENCE)
        try:
            async with self._database.write_repeatable(account_id, patience) as tx:
                started = perf_counter()
                stepped = await background.step(tx, self._pace.size, self._settings)
        except BusyError:
            self._patience[account_id] = min(2 * patience, self._settings.lock_timeout)
            return True
        except UnknownAccountError:
            return False
        except ChunkFailedError as failed:
            cause = failed.__cause__
            assert cause is not None
            if _is_passing(cause):
                raise cause from None
            log.error("%s", failed, exc_info=cause)
            async with self._database.write(account_id) as tx:
                await background.fail(tx, failed.operation_id, cause, self._settings)
            return True
        self._patience.pop(account_id, None)
        if stepped is None:
            return False
        self._pace.took(stepped.kind, stepped.processed, perf_counter() - started)
        return True


def _is_passing(error: BaseException) -> bool:
    """A chunk that takes longer than a statement may is at fault itself."""
    return isinstance(error, PASSING) and not isinstance(error, asyncpg.QueryCanceledError)


class Pace:
    """How many candidates of each kind of operation fit into the time that a chunk should take."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sizes: dict[MembershipOperationKind, float] = {}

    def size(self, kind: MembershipOperationKind) -> int:
        return max(1, round(min(self._settings.chunk_size, self._sizes.get(kind, FIRST_CHUNK))))

    def took(self, kind: MembershipOperationKind, processed: int, seconds: float) -> None:
        """Learns from a chunk, at most by half or double."""
        if processed:
            factor = min(2.0, max(0.5, self._settings.chunk_time / seconds))
            self._sizes[kind] = min(float(self._settings.chunk_size), max(1.0, processed * factor))


@asynccontextmanager
async def working(database: Database, settings: Settings) -> AsyncIterator[Worker | None]:
    """A worker beside whatever else the block does, woken by what this process queues. None when the settings want
    none. At the end it finishes the chunks under way, or is ended after ten seconds, or at once when all tasks of the
    process are cancelled."""
    if not settings.workers:
        yield None
        return
    worker = Worker(database, settings)
    database.queued = worker.wake
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(SECONDS_TO_STOP):
                await running


async def work_until_stopped(database_url: str, settings: Settings) -> None:
    """Works on the database until SIGTERM or SIGINT, then finishes the chunks under way."""
    database = await Database.open(database_url, settings)
    worker = Worker(database, settings)
    notices = ChangeNotices(database, database_url)
    notices.on_change.append(lambda _: worker.wake())
    loop = asyncio.get_running_loop()

    def told(_: signal.Signals) -> None:
        with suppress(RuntimeError):  # It has stopped.
            loop.call_soon_threadsafe(worker.stop)

    heed(told)
    log.info("The worker is ready.")
    try:
        async with notices.telling(), notices.listening():
            await worker.run()
    finally:
        await database.close()

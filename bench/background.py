"""A large addition through the graph while others work, beside the same addition as one statement.

`python -m bench.background [--candidates N] [--idle SECONDS] [--rounds R] [--pause SECONDS]`. On one PostgreSQL and
one server with its worker:

- idle: for some seconds one client reads pages of members, and another adds ten candidates at a time, each with a pause
  between an answer and the next request;
- at once: everybody is added to a segment by one statement in one transaction, with nobody else about, and again
  beside the two clients;
- queued: everybody is added through the graph, over HTTP, while the two clients go on as before. Its wall time is from
  the request until the operation has COMPLETED, and its progress is looked at every 100 ms;
- alone: the same with nobody else about, but for who looks at the progress.

Each round does all but the first, and deletes the segments that it made. It must show: queued within 1.5 times at once,
the 99th percentiles of the others within 3 times those of idle, and progress. It says so, with the medians of the
rounds and the requests of all rounds together. At the end one addition is undone beside the two clients.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import asyncpg

from app.database import Database
from app.domain import accounts, segments
from app.domain.check import check_accounts
from app.domain.membership import add_candidates
from app.domain.search import CandidateFilter
from app.domain.selection import AllSearchResults, CandidateSelection
from app.embedded import running
from app.migrate import migrate
from app.models import Channel
from app.seeding.seed import seed
from app.settings import Settings
from tests.client import Client
from tests.serving import ServingProcess

MOST_SECONDS = 600
"""That an operation may take before the bench gives up."""

SECRET = "the secret of the bench, which is long enough"

READ = """query($id: ID!) {
  segment(id: $id) { name memberCount members(first: 50) { edges { addedAt node { fullName email } } } }
}"""
ADD = """mutation($input: AddCandidatesToSegmentInput!) {
  addCandidatesToSegment(input: $input) { operation { id status addedCount } userErrors { code message } }
}"""
UNDO = """mutation($input: UndoOperationInput!) {
  undoOperation(input: $input) { operation { id status } userErrors { code message } }
}"""
PROGRESS = "query($id: ID!) { operation(id: $id) { status processedCount addedCount removedCount matchedCount } }"

EVERYBODY = CandidateSelection(all_search_results=AllSearchResults(CandidateFilter()))


@dataclass
class Beside:
    """What the others of the account meet: seconds that each of their requests took."""

    reads: list[float] = field(default_factory=list)
    adds: list[float] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def include(self, other: "Beside") -> None:
        self.reads += other.reads
        self.adds += other.adds

    def report(self, name: str, idle: "Beside | None" = None) -> None:
        for what, took, before in (
            ("reads", self.reads, idle and idle.reads),
            ("adds of 10", self.adds, idle and idle.adds),
        ):
            compared = f", {p99(took) / p99(before):.1f}x idle" if before else ""
            print(
                f"  {name:8} {what:10} {len(took):6,}: median {1000 * median(took):6.1f} ms,"
                f" p99 {1000 * p99(took):6.1f} ms{compared}, longest {1000 * max(took):6.1f} ms"
            )


def p99(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98] if len(seconds) > 1 else seconds[0]


@asynccontextmanager
async def beside(client: Client, segment_id: UUID, tens: Iterator[list[str]], pause: float) -> AsyncIterator[Beside]:
    """The two others, at work as long as the block runs."""
    seen = Beside()

    async def read() -> None:
        while not seen.stopping.is_set():
            seen.reads.append(await timed(client.data(READ, id=str(segment_id))))
            await asyncio.sleep(pause)

    async def add() -> None:
        while not seen.stopping.is_set():
            asked = {"segmentId": str(segment_id), "candidates": {"ids": next(tens)}}
            seen.adds.append(await timed(client.data(ADD, input=asked)))
            await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        tasks.create_task(add())
        yield seen
        seen.stopping.set()


async def timed(work: Any) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def until_ended(client: Client, operation_id: str) -> tuple[dict[str, Any], int]:
    """The operation once it has ended, and how many different moments of its progress were seen."""
    seen = set()
    async with asyncio.timeout(MOST_SECONDS):
        while True:
            operation: dict[str, Any] = (await client.data(PROGRESS, id=operation_id))["operation"]
            seen.add(operation["processedCount"])
            if operation["status"] not in ("QUEUED", "RUNNING"):
                return operation, len(seen)
            await asyncio.sleep(0.1)


async def through_the_graph(
    client: Client, name: str, mutation: str, field_: str, asked: dict[str, Any]
) -> tuple[str, float, int]:
    """The operation, its wall time, and at how many different moments of its progress it was seen."""
    started = time.perf_counter()
    payload = (await client.data(mutation, input=asked))[field_]
    assert not payload["userErrors"], payload
    answered = time.perf_counter() - started
    operation, moments = await until_ended(client, payload["operation"]["id"])
    wall = time.perf_counter() - started
    print(f"{name}: answered in {answered:.2f} s, ended in {wall:.2f} s, seen at {moments} moments: {operation}")
    return payload["operation"]["id"], wall, moments


@dataclass
class Measured:
    """What the rounds took, in seconds."""

    at_once: list[float] = field(default_factory=list)
    at_once_beside: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    queued: list[float] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)
    others: Beside = field(default_factory=Beside)

    def verdict(self, idle: Beside) -> None:
        walls = [queued / once for queued, once in zip(self.queued, self.at_once, strict=True)]
        alone = [alone / once for alone, once in zip(self.alone, self.at_once, strict=True)]
        beside = [queued / once for queued, once in zip(self.queued, self.at_once_beside, strict=True)]
        print(f"wall, beside the others: {median(walls):.2f}x at once with nobody about (1.5x at most)")
        print(f"wall, beside the others: {median(beside):.2f}x at once beside them too")
        print(f"wall, alone:             {median(alone):.2f}x at once")
        for what, took, before in (
            ("reads", self.others.reads, idle.reads),
            ("adds of 10", self.others.adds, idle.adds),
        ):
            print(
                f"p99 of {what + ':':18}{p99(took) / p99(before):.2f}x idle (3x at most),"
                f" of {len(took):,} requests meanwhile and {len(before):,} idle"
            )
        print(f"progress:                seen at {min(self.moments)} different counts or more in each round")


@dataclass
class Bench:
    database: Database
    client: Client
    account_id: UUID
    pause: float

    async def segment(self, name: str) -> UUID:
        async with self.database.write(self.account_id) as tx:
            return await segments.create(tx, name, Channel.EMAIL)

    async def delete(self, segment_id: UUID) -> None:
        async with self.database.write(self.account_id) as tx:
            await segments.delete(tx, segment_id, "bench")

    async def at_once(self, name: str = "at once") -> tuple[UUID, float]:
        segment_id = await self.segment(name)
        started = time.perf_counter()
        async with self.database.write(self.account_id) as tx:
            await add_candidates(tx, segment_id, EVERYBODY, "REJECT", "bench", self.database.settings)
        wall = time.perf_counter() - started
        print(f"{name}: {wall:.2f} s")
        return segment_id, wall

    async def add(self, name: str) -> tuple[UUID, str, float, int]:
        segment_id = await self.segment(name)
        asked = {"segmentId": str(segment_id), "candidates": {"allSearchResults": {}}}
        return segment_id, *await through_the_graph(self.client, name, ADD, "addCandidatesToSegment", asked)

    async def measure(self, idle_seconds: float, rounds: int, tidy: Callable[[], Awaitable[object]]) -> None:
        small = await self.segment("small")
        ids = [
            str(row["id"])
            for row in await self.database.search(
                "SELECT id FROM candidate WHERE account_id = $1 ORDER BY md5(id::text) LIMIT 100000", self.account_id
            )
        ]
        tens = cycle([ids[at : at + 10] for at in range(0, len(ids) - 9, 10)])
        async with beside(self.client, small, tens, self.pause):
            await asyncio.sleep(1)  # Warms up.
        async with beside(self.client, small, tens, self.pause) as idle:
            await asyncio.sleep(idle_seconds)
        idle.report("idle")
        measured = Measured()
        for number in range(rounds):
            await tidy()
            once, wall = await self.at_once()
            measured.at_once.append(wall)
            await self.delete(once)
            await tidy()
            async with beside(self.client, small, tens, self.pause):
                once, wall = await self.at_once("at once beside the others")
            measured.at_once_beside.append(wall)
            await self.delete(once)
            await tidy()
            alone, _, wall, _ = await self.add("alone")
            measured.alone.append(wall)
            await self.delete(alone)
            await tidy()
            async with beside(self.client, small, tens, self.pause) as meanwhile:
                big, operation_id, wall, moments = await self.add("queued")
            measured.queued.append(wall)
            measured.moments.append(moments)
            measured.others.include(meanwhile)
            meanwhile.report("queued", idle)
            if number < rounds - 1:
                await self.delete(big)
        measured.verdict(idle)
        async with beside(self.client, small, tens, self.pause) as meanwhile:
            await through_the_graph(self.client, "undone", UNDO, "undoOperation", {"operationId": operation_id})
        meanwhile.report("undone", idle)
        [left] = await self.database.fetch(
            "SELECT member_count FROM segment WHERE account_id = $1 AND id = $2", self.account_id, big
        )
        print(f"members left in the segment: {left['member_count']}")
        async for report in check_accounts(self.database):
            print(report.lines() or "All invariants hold.")


async def main(candidates: int, idle_seconds: float, rounds: int, pause: float) -> None:
    settings = Settings(mutation_timeout=600, query_timeout=600, inline_add_limit=1_000_000, jwt_secret=SECRET)
    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "data") as embedded:
        await migrate(embedded.owner_url, embedded.url)
        database = await Database.open(embedded.url, settings)
        server = ServingProcess(
            embedded.url,
            SECRET,
            Path(directory) / "log",
            SEGMENTS_WORKERS="1",
            SEGMENTS_RATE_LIMIT_POINTS_PER_SECOND="0",
        )
        try:
            await seed(database, "bench", candidates, limit=candidates * 3, owner_url=embedded.owner_url)
            owner = await asyncpg.connect(embedded.url.replace("segments@", "postgres@"))
            await owner.execute("VACUUM ANALYZE")

            async def tidy() -> None:
                """What autovacuum and the checkpointer do in their own time, so that no round pays for another."""
                await owner.execute("VACUUM segment_member, past_segment_member, skipped_candidate, pending_candidate")
                await owner.execute("CHECKPOINT")

            await server.start()
            account = await accounts.by_name(database, "bench")
            assert account is not None
            async with Client.of(server.address, settings, SECRET, account.id) as client:
                await Bench(database, client, account.id, pause).measure(idle_seconds, rounds, tidy)
            await owner.close()
        finally:
            await server.stop()
            print(server.logged())
            await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--idle", type=float, default=20, help="Seconds of measuring the others alone.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.02, help="Seconds that each of the others waits in between.")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.candidates, arguments.idle, arguments.rounds, arguments.pause))

"""A large addition through the graph while others work, beside the same addition as one statement.

`python -m bench.background [--candidates N] [--idle SECONDS]`. On one PostgreSQL and one server with its worker:

- idle: for some seconds one client reads pages of members, and another adds ten candidates at a time;
- at once: everybody is added to a segment by one statement in one transaction, with nobody else about;
- queued: everybody is added through the graph, over HTTP, while the two clients go on as before. Its wall time is from
  the request until the operation has COMPLETED, and its progress is looked at every 100 ms;
- undone: the same for undoing it.

It must show: queued within 1.5 times at once, and the 99th percentiles of the others within 3 times those of idle.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
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
    return quantiles(seconds, n=100)[98] if len(seconds) > 1 else seconds[0]


@asynccontextmanager
async def beside(client: Client, segment_id: UUID, tens: list[list[str]]) -> AsyncIterator[Beside]:
    """The two others, at work as long as the block runs."""
    seen = Beside()

    async def read() -> None:
        while not seen.stopping.is_set():
            seen.reads.append(await timed(client.data(READ, id=str(segment_id))))
            await asyncio.sleep(0.005)

    async def add() -> None:
        while not seen.stopping.is_set():
            asked = {"segmentId": str(segment_id), "candidates": {"ids": tens.pop()}}
            seen.adds.append(await timed(client.data(ADD, input=asked)))
            await asyncio.sleep(0.005)

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
    while True:
        operation: dict[str, Any] = (await client.data(PROGRESS, id=operation_id))["operation"]
        seen.add(operation["processedCount"])
        if operation["status"] not in ("QUEUED", "RUNNING"):
            return operation, len(seen)
        await asyncio.sleep(0.1)


async def queued(client: Client, name: str, mutation: str, field_: str, asked: dict[str, Any]) -> tuple[str, float]:
    started = time.perf_counter()
    payload = (await client.data(mutation, input=asked))[field_]
    assert not payload["userErrors"], payload
    answered = time.perf_counter() - started
    operation, moments = await until_ended(client, payload["operation"]["id"])
    wall = time.perf_counter() - started
    print(f"{name}: answered in {answered:.2f} s, ended in {wall:.2f} s, seen at {moments} moments: {operation}")
    return payload["operation"]["id"], wall


async def measure(database: Database, client: Client, account_id: UUID, idle_seconds: float) -> None:
    async def segment(name: str) -> UUID:
        async with database.write(account_id) as tx:
            return await segments.create(tx, name, Channel.EMAIL)

    small = await segment("small")
    rows = await database.search("SELECT id FROM candidate WHERE account_id = $1 ORDER BY md5(id::text)", account_id)
    ids = [str(row["id"]) for row in rows]
    tens = [ids[at : at + 10] for at in range(0, len(ids) - 9, 10)]
    async with beside(client, small, tens):
        await asyncio.sleep(1)  # Warms up.
    async with beside(client, small, tens) as idle:
        await asyncio.sleep(idle_seconds)
    idle.report("idle")

    once = await segment("at once")
    started = time.perf_counter()
    async with database.write(account_id) as tx:
        await add_candidates(tx, once, EVERYBODY, "REJECT", "bench", database.settings)
    at_once = time.perf_counter() - started
    print(f"at once: {at_once:.2f} s")

    big = await segment("queued")
    asked = {"segmentId": str(big), "candidates": {"allSearchResults": {}}}
    async with beside(client, small, tens) as meanwhile:
        operation_id, wall = await queued(client, "queued", ADD, "addCandidatesToSegment", asked)
    print(f"queued takes {wall / at_once:.2f}x as long as at once")
    meanwhile.report("queued", idle)
    async with beside(client, small, tens) as meanwhile:
        await queued(client, "undone", UNDO, "undoOperation", {"operationId": operation_id})
    meanwhile.report("undone", idle)
    async for report in check_accounts(database):
        print(report.lines() or "All invariants hold.")


async def main(candidates: int, idle_seconds: float) -> None:
    settings = Settings(mutation_timeout=600, query_timeout=600, inline_add_limit=1_000_000, jwt_secret=SECRET)
    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "data") as embedded:
        await migrate(embedded.owner_url, embedded.url)
        database = await Database.open(embedded.url, settings)
        server = ServingProcess(
            embedded.url, SECRET, Path(directory) / "log", SEGMENTS_RATE_LIMIT_POINTS_PER_SECOND="0"
        )
        try:
            await seed(database, "bench", candidates, limit=candidates * 3, owner_url=embedded.owner_url)
            owner = await asyncpg.connect(embedded.url.replace("segments@", "postgres@"))
            await owner.execute("VACUUM ANALYZE")
            await owner.execute("CHECKPOINT")
            await owner.close()
            await server.start()
            account = await accounts.by_name(database, "bench")
            assert account is not None
            async with Client.of(server.address, settings, SECRET, account.id) as client:
                await measure(database, client, account.id, idle_seconds)
        finally:
            await server.stop()
            print(server.logged())
            await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--idle", type=float, default=10, help="Seconds of measuring the others alone.")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.candidates, arguments.idle))

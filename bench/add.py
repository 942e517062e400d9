"""Adding all search results, everything included, beside a bare INSERT ... SELECT of the same rows.

`python -m bench.add [--candidates N] [--rounds R]`. Each round runs, interleaved on one PostgreSQL:

- `add`: addCandidatesToSegment's transaction: the account's turn, eligibility, quota, counts, who was skipped, the
  operation's record, commit;
- `copy`: a bare INSERT ... SELECT of the rows that the add made, into a copy of segment_member as it was before, with
  its rows and its indexes;
- `empty`: the same into an empty table with the same indexes;
- `unindexed`: the same into an empty table without any.

The bare inserts read the finished rows, so they do without eligibility, without candidates and without quota.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from uuid import UUID

import asyncpg

from app.database import Database
from app.domain import accounts, segments
from app.domain.membership import add_candidates
from app.domain.search import CandidateFilter
from app.domain.selection import AllSearchResults, CandidateSelection
from app.embedded import running
from app.migrate import migrate
from app.models import Channel
from app.seeding.seed import seed
from app.settings import Settings

BARE = """
INSERT INTO {table} SELECT * FROM segment_member WHERE account_id = $1 AND segment_id = $2 ORDER BY candidate_id
"""

EVERYBODY = CandidateSelection(all_search_results=AllSearchResults(CandidateFilter()))


@dataclass(frozen=True)
class Cost:
    wall: float
    cpu: float
    """Of the PostgreSQL process that did the work, where /proc tells; quieter than wall time on a busy machine."""


async def cost(work: Callable[[], Awaitable[object]], backend: int) -> Cost:
    started, used = time.perf_counter(), cpu(backend)
    await work()
    return Cost(time.perf_counter() - started, cpu(backend) - used)


def cpu(backend: int) -> float:
    try:
        fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def add(database: Database, account_id: UUID, segment_id: UUID) -> None:
    async with database.write(account_id) as tx:
        await add_candidates(tx, segment_id, EVERYBODY, "REJECT", "bench", database.settings)


async def compare(database: Database, owner: asyncpg.Connection, candidates: int, rounds: int) -> None:
    account = await accounts.by_name(database, "bench")
    assert account is not None
    adding = (await database.fetch("SELECT pg_backend_pid()"))[0][0]  # The pool holds one connection.
    for channel in Channel:
        costs: dict[str, list[Cost]] = {"add": [], "copy": [], "empty": [], "unindexed": []}
        added = 0
        for number in range(rounds + 1):
            async with database.write(account.id) as tx:
                segment_id = await segments.create(tx, f"bench {channel} {number}", channel)

            await owner.execute(
                "DROP TABLE IF EXISTS copy, empty, unindexed; CREATE TABLE unindexed (LIKE segment_member);"
                " CREATE TABLE copy (LIKE segment_member INCLUDING INDEXES);"
                " CREATE TABLE empty (LIKE segment_member INCLUDING INDEXES);"
                " INSERT INTO copy SELECT * FROM segment_member; CHECKPOINT"
            )
            took = {"add": await cost(partial(add, database, account.id, segment_id), adding)}
            await owner.execute("CHECKPOINT")
            for table in ("copy", "empty", "unindexed"):
                bare = partial(owner.execute, BARE.format(table=table), account.id, segment_id)
                took[table] = await cost(bare, owner.get_server_pid())
            if number > 0:  # The first round warms up.
                for name, spent in took.items():
                    costs[name].append(spent)
            added = await owner.fetchval("SELECT member_count FROM segment WHERE id = $1", segment_id)
            async with database.write(account.id) as tx:
                await segments.delete(tx, segment_id, "bench")
            await owner.execute("DELETE FROM past_segment_member; DELETE FROM skipped_candidate")
            await owner.execute("VACUUM segment_member, past_segment_member, skipped_candidate")
        report(channel, candidates, added, costs)


def report(channel: Channel, candidates: int, added: int, costs: dict[str, list[Cost]]) -> None:
    print(f"{channel}: {candidates:,} candidates, {added:,} added; medians of {len(costs['add'])} rounds")
    for name, spent in costs.items():
        wall, used = median(each.wall for each in spent), median(each.cpu for each in spent)
        walls = median(add.wall / each.wall for add, each in zip(costs["add"], spent, strict=True))
        cpus = median(add.cpu / max(each.cpu, 0.001) for add, each in zip(costs["add"], spent, strict=True))
        print(f"  {name:9} {wall:6.2f} s wall, {used:6.2f} s CPU; add takes {walls:.2f}x its wall, {cpus:.2f}x its CPU")


async def main(candidates: int, rounds: int) -> None:
    settings = Settings(mutation_timeout=600, pool_size=1)
    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "data") as embedded:
        await migrate(embedded.owner_url, embedded.url)
        database = await Database.open(embedded.url, settings)
        owner = await asyncpg.connect(embedded.url.replace("segments@", "postgres@"), statement_cache_size=0)
        await owner.execute("SET jit = off")
        try:
            await seed(database, "bench", candidates, limit=candidates * 3, owner_url=embedded.owner_url)
            await owner.execute("VACUUM ANALYZE")
            await compare(database, owner, candidates, rounds)
        finally:
            await owner.close()
            await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.candidates, arguments.rounds))

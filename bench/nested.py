"""Times the lists inside segments, candidates and vacancies on a million candidates: `python -m bench.nested`.

Their statements stay prepared, and PostgreSQL may turn to a generic plan at the sixth run: so the first, the sixth
and the twentieth run are timed, and both plans are kept.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg import Record

from app.database import Database
from app.domain import lists
from app.domain.accounts import Account
from app.domain.eligibility import Rules, rules
from app.domain.listing import Listing, read_pages
from app.domain.lists import SegmentFilter
from app.domain.paging import Cursors, Window
from app.domain.search import CandidateFilter, TextFilter
from app.embedded import running
from app.migrate import migrate
from app.settings import Settings
from bench.population import LARGE, TIMEOUT, account, known, populate
from bench.search import FASTER_LOADING, RESULTS, directory, indexes, options, say

RUNS = 20
SHOWN = (1, 6, 20)

Statement = tuple[str, tuple[Any, ...]]


class WatchedDatabase(Database):
    """Remembers the statements that it runs."""

    seen: list[Statement]

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        self.seen.append((statement, values))
        return await super().fetch(statement, *values)

    async def search(self, statement: str, *values: Any) -> list[Record]:
        self.seen.append((statement, values))
        return await super().search(statement, *values)


@dataclass(frozen=True, slots=True)
class Nested:
    """A list of each of some parents."""

    name: str
    parents: list[UUID]
    listing: Callable[[], Listing]
    size: int


async def nested(database: Database, account_id: UUID, demands: Rules, settings: Settings) -> list[Nested]:
    async def some(statement: str) -> list[UUID]:
        return [row[0] for row in await database.fetch(statement, account_id)]

    def members(field: str, filter: CandidateFilter | None = None) -> Callable[[], Listing]:
        return lambda: lists.members(filter, field, False, demands, settings)

    segments = await some("SELECT id FROM segment WHERE account_id = $1 ORDER BY name_key LIMIT 20")
    candidates = await some("SELECT id FROM candidate WHERE account_id = $1 ORDER BY md5(id::text) LIMIT 50")
    vacancies = await some("SELECT id FROM vacancy WHERE account_id = $1 ORDER BY id LIMIT 20")
    operations = await some("SELECT DISTINCT operation_id FROM skipped_candidate WHERE account_id = $1")
    half, few = [known("half")], [known("few")]
    rare, common = CandidateFilter(text="zwaan"), CandidateFilter(country=TextFilter(eq="NL"))
    return [
        Nested("5 members of each segment", segments, members("ADDED_AT"), 5),
        Nested("5 members of each segment, by name", segments, members("LAST_NAME"), 5),
        Nested("5 members of each segment, found by a common filter", segments, members("ADDED_AT", common), 5),
        Nested("5 members of each segment, found by a rare filter", segments, members("ADDED_AT", rare), 5),
        Nested("50 members of half of all", half, members("ADDED_AT"), 50),
        Nested("50 members of half of all, by name", half, members("LAST_NAME"), 50),
        Nested("50 members of half of all, found by a common filter", half, members("ADDED_AT", common), 50),
        Nested("50 members of half of all, found by a rare filter", half, members("ADDED_AT", rare), 50),
        Nested("50 members of half of all, rare, by name", half, members("LAST_NAME", rare), 50),
        Nested("members of a segment of few, by name", few, members("LAST_NAME"), 50),
        Nested("segments of each of 50 candidates", candidates,
               lambda: lists.segments_of_candidate(SegmentFilter(), demands, settings), 10),
        Nested("applications of each of 50 candidates", candidates, lambda: lists.applications("candidate"), 10),
        Nested("applications for each of 20 vacancies", vacancies, lambda: lists.applications("vacancy"), 10),
        Nested("applications for a vacancy of half of all", half, lambda: lists.applications("vacancy"), 50),
        Nested("candidates on a list of half of all", half, lambda: lists.CANDIDATES_OF_LIST, 50),
        Nested("operations of each segment", segments, lambda: lists.OPERATIONS_OF_SEGMENT, 10),
        Nested("who operations left out", operations, lambda: lists.SKIPPED_OF_OPERATION, 50),
    ]  # fmt: skip


async def measure(database: WatchedDatabase, owner: "asyncpg.Connection[Record]", of: Account, one: Nested) -> str:
    times = []
    for _ in range(RUNS):
        database.seen.clear()
        start = time.perf_counter()
        await read_pages(database, of.id, one.parents, one.listing(), Window(one.size), Cursors(of.secret))
        times.append((time.perf_counter() - start) * 1000)
    statements = list(database.seen)
    custom = [await _plan(owner, "force_custom_plan", each) for each in statements]
    generic = [await _plan(owner, "force_generic_plan", each) for each in statements]
    (RESULTS / "nested-plans.txt").open("a").write(
        f"=== {one.name}\n" + "\n\n".join([*custom, "--- generic", *generic]) + "\n\n"
    )
    shown = " | ".join(f"{times[run - 1]:.2f}" for run in SHOWN)
    kept = "no" if one.listing().searched else "yes"
    alike = "alike" if indexes("\n".join(custom)) == indexes("\n".join(generic)) else indexes("\n".join(generic))
    return f"| {one.name} | {shown} | {kept} | {indexes(chr(10).join(custom))} | {alike} |"


async def _plan(owner: "asyncpg.Connection[Record]", mode: str, statement: Statement) -> str:
    text, values = statement
    prepared = await owner.prepare(text)
    types = ", ".join(f"{each.name}" for each in prepared.get_parameters())
    await owner.execute(f"SET plan_cache_mode = {mode}; DEALLOCATE ALL")
    await owner.execute(f"PREPARE measured ({types}) AS {text}")
    literals = ", ".join(_literal(value) for value in values)
    rows = await owner.fetch(f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE measured ({literals})")
    return "\n".join(row[0] for row in rows)


def _literal(value: Any) -> str:
    text = "{" + ",".join(str(each) for each in value) + "}" if isinstance(value, list) else str(value)
    return "'" + text.replace("'", "''") + "'"


async def run(url: str, owner_url: str, asked: argparse.Namespace) -> None:
    await migrate(owner_url, url)
    settings = Settings(query_timeout=TIMEOUT, pool_size=1)
    database = await WatchedDatabase.open(url, settings)
    database.seen = []
    owner = await asyncpg.connect(
        owner_url, statement_cache_size=0, server_settings={"jit": "off", "enable_memoize": "off"}
    )
    await populate(database, owner_url, asked.candidates, asked.beside, say)
    of = await account(database, LARGE)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "nested-plans.txt").unlink(missing_ok=True)
    lines = [
        f"# Lists inside others, {asked.candidates:,} candidates\n",
        "| list | 1st ms | 6th ms | 20th ms | prepared | through | generic plan through |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in await nested(database, of.id, await rules(database, of.id), settings):
        lines.append(await measure(database, owner, of, one))
        say(lines[-1])
    (RESULTS / "nested.md").write_text("\n".join(lines) + "\n")
    await owner.close()
    await database.close()


def main() -> None:
    asked = options(__doc__)
    with directory(asked.data) as data, running(data, FASTER_LOADING) as embedded:
        asyncio.run(run(embedded.url, embedded.owner_url, asked))


if __name__ == "__main__":
    main()

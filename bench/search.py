"""Times the candidate search on a million candidates: `python -m bench.search`.

Writes the table to bench/results/search.md and the plans, run with EXPLAIN (ANALYZE, BUFFERS), beside it.
"""

import argparse
import asyncio
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncpg import Record

from app.database import Database
from app.domain import lists
from app.domain.eligibility import Rules, rules
from app.domain.listing import Listing, read_page
from app.domain.paging import Cursors, Window
from app.embedded import running
from app.migrate import migrate
from app.settings import Settings
from bench.population import TIMEOUT, account, populate
from bench.searches import Search, searches

RESULTS = Path(__file__).parent / "results"
ORDERS = (("CREATED_AT", True), ("LAST_NAME", False))
PAGE = Window(25)
RUNS = 30

FASTER_LOADING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

Run = Callable[..., Awaitable[list[Record]]]


class WatchedDatabase(Database):
    """Remembers the walks and searches that it runs, and how."""

    seen: list[tuple[Run, str, tuple[Any, ...]]]

    async def walk(self, statement: str, *values: Any) -> list[Record]:
        self.seen.append((super().walk, statement, values))
        return await super().walk(statement, *values)

    async def search(self, statement: str, *values: Any) -> list[Record]:
        self.seen.append((super().search, statement, values))
        return await super().search(statement, *values)


@dataclass(frozen=True, slots=True)
class Measured:
    search: Search
    order: str
    median: float
    slowest: float
    """Milliseconds; the slowest of every hundred."""
    rows: int
    total: int | None
    counting: float | None
    indexes: str
    plans: str


@dataclass(frozen=True, slots=True)
class Bench:
    database: WatchedDatabase
    rules: dict[str, Rules]
    runs: int

    async def measure(self, search: Search, order: str, descending: bool) -> Measured:
        found = await account(self.database, search.account)
        cursors = Cursors(found.secret)

        def listing() -> Listing:
            settings = self.database.settings
            return lists.candidates(search.filter, order, descending, self.rules[search.account], settings)

        async def once() -> Any:
            return await read_page(self.database, found.id, listing(), PAGE, cursors)

        times, page = await _times(once, self.runs)
        self.database.seen.clear()
        await once()
        plans = [await _plan(*each) for each in self.database.seen]
        counting = total = None
        if order == "CREATED_AT":
            counted, total = await _times(page.count, 3)
            counting = statistics.median(counted)
        return Measured(
            search,
            order,
            statistics.median(times),
            sorted(times)[-1 - len(times) // 100],
            len(page.rows),
            total,
            counting,
            indexes("\n".join(plans)),
            "\n\n".join(plans),
        )


async def _plan(run: Run, statement: str, values: tuple[Any, ...]) -> str:
    """The plan, made as it is when the statement is run."""
    rows = await run(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", *values)
    return "\n".join(row[0] for row in rows)


async def _times(run: Any, most: int) -> tuple[list[float], Any]:
    """The milliseconds of each run, after one that counts for nothing; fewer runs when they are slow."""
    found = await run()
    times: list[float] = []
    while len(times) < most and (len(times) < 5 or sum(times) < 20_000):
        start = time.perf_counter()
        found = await run()
        times.append((time.perf_counter() - start) * 1000)
    return times, found


def indexes(plan: str) -> str:
    """The indexes that a plan went through."""
    steps = [step for step in re.split(r"\n\s*->", plan) if "(never executed)" not in step.split("\n")[0]]
    found = re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", "\n".join(steps))
    scanned = re.findall(r"Seq Scan on (\w+)", "\n".join(steps))
    return ", ".join(dict.fromkeys([*found, *(f"ALL of {table}" for table in scanned)]))


def _table(measured: list[Measured]) -> Iterator[str]:
    for order, _ in ORDERS:
        of_order = [each for each in measured if each.order == order]
        fastest = min((each.median for each in of_order), default=1)
        yield f"\n## By {order}\n"
        yield "| search | matches | p50 ms | p99 ms | x fastest | count ms | through |"
        yield "|---|---|---|---|---|---|---|"
        for each in of_order:
            total = "" if each.total is None else f"{each.total:,}"
            counting = "" if each.counting is None else f"{each.counting:.1f}"
            yield (
                f"| {each.search.name} | {total} | {each.median:.2f} | {each.slowest:.2f}"
                f" | {each.median / fastest:.1f} | {counting} | {each.indexes} |"
            )


async def run(url: str, owner_url: str, asked: argparse.Namespace) -> None:
    await migrate(owner_url, url)
    database = await WatchedDatabase.open(url, Settings(query_timeout=TIMEOUT, pool_size=2))
    database.seen = []
    await populate(database, owner_url, asked.candidates, asked.beside, say)
    wanted = [each for each in searches() if re.search(asked.only, each.name)]
    known = {name: await rules(database, (await account(database, name)).id) for name in {s.account for s in wanted}}
    bench = Bench(database, known, asked.runs)
    measured = []
    for search in wanted:
        for order, descending in ORDERS:
            found = await bench.measure(search, order, descending)
            measured.append(found)
            times = f"{found.median:9.2f} {found.slowest:9.2f} {found.counting or 0:8.1f}"
            say(f"{times} {search.name} [{order}] {found.indexes}")
    _write(asked.out, measured, asked)
    await database.close()


def _write(out: Path, measured: list[Measured], asked: argparse.Namespace) -> None:
    out.mkdir(parents=True, exist_ok=True)
    heading = f"# The candidate search, {asked.candidates:,} candidates beside {asked.beside:,}, pages of {PAGE.size}"
    (out / "search.md").write_text("\n".join([heading, *_table(measured)]) + "\n")
    plans = (f"=== {each.search.name} [{each.order}]\n{each.plans}\n" for each in measured)
    (out / "search-plans.txt").write_text("\n".join(plans))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def directory(given: Path | None) -> Iterator[Path]:
    if given:
        yield given
    else:
        with tempfile.TemporaryDirectory(prefix="segments-bench-") as made:
            yield Path(made)


def options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--beside", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--only", default="", help="a regular expression for names of searches")
    parser.add_argument("--data", type=Path, help="where the data are kept for another run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def main() -> None:
    asked = options(__doc__)
    with directory(asked.data) as data, running(data, FASTER_LOADING) as embedded:
        asyncio.run(run(embedded.url, embedded.owner_url, asked))


if __name__ == "__main__":
    main()

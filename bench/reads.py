"""Segments beside its peers at reading, on one PostgreSQL: `python -m bench.reads`, or with --quick for a first look.

Servers are asked in turns, round after round, so that a busy moment of the machine is nobody's in particular. Each runs
on the first CPU alone; PostgreSQL and the client share the others. Nothing is timed before all have answered alike.
Writes bench/results/reads.md and reads.svg.
"""

import argparse
import json
import re
import secrets
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from app.auth import Permission, mint
from app.database import Database
from app.embedded import running
from app.migrate import migrate
from app.settings import Settings
from bench.peers.audiences import make_audiences
from bench.peers.load import Expected, load
from bench.peers.processes import Used, cpu_used, family, machine, milliseconds, os_cpus, pinned
from bench.peers.questions import NAMES, Question, questions
from bench.peers.report import Cell, Figures, Report
from bench.peers.servers import PEERS, Peer, RunningPeer, environment, install, node, versions
from bench.search import FASTER_LOADING, directory, say

RESULTS = Path(__file__).parent / "results"
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)")

Cells = dict[tuple[str, str, int], list[Figures]]
Questions = dict[tuple[str, str], Expected]


class Postgres:
    """The PostgreSQL that all servers ask: what it uses of the machine."""

    def __init__(self, data: Path) -> None:
        [pid_file] = data.rglob("postmaster.pid")
        self._pid = int(pid_file.read_text().split()[0])

    def cpu_used(self) -> Used:
        return cpu_used(family(self._pid))


async def prepare(url: str, owner_url: str, candidates: int) -> tuple[str, str, list[Question], str]:
    """Fills the database. A secret, a token signed with it, the questions, and the version of PostgreSQL."""
    await migrate(owner_url, url)
    settings = Settings(query_timeout=600)
    database = await Database.open(url, settings)
    say(f"Seeding {candidates:,} candidates, unless they are there.")
    account_id, largest = await make_audiences(database, owner_url, candidates)
    version = (await database.fetch("SHOW server_version"))[0][0]
    await database.close()
    owner = await asyncpg.connect(owner_url)
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    secret = secrets.token_urlsafe(48)
    token = mint(secret, settings, account_id, "bench", list(Permission), timedelta(hours=6))
    return secret, token, questions(largest), version


def check(servers: list[RunningPeer], token: str, asked: list[Question]) -> Questions:
    """Asks everybody everything once. Raises SystemExit unless all say the same; else what each must go on saying."""
    expected: Questions = {}
    for question in asked:
        first: Any = None
        for server in servers:
            status, head, body = server.ask(token, server.body(question))
            answer = json.loads(body) if status == 200 else None
            if answer is None or "errors" in answer or server.peer.header not in head.lower():
                raise SystemExit(
                    f"{server.peer.title}, {question.title}: {status} {head!r} {body[:2_000]!r}\n{server.logged()}"
                )
            found = _alike(answer["data"])
            first = found if first is None else first
            if found != first:
                raise SystemExit(
                    f"{server.peer.title} and {servers[0].peer.title} differ about {question.title}:"
                    f"\n{json.dumps(found)[:1_000]}\n{json.dumps(first)[:1_000]}"
                )
            expected[server.peer.name, question.name] = server.expected(token, question, body)
        say(f"All answer alike: {question.title}.")
    return expected


def _alike(value: Any) -> Any:
    """A value without what servers may do in their own way: the order of keys, and how moments are written."""
    if isinstance(value, dict):
        return {name: _alike(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_alike(each) for each in value]
    if isinstance(value, str) and MOMENT.fullmatch(value):
        return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC).isoformat()
    return value


async def measure(
    server: RunningPeer, postgres: Postgres, expected: Expected, connections: int, seconds: float
) -> Figures:
    before = server.cpu_used(), postgres.cpu_used()
    answered = await load(server.port, expected, connections, seconds)
    after = server.cpu_used(), postgres.cpu_used()
    count = len(answered.latencies)
    ordered = sorted(answered.latencies)
    return Figures(
        cpu=milliseconds(before[0], after[0]) / count,
        postgres=milliseconds(before[1], after[1]) / count,
        per_second=count / answered.seconds,
        p50=statistics.median(ordered) * 1000,
        p99=ordered[min(count - 1, int(count * 0.99))] * 1000,
    )


async def compare(
    servers: list[RunningPeer], postgres: Postgres, asked: list[Question], expected: Questions, how: argparse.Namespace
) -> Cells:
    """All cells, each as often as there are rounds."""
    for question in asked:
        for server in servers:
            # Compilers of Node.js need to have seen much before they are fast.
            await load(server.port, expected[server.peer.name, question.name], 8, how.warm_up)
    cells: Cells = {}
    for number in range(how.rounds):
        for question in asked:
            for connections in how.connections:
                for server in servers:
                    name = server.peer.name
                    found = await measure(server, postgres, expected[name, question.name], connections, how.seconds)
                    cells.setdefault((question.name, name, connections), []).append(found)
                    say(f"{number + 1} {question.name:9} {connections:3} {name:12} {found}")
    return cells


@contextmanager
def serving(
    wanted: list[Peer], variables: dict[str, str], cpu: int, ready: Callable[[RunningPeer], None]
) -> Iterator[list[RunningPeer]]:
    started: list[RunningPeer] = []
    with tempfile.TemporaryDirectory(prefix="segments-bench-logs-") as logs:
        try:
            for peer in wanted:
                started.append(RunningPeer(peer, variables, {cpu}, Path(logs) / f"{peer.name}.log"))
                ready(started[-1])
            yield started
        finally:
            for server in started:
                server.stop()


def run(how: argparse.Namespace, data: Path) -> Report:
    cpus = os_cpus()
    if len(cpus) < 2:
        raise SystemExit("Two CPUs are needed: one for the server, one for PostgreSQL and the client.")
    facts = machine()
    wanted = [peer for peer in PEERS if not how.only or peer.name in how.only]
    if any(peer.kind == "node" for peer in wanted):
        install()
        facts.append(f"Node.js {subprocess.check_output([node(), '--version'], text=True).strip()}")
    with pinned(set(cpus[1:])), running(data, FASTER_LOADING) as embedded:
        secret, token, asked, version = uvloop.run(prepare(embedded.url, embedded.owner_url, how.candidates))
        asked = [each for each in asked if not how.reads or each.name in how.reads]
        postgres = Postgres(data)
        variables = environment(embedded.url, secret)
        with serving(wanted, variables, cpus[0], lambda server: server.wait_until_ready(token, asked[0])) as servers:
            expected = check(servers, token, asked)
            begun = time.monotonic()
            cells = uvloop.run(compare(servers, postgres, asked, expected, how))
            resident = {server.peer.name: server.resident_bytes() for server in servers}
        facts += [
            versions(wanted),
            f"PostgreSQL {version}, on a Unix socket, `jit` and `enable_memoize` off",
            f"servers on CPU {cpus[0]}; PostgreSQL and the client together on {', '.join(map(str, cpus[1:]))}",
            f"{how.candidates:,} candidates; {how.rounds} round(s) of {how.seconds:g} s per cell, medians;"
            f" {time.monotonic() - begun:.0f} s in all",
        ]
    medians = {place: Figures.median(found) for place, found in cells.items()}
    return Report(wanted, asked, [Cell(*place, figures) for place, figures in medians.items()], resident, facts, how)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round, of 8 and 32 connections")
    parser.add_argument("--only", action="append", choices=[peer.name for peer in PEERS], help="these servers alone")
    parser.add_argument("--reads", action="append", choices=NAMES, help="these reads alone")
    parser.add_argument("--connections", action="append", type=int, help="default: 1, 8 and 32")
    parser.add_argument("--rounds", type=int, help="default: 3")
    parser.add_argument("--seconds", type=float, help="of each cell; default: 2")
    parser.add_argument("--candidates", type=int, default=20_000)
    parser.add_argument("--note", default="", help="a sentence that the results begin with")
    parser.add_argument("--data", type=Path, help="where the data are kept for another run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    how = parser.parse_args()
    quick = how.quick
    how.connections = how.connections or ([8, 32] if quick else [1, 8, 32])
    how.rounds = how.rounds or (1 if quick else 3)
    how.seconds = how.seconds or (0.8 if quick else 2.0)
    how.warm_up = 0.6 if quick else 2.0
    return how


def main() -> None:
    how = options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with directory(how.data) as data:
        run(how, data).write(how.out)


if __name__ == "__main__":
    main()

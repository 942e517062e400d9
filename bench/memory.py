"""What a serving process holds in memory while it answers very many requests: `python -m bench.memory`.

All the reads of bench.reads, the small ones most often, by eight connections; resident memory after each step.
Writes bench/results/memory.md.
"""

import argparse
import signal
from pathlib import Path

import uvloop

from app.embedded import running
from bench.peers.load import Expected, load
from bench.peers.processes import machine, os_cpus
from bench.peers.servers import PEERS, RunningPeer, environment
from bench.reads import RESULTS, check, prepare, serving
from bench.search import FASTER_LOADING, directory, say

SECONDS = {"quota": 8.0, "page": 2.0, "search": 1.0, "segments": 1.0, "deep": 0.5, "consents": 0.5, "many": 0.5}
"""How long each read is asked for in one step."""

CONNECTIONS = 8
MIB = 2**20


async def ask(server: RunningPeer, expected: dict[tuple[str, str], Expected], requests: int) -> list[tuple[int, int]]:
    """Asks until there were so many requests. How many there had been after each step, and the resident bytes then."""
    asked, steps = 0, [(0, server.resident_bytes())]
    while asked < requests:
        for name, seconds in SECONDS.items():
            answered = await load(server.port, expected[server.peer.name, name], CONNECTIONS, seconds)
            asked += len(answered.latencies)
        steps.append((asked, server.resident_bytes()))
        say(f"{asked:,} requests, {steps[-1][1] / MIB:.0f} MiB")
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--candidates", type=int, default=20_000)
    parser.add_argument("--data", type=Path, help="where the data are kept for another run")
    how = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with directory(how.data) as data, running(data, FASTER_LOADING) as embedded:
        secret, token, asked, _ = uvloop.run(prepare(embedded.url, embedded.owner_url, how.candidates))
        variables = environment(embedded.url, secret)
        with serving(
            [PEERS[0]], variables, os_cpus()[0], lambda server: server.wait_until_ready(token, asked[0])
        ) as servers:
            steps = uvloop.run(ask(servers[0], check(servers, token, asked), how.requests))
    lines = [
        "# Memory of one serving process",
        "",
        f"Measured by `python -m bench.memory --requests {how.requests}`: {CONNECTIONS} connections, all the reads of"
        " bench.reads in turns, the quota most.",
        "",
        *(f"- {fact}" for fact in machine()),
        "",
        "| requests | MiB resident |",
        "|---|---|",
        *(f"| {count:,} | {resident / MIB:.0f} |" for count, resident in steps),
    ]
    (RESULTS / "memory.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

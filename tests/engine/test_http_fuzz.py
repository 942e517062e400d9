"""Whatever comes over HTTP, the answer is GraphQL's, and nothing is left behind.

FUZZ_CASES says how many requests are sent to each server; FUZZ_SEED makes them others.
"""

import asyncio
import gc
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from app.auth import Permission, mint
from app.engine.execution import Engine
from app.engine.http import GRAPHQL_JSON, GraphQLApp
from app.engine.requests import JSON
from app.server import Server
from app.settings import Settings
from tests.client import serving
from tests.conftest import SECRET
from tests.engine.odd_requests import OddRequest, odd_requests
from tests.engine.sample import authenticate, explain, graph
from tests.world import World

pytestmark = [pytest.mark.storm, pytest.mark.timeout(3600)]

CASES = int(os.environ.get("FUZZ_CASES", "400"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
ROUND = 100
"""Cases that hypothesis makes at a time. What it remembers of them is forgotten before memory is measured."""
MOST_GROWTH = 40_000_000
"""Bytes that the process may grow by after its first tenth, whatever it is sent."""

BOUNDS = {"max_body_bytes": 50_000, "max_tokens": 500, "max_kept_document_bytes": 1_000_000}

OF_THE_SMALL_GRAPH = (
    "{ hello }",
    "query A($n: String) { hello(name: $n) } mutation B { change }",
    "query($n: Int!) { double(number: $n) }",
    "query($n: [Numbers!]) { sum(numbers: $n) }",
    "query($f: Boolean = false) { hello @skip(if: $f) ... @include(if: true) { told } }",
    "subscription { follow }",
    "{ __schema { types { name fields { name } } } }",
    '{ hello(name: """\n  block \\""" "quoted" \u2028 """) }',
)
OF_SEGMENTS = (
    "{ __typename }",
    "query($first: Int) { segments(first: $first) { edges { node { id name } } } }",
    "query A($n: String) { segments(first: 1, after: $n) { totalCount } } query B { __typename }",
    "query($n: ID!) { segment(id: $n) { id name } }",
    "{ segments(first: 1) { pageInfo { endCursor } } }",
)


@dataclass(frozen=True)
class Target:
    """A server in a thread of its own, and how to ask it."""

    host: str
    port: int
    loop: asyncio.AbstractEventLoop
    path: str = "/"
    authorization: str | None = None

    def answer(self, request: OddRequest) -> tuple[HTTPResponse, bytes]:
        with socket.create_connection((self.host, self.port), timeout=30) as wire:
            wire.sendall(request.encoded(f"{self.host}:{self.port}", self.path, self.authorization))
            response = HTTPResponse(wire, method=request.method)
            try:
                response.begin()
                return response, response.read()
            finally:
                response.close()

    def tasks(self) -> set[asyncio.Task[object]]:
        """What goes on in the server, but for this question."""

        async def all_others() -> set[asyncio.Task[object]]:
            return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

        return asyncio.run_coroutine_threadsafe(all_others(), self.loop).result(30)

    def wait_for_an_end_of(self, others: set[asyncio.Task[object]]) -> None:
        async def end() -> None:
            async with asyncio.timeout(30):
                await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(60)


@contextmanager
def served_in_a_thread(app: ASGIApp) -> Iterator[Target]:
    """The test itself waits for its answers without a loop, as hypothesis wants it."""
    begun = threading.Event()
    found: list[Target] = []
    ending: list[asyncio.Event] = []

    async def serve() -> None:
        async with serving(app) as address:
            parts = urlsplit(address)
            assert parts.hostname is not None
            assert parts.port is not None
            found.append(Target(parts.hostname, parts.port, asyncio.get_running_loop()))
            ending.append(asyncio.Event())
            begun.set()
            await ending[0].wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert begun.wait(60)
    try:
        yield found[0]
    finally:
        found[0].loop.call_soon_threadsafe(ending[0].set)
        thread.join(60)
        assert not thread.is_alive()


def fuzz(target: Target, documents: Sequence[str], caplog: pytest.LogCaptureFixture) -> None:
    """Sends as many requests as FUZZ_CASES says and checks each answer, and what is left after all."""
    before = target.tasks()
    sizes = []
    for number in range(max(1, CASES // ROUND)):

        @seed(SEED * 1_000_000 + number)
        @hypothesis_settings(
            max_examples=min(ROUND, CASES),
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(odd_requests(documents))
        def round_of_requests(request: OddRequest) -> None:
            caplog.clear()
            response, body = target.answer(request)
            check(request, response, body)
            tracebacks = [record.getMessage() for record in caplog.records if record.exc_info or record.levelno > 30]
            assert not tracebacks

        round_of_requests()
        gc.collect()
        sizes.append(resident_bytes())
    target.wait_for_an_end_of(target.tasks() - before)
    assert target.tasks() == before
    assert sizes[-1] - sizes[len(sizes) // 10] < MOST_GROWTH, sizes


def check(request: OddRequest, response: HTTPResponse, body: bytes) -> None:
    assert response.status < 500, body
    assert response.headers["x-request-id"]
    media_type, _, parameter = response.headers["content-type"].partition("; ")
    assert media_type in (JSON, GRAPHQL_JSON)
    assert parameter == "charset=utf-8"
    if request.method == "HEAD":
        assert body == b""
        return
    answer = json.loads(body.decode("utf-8"))
    assert answer.keys() <= {"data", "errors"}
    assert answer.get("errors") or isinstance(answer["data"], dict)
    for error in answer.get("errors", ()):
        assert error["message"]
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
    if response.status >= 400:
        assert "data" not in answer


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_odd_requests_to_the_small_graph_are_answered_and_leave_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    engine = Engine(graph(), Settings(**BOUNDS), explain)
    with served_in_a_thread(Starlette(routes=[Route("/", GraphQLApp(engine, authenticate))])) as target:
        fuzz(target, OF_THE_SMALL_GRAPH, caplog)


def test_odd_requests_to_segments_are_answered_and_leave_nothing(
    database_url: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = Settings(jwt_secret=SECRET, pool_size=2, **BOUNDS)
    token = mint(SECRET, settings, world.account_id, "fuzz", tuple(Permission), timedelta(days=1))
    with served_in_a_thread(Server(settings, database_url, SECRET).app) as served:
        fuzz(Target(served.host, served.port, served.loop, "/graphql", f"Bearer {token}"), OF_SEGMENTS, caplog)

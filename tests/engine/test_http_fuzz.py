"""Whatever comes over HTTP, the answer is GraphQL's, and nothing is left behind.

FUZZ_CASES says how many requests are sent to each server; FUZZ_SEED makes them others.
"""

import asyncio
import gc
import json
import logging
import os
import re
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
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
from app.engine.sse import EVENT_STREAM
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

BOUNDS: dict[str, Any] = {"max_body_bytes": 50_000, "max_tokens": 500, "max_kept_document_bytes": 1_000_000}

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

    def answer(self, request: OddRequest, followed_by: bytes = b"") -> tuple[HTTPResponse, bytes]:
        with socket.create_connection((self.host, self.port), timeout=30) as wire:
            raw = request.encoded(f"{self.host}:{self.port}", self.path, self.authorization)
            wire.sendall(raw + followed_by)
            response = HTTPResponse(wire, method=request.method)
            try:
                response.begin()
                return response, response.read()
            finally:
                response.close()

    def break_off(self, raw: bytes, *, rudely: bool) -> None:
        """Sends this and is gone, with a reset when rudely."""
        with socket.create_connection((self.host, self.port), timeout=30) as wire:
            wire.sendall(raw)
            if rudely:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def tasks(self) -> set[asyncio.Task[object]]:
        """What goes on in the server, but for this question."""

        async def all_others() -> set[asyncio.Task[object]]:
            return asyncio.all_tasks() - {asyncio.current_task()}

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
            assert not troubles(caplog)

        round_of_requests()
        gc.collect()
        sizes.append(resident_bytes())
    check_that_nothing_is_left(target, before)
    assert sizes[-1] - sizes[len(sizes) // 10] < MOST_GROWTH, sizes


def check_that_nothing_is_left(target: Target, before: set[asyncio.Task[object]]) -> None:
    """Asks once more first: whoever broke off before that has been let in by its answer, and so has a task.

    The server's own tasks come and go as well. Those that have gone must have done what they were there for.
    """
    target.answer(OddRequest("GET", "?query={hello}", (), ()))
    while others := (now := target.tasks()) - before:
        target.wait_for_an_end_of(others)
    for gone in before - now:
        gone.result()


def check(request: OddRequest, response: HTTPResponse, body: bytes) -> None:
    assert response.status < 500, body
    assert response.headers["x-request-id"]
    media_type, _, parameter = response.headers["content-type"].partition("; ")
    assert media_type in (JSON, GRAPHQL_JSON, EVENT_STREAM)
    assert parameter == "charset=utf-8"
    if request.method == "HEAD":
        assert body == b""
        return
    for text in events(body) if media_type == EVENT_STREAM else [body.decode("utf-8")]:
        check_answer(json.loads(text), response.status)


def check_answer(answer: dict[str, Any], status: int) -> None:
    assert answer.keys() <= {"data", "errors"}
    assert answer.get("errors") or isinstance(answer["data"], dict)
    for error in answer.get("errors", ()):
        assert error["message"]
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
    if status >= 400:
        assert "data" not in answer


def events(body: bytes) -> list[str]:
    """What the events of a stream say, which then ends."""
    text = body.decode("utf-8")
    next_event = r"(?::[^\n]*\n\n)*event: next\ndata: ([^\n]*)\n\n"
    assert re.fullmatch(rf"(?:{next_event})+event: complete\ndata:\n\n", text), text
    return re.findall(next_event, text)


def troubles(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Tracebacks and errors in the log."""
    return [each.getMessage() for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def small_app() -> ASGIApp:
    engine = Engine(graph(), Settings(**BOUNDS), explain)
    return Starlette(routes=[Route("/", GraphQLApp(engine, authenticate))])


def test_odd_requests_to_the_small_graph_are_answered_and_leave_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with served_in_a_thread(small_app()) as target:
        fuzz(target, OF_THE_SMALL_GRAPH, caplog)


def test_odd_requests_to_segments_are_answered_and_leave_nothing(
    database_url: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = Settings(jwt_secret=SECRET, pool_size=2, **BOUNDS)
    token = mint(SECRET, settings, world.account_id, "fuzz", tuple(Permission), timedelta(days=1))
    with served_in_a_thread(Server(settings, database_url, SECRET).app) as served:
        fuzz(Target(served.host, served.port, served.loop, "/graphql", f"Bearer {token}"), OF_SEGMENTS, caplog)


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_breaks_off_leaves_nothing(chunked: bool, rudely: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    body = json.dumps({"query": "mutation { change }" if chunked else "{ hello }"}).encode()
    chunks = (body[:10], body[10:], b"") if chunked else (body,)
    raw = OddRequest("POST", "", (("content-type", JSON),), chunks).encoded("segments.test", "/", None)
    with served_in_a_thread(small_app()) as target:
        before = target.tasks()
        for length in range(len(raw)):
            target.break_off(raw[:length], rudely=rudely)
        check_that_nothing_is_left(target, before)
        response, answer = target.answer(OddRequest("GET", "?query={hello}", (), ()))
        assert (response.status, json.loads(answer)) == (200, {"data": {"hello": "Hello you"}})
    assert not troubles(caplog)


def test_what_follows_the_announced_body_is_no_part_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    body = b'{"query": "{ hello }"}'
    with served_in_a_thread(small_app()) as target:
        for gone in range(len(body)):
            lie = (("content-type", JSON), ("content-length", str(len(body) - gone)), ("connection", "close"))
            response, answer = target.answer(OddRequest("POST", "", lie, ()), followed_by=body)
            assert response.status == (400 if gone else 200), answer
            assert ("errors" in json.loads(answer)) == bool(gone)
    assert not troubles(caplog)

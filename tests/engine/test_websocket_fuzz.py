"""Conversations at random over real WebSockets, most of them wrong somewhere.

FUZZ_CASES=20000 is the long run: FUZZ_CASES=20000 pytest -n 0 --timeout 0 tests/engine/test_websocket_fuzz.py
"""

import gc
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from app.engine import connection
from app.engine.connection import Connection
from tests.engine.chat import Chat, chat
from tests.engine.streaming import House, house
from tests.engine.test_websocket import MALFORMED

CASES = int(os.environ.get("FUZZ_CASES", "300"))
CODES = {1000, 1009, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429}
"""With which a server may close a socket on a client that says something wrong."""

Step = Callable[[Chat], Awaitable[object]]

QUERIES = (
    "{ hello }",
    "{ hello told explained }",
    "{ endless }",
    "{ unknown }",
    "{",
    "query a { hello } query b { hello }",
    "mutation { change }",
    "mutation { changeSlowly }",
    "subscription { endless }",
    "subscription { count(to: 3) }",
    "subscription { explained }",
    "subscription { refused }",
    "subscription { flood(size: 10) }",
    "subscription($n: Int!) { count(to: $n) }",
)

ids = st.sampled_from(["1", "2", "3", "4", "5", "6", "\N{SNOWMAN}" * 60])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
kinds = st.sampled_from(["connection_init", "ping", "pong", "subscribe", "complete", "next", "error", "connection_ack"])
tokens = st.sampled_from(["Bearer ada", "Bearer grace", "Bearer ada", "Bearer busy", "Bearer ada 0.01", "", "x"])

inits = st.fixed_dictionaries({"type": st.just("connection_init"), "payload": st.builds(dict, authorization=tokens)})
subscribes = st.fixed_dictionaries(
    {"type": st.just("subscribe"), "id": ids, "payload": st.builds(dict, query=st.sampled_from(QUERIES))}
)
completes = st.fixed_dictionaries({"type": st.just("complete"), "id": ids})
beats = st.fixed_dictionaries({"type": st.sampled_from(["ping", "pong"])})
odd = st.fixed_dictionaries(
    {}, optional={"type": kinds | anything, "id": ids | anything, "payload": anything, "extra": anything}
)
good = st.one_of(subscribes, subscribes, completes, beats).map(json.dumps)


def _saying(frame: str | bytes) -> Step:
    return lambda opened: opened.connection.send(frame)


def _saying_bytes_as_text(frame: bytes) -> Step:
    return lambda opened: opened.connection.send(frame, text=True)


def _saying_in_pieces(frame: str) -> Step:
    return lambda opened: opened.connection.send([frame[:3], frame[3:9], frame[9:]])


async def _abort(opened: Chat) -> None:
    opened.connection.transport.abort()


async def _listen(opened: Chat) -> None:
    assert await opened.answers()


async def _leave(opened: Chat) -> None:
    await opened.connection.close(1000)


right = st.one_of(
    good.map(_saying), good.map(_saying), good.map(_saying), good.map(_saying_in_pieces), st.just(_listen)
)
wrong = st.one_of(
    inits.map(json.dumps).map(_saying),
    odd.map(json.dumps).map(_saying),
    st.sampled_from(MALFORMED).map(_saying),
    st.binary(max_size=40).map(_saying),
    st.binary(max_size=40).map(_saying_bytes_as_text),
    st.text(max_size=40).map(_saying),
    st.integers(1, 40_000).map(lambda length: _saying(" " * length)),
    st.sampled_from([_abort, _leave]),
)
begun = st.just([_saying('{"type": "connection_init", "payload": {"authorization": "Bearer ada"}}')])
conversations = st.tuples(
    begun | begun | begun | st.just([]),
    st.lists(right, max_size=10),
    st.lists(wrong, max_size=2),
    st.lists(right, max_size=3),
).map(lambda parts: [step for part in parts for step in part])


@pytest.fixture(scope="module")
async def home() -> AsyncIterator[House]:
    """At last, nothing may be left of all the sockets but the one of a witness."""
    async with house(max_socket_operations=5, max_streams=1_000, heartbeat=1) as served:
        served.diary.gate.set()
        yield served
        async with chat(served.address) as witness:
            await witness.begin("witness")
            while served.streams.count() > 1 or len(_sockets()) > 1:
                assert await witness.answers()


async def _hold(opened: Chat, conversation: list[Step]) -> int | None:
    """The code with which the server closed the socket, 1006 when without one; None when it lives or we went."""
    went = False
    try:
        for step in conversation:
            went = went or step in (_abort, _leave)
            await step(opened)
        await opened.answers()
    except ConnectionClosed as closed:
        if went:
            return None
        return 1006 if closed.rcvd is None else closed.rcvd.code
    return None


def _sockets() -> list[Any]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, Connection)]


@pytest.mark.storm
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(conversation=conversations)
async def test_whatever_clients_say_the_server_lives_and_says_why_it_closes(
    conversation: list[Step], home: House, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "LINGER", 0.05)
        async with chat(home.address) as opened:
            code = await _hold(opened, conversation)
    event(f"closed with {code}")
    assert code is None or code in CODES
    home.diary.entries.clear()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []

"""A head that a connection sent before is known by its bytes, and what it says goes for it alone."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
import pytest

from app.engine.heads import LONGEST_KEPT, MOST_IN_VAIN, MOST_KEPT, KnownHeads
from tests.client import serving
from tests.engine.streaming import PATIENCE, House, house
from tests.engine.wire import Wire, wire_to

Scope = Any


def body(query: str) -> bytes:
    """Of one length, so that heads are alike."""
    return orjson.dumps({"query": query}).ljust(60)


def post(content: bytes, *headers: str, token: str = "ada") -> bytes:
    lines = ["POST / HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


def scope(*headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "headers": list(headers)}


def wire(place: House) -> AbstractAsyncContextManager[Wire]:
    return wire_to(place.address)


@pytest.fixture
async def place() -> AsyncIterator[House]:
    async with house(keep_alive=2) as found:
        yield found


HELLO = {"data": {"hello": "Hello you"}}


async def test_each_request_under_one_head_is_answered_for_its_own_body(place: House) -> None:
    async with wire(place) as client:
        for name in ("one", "two", "six") * 5:
            asked = post(body(f'{{ hello(name: "{name}") }}'))
            assert await client.asked(asked) == {"data": {"hello": f"Hello {name}"}}


async def test_each_request_has_an_id_of_its_own(place: House) -> None:
    async with wire(place) as client:
        ids = []
        for number in range(4):
            await client.send(post(body("{ hello }")))
            ids.append(re.search(rb"x-request-id: (\S+)", (await client.answer())[1]))
            await client.send(post(body("{ hello }"), f"X-Request-Id: mine-{number}"))
            assert f"x-request-id: mine-{number}\r\n".encode() in (await client.answer())[1]
        assert len({each[1] for each in ids if each}) == 4


async def test_requests_at_once_are_answered_in_their_order(place: House) -> None:
    async with wire(place) as client:
        for _ in range(3):
            await client.send(b"".join(post(body(f'{{ hello(name: "{name}") }}')) for name in "abc"))
            assert [(await client.answer())[2]["data"]["hello"] for _ in range(3)] == ["Hello a", "Hello b", "Hello c"]
            assert await client.asked(post(body('{ hello(name: "d") }'))) == {"data": {"hello": "Hello d"}}


@pytest.mark.parametrize("cut", [10, -30, -15, -1])
async def test_a_known_head_may_come_in_pieces_and_so_may_what_follows_it(cut: int, place: House) -> None:
    request = post(body("{ hello }"))
    async with wire(place) as client:
        for _ in range(3):
            assert await client.asked(request) == HELLO
            await client.send(request[:cut], request[cut:])
            assert (await client.answer())[2] == HELLO
            await client.send(request + request[:cut], request[cut:])
            assert [(await client.answer())[2] for _ in range(2)] == [HELLO, HELLO]
            await client.send(b"\r\n" + request)
            assert (await client.answer())[2] == HELLO


async def test_a_head_is_known_on_its_own_connection_only_and_with_its_own_token(place: House) -> None:
    async with wire(place) as client, wire(place) as other:
        for _ in range(3):
            assert await client.asked(post(body("{ hello }"))) == HELLO
            await client.send(post(body("{ hello }"), token=""))
            assert (await client.answer())[0] == 401
            await other.send(post(body("{ hello }"), token=""))
            assert (await other.answer())[0] == 401


async def test_who_sends_a_known_head_is_asked_again_when_the_token_has_ended(place: House) -> None:
    request = post(body("{ hello }"), token="ada 0.5")
    async with wire(place) as client:
        assert [await client.asked(request) for _ in range(3)] == [HELLO] * 3
        before = place.authenticated
        await asyncio.sleep(0.6)
        assert await client.asked(request) == HELLO
        assert place.authenticated == before + 1


async def test_who_is_known_is_not_asked_at_every_request(place: House) -> None:
    async with wire(place) as client:
        for _ in range(10):
            assert await client.asked(post(body("{ hello }"))) == HELLO
        assert place.authenticated == 2


async def test_a_body_that_is_no_request_is_refused_under_a_known_head_too(place: House) -> None:
    async with wire(place) as client:
        good, bad = post(body("{ hello }")), post(b"x" * 60)
        for _ in range(3):
            assert await client.asked(good) == HELLO
            await client.send(bad)
            assert (await client.answer())[0] == 400


async def test_a_body_that_is_too_long_is_refused_under_a_known_head_too(place: House) -> None:
    async with wire(place) as client:
        for _ in range(3):
            await client.send(post(body("{ hello }" + " " * 20_000)))
            status, head, _ = await client.answer()
            assert status == 413
            if b"connection: close" in head:
                return


async def test_a_connection_is_closed_when_the_next_request_does_not_come(place: House) -> None:
    async with wire(place) as client:
        for _ in range(3):
            assert await client.asked(post(body("{ hello }"))) == HELLO
        assert await client.until_closed() == b""


async def test_a_connection_that_is_to_be_closed_is_closed_after_its_answer(place: House) -> None:
    async with wire(place) as client:
        for _ in range(2):
            assert await client.asked(post(body("{ hello }"))) == HELLO
        await client.send(post(body("{ hello }"), "Connection: close"))
        assert b"connection: close" in (await client.answer())[1]
        assert await client.until_closed() == b""


async def test_a_query_under_a_known_head_ends_when_its_client_goes(place: House) -> None:
    async with wire(place) as client:
        for _ in range(3):
            assert await client.asked(post(body("{ hello }"))) == HELLO
        await client.send(post(body("{ endless }")))
        await place.diary.until("endless began")
    await place.diary.until("endless ended")


async def test_a_mutation_under_a_known_head_goes_on_when_its_client_goes(place: House) -> None:
    async with wire(place) as client:
        for _ in range(3):
            assert await client.asked(post(body("{ hello }"))) == HELLO
        await client.send(post(body("mutation { changeSlowly }")))
        await place.diary.until("change began")
    await asyncio.sleep(0.2)
    place.diary.gate.set()
    await place.diary.until("changed")


async def test_a_request_that_takes_too_long_leaves_the_connection_to_others() -> None:
    async with house(query_timeout=0.1) as place, wire(place) as client:
        for _ in range(3):
            assert await client.asked(post(body("{ hello }"))) == HELLO
            answer = await client.asked(post(body("{ endless }")))
            assert answer["errors"][0]["extensions"]["code"] == "TIMEOUT"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads its body as any application does."""
    if scope["type"] == "lifespan":
        return
    received = await receive()
    content = orjson.dumps([received["body"].decode(), received["more_body"]])
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    assert (await receive())["type"] == "http.disconnect"


async def test_any_application_receives_what_came_with_a_known_head() -> None:
    async with serving(echo) as address, wire_to(address) as client:
        for number in range(5):
            assert await client.asked(post(b"%060d" % number)) == [f"{number:060}", False]


async def test_a_task_that_was_cancelled_runs_no_other_request() -> None:
    before = asyncio.all_tasks()
    tasks: list[asyncio.Task[Any] | None] = []

    async def cancelled(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            tasks.append(asyncio.current_task())
            if len(tasks) == 4:
                asyncio.get_running_loop().call_soon(tasks[-1].cancel)  # type: ignore[union-attr]
                await asyncio.sleep(60)
            await echo(scope, receive, send)

    async with serving(cancelled) as address, wire_to(address) as client:
        for number in range(3):
            await client.asked(post(b"%060d" % number))
        await client.send(post(b"x" * 60))
        assert (await client.until_closed()).startswith(b"HTTP/1.1 500 ")
        assert tasks[1] is tasks[2] is tasks[3]
        async with wire_to(address) as another:
            for number in range(3):
                assert (await another.asked(post(b"%060d" % number)))[0] == f"{number:060}"
    assert not {each for each in asyncio.all_tasks() - before if "Runner._run" in repr(each)}


async def test_a_connection_with_known_heads_can_become_a_socket(place: House) -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    before = asyncio.all_tasks()
    async with wire(place) as client:
        for _ in range(3):
            assert await client.asked(post(body("{ hello }"))) == HELLO
        running = {task for task in asyncio.all_tasks() - before if "Runner._run" in repr(task)}
        assert len(running) == 1
        await client.send(upgrade)
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait(running)


async def test_a_length_with_zeros_before_it_hides_no_long_body(place: House) -> None:
    request = post(b" " * 20_000).replace(b"Content-Length: 20000", b"Content-Length: 00000000000000000000020000")
    async with wire(place) as client:
        await client.send(request)
        assert (await client.answer())[0] == 413


def test_heads_that_never_come_again_are_not_kept_for_ever() -> None:
    known, again = KnownHeads(), b"POST /again HTTP/1.1\r\n\r\n{}"
    for number in range(MOST_IN_VAIN):
        known.learn(b"POST /%d HTTP/1.1\r\n\r\n{}" % number, scope((b"content-length", b"2")))
    known.learn(again, scope((b"content-length", b"2")))
    assert known.split(again) is None


def learnt(data: bytes, *headers: tuple[bytes, bytes]) -> bool:
    known = KnownHeads()
    known.learn(data, scope(*headers))
    return known.split(data) is not None


def test_what_may_come_again_is_kept() -> None:
    request = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    known = KnownHeads()
    known.learn(request, scope((b"content-length", b"2")))
    for content in (b"{}", b"[]"):
        found = known.split(request[:-2] + content)
        assert found is not None
        assert found[1] == content
    for other in (request[:-1], request + b"x", request[1:], b"x" + request, request[:-2], b"", b"{}"):
        assert known.split(other) is None


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", [(b"content-length", b"2")]),
        (b"POST / HTTP/1.1\r\n\r\n", []),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}", [(b"content-length", b"3")]),
        (b"POST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"2"), (b"content-length", b"2")]),
        (b"POST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"+2")]),
        (b"POST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")]),
        (b"POST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"2"), (b"connection", b"close")]),
        (b"POST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"2"), (b"upgrade", b"websocket")]),
        (b"POST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"2"), (b"expect", b"100-continue")]),
        (b"POST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"2"), (b"x-request-id", b"1")]),
        (b"POST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"2"), (b"traceparent", b"1")]),
        (b"\r\n\r\nPOST / HTTP/1.1\r\n\r\n{}", [(b"content-length", b"2")]),
        (b"POST / HTTP/1.1\nX: 1\n\n\r\n\r\n{}", [(b"content-length", b"6")]),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * LONGEST_KEPT + b"\r\n\r\n{}", [(b"content-length", b"2")]),
    ],
    ids=[
        "no POST", "no length", "another length", "two lengths", "an odd length", "chunks", "the last request",
        "an upgrade", "a wait", "an id", "a trace", "empty lines before", "another end", "long",
    ],
)  # fmt: skip
def test_what_differs_each_time_or_is_odd_is_not_kept(data: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    assert not learnt(data, *headers)


def test_no_more_heads_are_kept_than_are_allowed() -> None:
    known = KnownHeads()
    for number in range(10 * MOST_KEPT):
        known.learn(b"POST /%d HTTP/1.1\r\n\r\n{}" % number, scope((b"content-length", b"2")))
        assert len(known) <= MOST_KEPT
        assert known.split(b"POST /%d HTTP/1.1\r\n\r\n{}" % number) is not None

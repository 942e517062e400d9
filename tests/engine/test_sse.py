"""GraphQL as server-sent events: who gets a stream, what is in it, and what ends it."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.engine.sample import SECRET
from tests.engine.streaming import PATIENCE, House, house

STREAM = "text/event-stream"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
RELAY = "application/json, text/event-stream;q=0.5"
ENDLESS = "subscription { endless }"

Event = tuple[str, Any]


class Stream:
    """An event stream as it arrives."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self._lines = _lines(response)

    async def event(self) -> Event | None:
        """The next event, or None at the end of the stream."""
        async with asyncio.timeout(PATIENCE):
            kind, data = "", ""
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments += 1
                elif line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                elif kind and not line:
                    return kind, json.loads(data) if data else None
        return None

    async def events(self) -> list[Event]:
        """All that is left."""
        found = []
        while (event := await self.event()) is not None:
            found.append(event)
        return found


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Lines as event streams have them: httpx would end them at other characters of Unicode too."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode()


@asynccontextmanager
async def asking(
    home: House, query: str, accept: str = STREAM, token: str | None = "ada", method: str = "POST", **variables: Any
) -> AsyncIterator[httpx.Response]:
    headers = {"accept": accept, **({"authorization": f"Bearer {token}"} if token else {})}
    asked: dict[str, Any] = {"json": {"query": query, "variables": variables}}
    if method == "GET":
        asked = {"params": {"query": query, "variables": json.dumps(variables)}}
    async with (
        httpx.AsyncClient(base_url=home.address, headers=headers, timeout=PATIENCE, trust_env=False) as client,
        client.stream(method, "/graphql", **asked) as response,
    ):
        yield response


@asynccontextmanager
async def streaming(home: House, query: str, **more: Any) -> AsyncIterator[Stream]:
    async with asking(home, query, **more) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield Stream(response)


@pytest.fixture(scope="module")
async def home() -> AsyncIterator[House]:
    async with house(max_streams=1_000) as served:
        yield served


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


# Who gets a stream


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_is_an_event_for_each_answer(method: str, home: House) -> None:
    query = "subscription($to: Int!) { count(to: $to) }"
    async with streaming(home, query, method=method, to=2) as stream:
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.response.headers["x-request-id"]
        assert await stream.events() == [
            ("next", {"data": {"count": 1}}),
            ("next", {"data": {"count": 2}}),
            ("complete", None),
        ]


@pytest.mark.parametrize(
    ("query", "data"), [("{ hello }", {"hello": "Hello you"}), ("mutation { change }", {"change": "changed"})]
)
async def test_who_takes_only_events_gets_queries_and_mutations_so_too(query: str, data: object, home: House) -> None:
    async with streaming(home, query) as stream:
        assert await stream.events() == [("next", {"data": data}), ("complete", None)]


@pytest.mark.parametrize("accept", [URQL, RELAY, "text/event-stream, application/json", "text/event-stream, */*"])
async def test_who_takes_json_too_gets_events_for_subscriptions_alone(accept: str, home: House) -> None:
    async with asking(home, "{ hello }", accept) as response:
        assert "json" in response.headers["content-type"]
        assert json.loads(await response.aread()) == {"data": {"hello": "Hello you"}}
    async with asking(home, "{ unknown }", accept) as response:
        assert "json" in response.headers["content-type"]
    async with streaming(home, "subscription { count(to: 1) }", accept=accept) as stream:
        assert await stream.events() == [("next", {"data": {"count": 1}}), ("complete", None)]


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "application/json, text/event-stream;q=0", "multipart/mixed, */*"],
)
async def test_who_does_not_name_event_streams_is_told_how_to_subscribe(accept: str, home: House) -> None:
    async with asking(home, ENDLESS, accept) as response:
        assert response.status_code == 406
        [error] = json.loads(await response.aread())["errors"]
        assert error["extensions"]["code"] == "NOT_ACCEPTABLE"
        assert "accept: text/event-stream" in error["message"]
        assert "graphql-transport-ws" in error["message"]


async def test_a_mutation_by_get_changes_nothing(home: House) -> None:
    async with asking(home, "mutation { change }", method="GET") as response:
        assert response.status_code == 405


async def test_strangers_get_no_stream(home: House) -> None:
    async with asking(home, ENDLESS, token=None) as response:
        assert response.status_code == 401
        assert response.headers["content-type"].startswith("application/json")


# What is in it


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("query a { hello } query b { hello }", "BAD_REQUEST"),
        ("subscription($n: Int!) { count(to: $n) }", "BAD_USER_INPUT"),
        ("subscription { refused }", "FORBIDDEN"),
    ],
)
async def test_what_cannot_run_is_told_in_the_stream(query: str, code: str, home: House) -> None:
    async with streaming(home, query) as stream:
        [(kind, answer), end] = await stream.events()
        assert (kind, end) == ("next", ("complete", None))
        assert {error["extensions"]["code"] for error in answer["errors"]} == {code}


async def test_what_breaks_a_subscription_is_masked(home: House, log: pytest.LogCaptureFixture) -> None:
    async with streaming(home, "subscription { breaking }") as stream:
        first, (_, last), end = await stream.events()
        assert first == ("next", {"data": {"breaking": 1}})
        assert last["errors"][0]["extensions"]["requestId"] == stream.response.headers["x-request-id"]
        assert SECRET not in json.dumps(last)
        assert end == ("complete", None)
    assert [record.name for record in log.records] == ["app.engine.errors"]


async def test_a_text_of_many_lines_stays_one_event(home: House) -> None:
    name = "\n\nevent: complete\r\n\u2028\0"
    async with streaming(home, "query($name: String) { hello(name: $name) }", name=name) as stream:
        assert await stream.event() == ("next", {"data": {"hello": f"Hello {name}"}})


async def test_comments_keep_the_stream_alive() -> None:
    async with house(heartbeat=0.05) as home, streaming(home, ENDLESS, token="ada 0.4") as stream:
        assert len(await stream.events()) == 3
        assert 2 <= stream.comments <= 9


# What ends it


@pytest.mark.parametrize("query", [ENDLESS, "{ endless }"])
async def test_a_client_that_goes_ends_what_it_asked(query: str, home: House) -> None:
    times = home.diary.entries.count("endless began") + 1
    async with streaming(home, query):
        await home.diary.until("endless began", times)
    await home.diary.until("endless ended", times)


async def test_a_mutation_is_done_whole_though_its_client_goes() -> None:
    async with house() as home:
        async with streaming(home, "mutation { changeSlowly }"):
            await home.diary.until("change began")
        async with streaming(home, "{ hello }") as other:
            await other.events()
        home.diary.gate.set()
        await home.diary.until("change ended")
        assert home.diary.entries == ["change began", "changed", "change ended"]


async def test_a_token_that_expires_ends_the_stream_and_says_so(home: House) -> None:
    times = home.diary.entries.count("endless began") + 1
    async with streaming(home, ENDLESS, token="ada 0.3") as stream:
        first, (kind, last), end = await stream.events()
        assert first == ("next", {"data": {"endless": "first"}})
        assert (kind, end) == ("next", ("complete", None))
        assert last == {"errors": [{"message": "The token has expired.", "extensions": {"code": "UNAUTHENTICATED"}}]}
    await home.diary.until("endless ended", times)


async def test_a_server_that_goes_down_ends_the_stream_without_completing_it() -> None:
    async with house() as home:
        opening = streaming(home, ENDLESS)
        stream = await opening.__aenter__()
        assert await stream.event() == ("next", {"data": {"endless": "first"}})
        home.streams.ending.set()
        assert await stream.events() == []
        await home.diary.until("endless ended")
        await opening.__aexit__(None, None, None)


async def test_a_client_that_does_not_read_is_let_go(log: pytest.LogCaptureFixture) -> None:
    async with house(send_timeout=0.3) as home:
        host, port = home.address.removeprefix("http://").split(":")
        body = json.dumps({"query": "subscription { flood(size: 100000) }"})
        with socket.create_connection((host, int(port))) as client:
            client.sendall(
                f"POST / HTTP/1.1\r\nhost: {host}\r\naccept: {STREAM}\r\nauthorization: Bearer ada\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
            )
            await home.diary.until("flood ended")
            while home.streams.count():
                async with asking(home, "{ hello }", "application/json") as response:
                    await response.aread()
    assert log.records == []


# Limits


async def test_sockets_and_streams_of_one_principal_are_counted_together() -> None:
    async with house(max_streams=1) as home, streaming(home, ENDLESS) as stream:
        await stream.event()
        async with asking(home, ENDLESS) as refused:
            assert refused.status_code == 429
            [error] = json.loads(await refused.aread())["errors"]
            assert error["extensions"] == {"code": "TOO_MANY_STREAMS", "limit": 1}
        async with asking(home, "{ hello }", "application/json") as response:
            assert response.status_code == 200
        async with streaming(home, "subscription { count(to: 1) }", token="grace") as other:
            assert len(await other.events()) == 2

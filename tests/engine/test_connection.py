"""What comes over a connection before anybody knows who sends it: neither too much of it nor too slowly."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.engine import connection
from app.engine.connection import MOST_HEAD_BYTES
from app.engine.execution import Engine
from app.settings import Settings
from tests.engine.sample import explain, graph
from tests.engine.served import served
from tests.engine.streaming import PATIENCE

ASKED = b"GET /?query={hello} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Impatient(connection.Requests):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.timeout_keep_alive = 1
        super().connection_made(transport)


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connection, "Requests", Impatient)
    async with served(Engine(graph(), Settings(), explain)) as address:
        yield int(address.rpartition(":")[2])


@pytest.mark.parametrize(
    ("before", "endless"),
    [
        (b"GET /", b"x"),
        (b"GET / HTTP/1.1\r\nX: ", b"x"),
        (b"GET / HTTP/1.1\r\n", b"a:b\r\n"),
        (CHUNKED + b"0\r\n", b"a:b\r\n"),
        (CHUNKED + b"0\r\nX: ", b"x"),
        (CHUNKED + b"1;", b"x"),
        (b"", b"\r\n"),
    ],
    ids=["address", "header", "headers", "trailers", "trailer", "chunk's extension", "empty lines"],
)
async def test_what_has_no_end_is_not_read(before: bytes, endless: bytes, port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(before)
    with pytest.raises(ConnectionError):
        await send(writer, 1_000 * [endless * (MOST_HEAD_BYTES // len(endless))])
    writer.close()


async def send(writer: asyncio.StreamWriter, parts: list[bytes]) -> None:
    for part in parts:
        writer.write(part)
        await writer.drain()


@pytest.mark.parametrize("before", [b"", ASKED], ids=["first", "next"])
@pytest.mark.parametrize("begun", [b"", b"\r\n", b"GET / HTTP/1.1\r\nX: "], ids=["silence", "empty line", "head"])
async def test_a_request_that_does_not_come_is_not_waited_for(before: bytes, begun: bytes, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(before)
    if before:
        assert (await reader.readline()).startswith(b"HTTP/1.1 ")
    writer.write(begun)
    async with asyncio.timeout(PATIENCE):
        trickling = asyncio.create_task(trickle(writer if begun.endswith(b" ") else None))
        await reader.read()
    trickling.cancel()
    writer.close()


async def trickle(writer: asyncio.StreamWriter | None) -> None:
    while writer is not None:
        writer.write(b"x")
        await asyncio.sleep(0.1)


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with served(Engine(graph(), Settings(keep_alive=1), explain)) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(POST + b"Content-Length: 100\r\n\r\n{")
        async with asyncio.timeout(PATIENCE):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_an_answer_may_take_longer_than_the_next_request(port: int) -> None:
    body = b'{"query": "{hello}"}'
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body))
    await asyncio.sleep(1.5)
    writer.write(body)
    async with asyncio.timeout(PATIENCE):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()

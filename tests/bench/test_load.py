"""The client of the comparison with the peers: what it times must be the right answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle, repeat

import pytest

from bench.peers.load import Expected, WrongAnswerError, load

REQUEST = b"POST /graphql HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


def answer(body: bytes, status: bytes = b"200 OK", head: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), head, body)


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[int]:
    """The port of a server that gives these answers on each connection, and the last of them ever after."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = 0
        while await reader.read(1_000):
            # In two pieces, as long answers come.
            said = answers[min(asked, len(answers) - 1)]
            writer.write(said[:20])
            await writer.drain()
            writer.write(said[20:])
            asked += 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        yield port


async def test_every_connection_asks_until_the_time_is_over() -> None:
    async with answering(answer(b"right")) as port:
        answered = await load(port, Expected(repeat(REQUEST), b"right"), 3, 0.1)
    assert len(answered.latencies) > 3
    assert answered.seconds >= 0.1
    assert all(0 < each < answered.seconds for each in answered.latencies)


async def test_requests_are_sent_in_turns_whatever_connection_asks() -> None:
    heard = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(1_000):
            heard.append(asked)
            writer.write(answer(b"right"))
        writer.close()

    wanted = [REQUEST.replace(b"/graphql", b"/%d" % number) for number in range(5)]
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        await load(server.sockets[0].getsockname()[1], Expected(cycle(wanted), b"right"), 3, 0.1)
    assert len(heard) > 10
    assert max(map(heard.count, wanted)) - min(map(heard.count, wanted)) <= 3


@pytest.mark.parametrize(
    "later",
    [answer(b"wrong"), answer(b"right and more"), answer(b"right", b"500 Oh"), answer(b"right", head=b"X: no\r\n")],
    ids=["another body", "a longer body", "another status", "another header"],
)
async def test_an_answer_unlike_the_first_ends_the_load(later: bytes) -> None:
    first = answer(b"right", head=b"GraphQL-Executor: levels\r\n")
    async with answering(first, later) as port:
        with pytest.raises(WrongAnswerError):
            await load(port, Expected(repeat(REQUEST), b"right", b"graphql-executor: levels"), 1, 30)


async def test_a_connection_that_is_closed_ends_the_load() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        with pytest.raises((WrongAnswerError, ConnectionError)):
            await load(server.sockets[0].getsockname()[1], Expected(repeat(REQUEST), b"right"), 1, 30)

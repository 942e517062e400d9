"""A client that costs as little as it can: raw sockets, kept alive, each asking anew when it is answered."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

PATIENCE = 60.0
"""Seconds that the last answers may take."""


class WrongAnswerError(Exception):
    """A server answered otherwise under load than when it was checked: {answer}"""

    def __init__(self, answer: bytes) -> None:
        super().__init__(str(self.__doc__).format(answer=answer[:2_000].decode(errors="replace")))


@dataclass(frozen=True, slots=True)
class Expected:
    """What is asked, and the answer that must come each time to the last byte."""

    requests: Iterator[bytes]
    """What is sent, one after another, by whatever connection and in whatever load. It never ends."""
    body: bytes
    header: bytes = b""
    """What the head must hold besides, in lower case."""


@dataclass(slots=True)
class Answered:
    """What a load came to."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds that each answer took."""


class Asking(asyncio.Protocol):
    """One connection, which asks until it is told to stop."""

    def __init__(
        self,
        expected: Expected,
        until: float,
        latencies: list[float],
        ended: "asyncio.Future[None]",
    ) -> None:
        self._expected = expected
        self._requests = expected.requests
        self._until = until
        self._latencies = latencies
        self._ended = ended
        self._received = bytearray()
        self._length = 0
        self._asked = 0.0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._length and not self._read_head():
            return
        if len(self._received) < self._length:
            return
        now = perf_counter()
        self._latencies.append(now - self._asked)
        if len(self._received) != self._length or not self._received.endswith(self._expected.body):
            self._fail()
        elif now < self._until:
            self._ask()
        else:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(exc or WrongAnswerError(b"the connection was closed"))

    def _ask(self) -> None:
        self._received.clear()
        self._length = 0
        self._asked = perf_counter()
        self._transport.write(next(self._requests))

    def _read_head(self) -> bool:
        """Whether the head has come: then the length of the whole answer is known."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._received[:end])
        length = LENGTH.search(head)
        right = head.startswith(b"HTTP/1.1 200") and self._expected.header in head.lower()
        if length is None or not right or int(length[1]) != len(self._expected.body):
            self._fail()
            return False
        self._length = end + 4 + int(length[1])
        return True

    def _fail(self) -> None:
        if not self._ended.done():
            self._ended.set_exception(WrongAnswerError(bytes(self._received)))
        self._transport.abort()

    def _finish(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        self._transport.close()


async def load(port: int, expected: Expected, connections: int, seconds: float) -> Answered:
    """Asks over so many connections for so long. Raises WrongAnswerError, and TimeoutError when no answer comes."""
    loop = asyncio.get_running_loop()
    answered = Answered()
    begun = perf_counter()
    ends = [loop.create_future() for _ in range(connections)]
    for ended in ends:

        def asking(ended: "asyncio.Future[None]" = ended) -> Asking:
            return Asking(expected, begun + seconds, answered.latencies, ended)

        await loop.create_connection(asking, "127.0.0.1", port)
    async with asyncio.timeout(seconds + PATIENCE):
        await asyncio.gather(*ends)
    answered.seconds = perf_counter() - begun
    return answered

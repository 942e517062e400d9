"""One request and its answer, as uvicorn carries them, and what runs those of one connection."""

import asyncio
import re

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveEvent,
    ASGISendEvent,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
)
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

LENGTH = b"content-length"

SEEN_TO = frozenset((b"connection", b"transfer-encoding"))
"""Headers that say how the connection goes on."""

LINE_END = b"\r\n"

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What no header may hold, beside the ends of lines, which are counted."""


class Cycle(RequestResponseCycle):
    """Writes an answer that is given whole at once. uvicorn writes head and body apart, and to write to a socket is
    what takes longest of a small answer. All others are left to uvicorn."""

    _start: HTTPResponseStartEvent | None = None
    """What the answer starts with, while it is not known whether it is given whole."""
    _body: bytes | None = None
    """All that the client has sent, if it came with the head, until somebody receives it."""

    def begin(self, body: bytes) -> None:
        """Of a request that came whole."""
        self._body = body
        self.more_body = False

    async def receive(self) -> ASGIReceiveEvent:
        if self._body is None:
            return await super().receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: ASGISendEvent) -> None:
        start, self._start = self._start, None
        if start is not None:
            if message["type"] == "http.response.body" and self._wrote(start, message):
                return
            await super().send(start)
        elif message["type"] == "http.response.start":
            for name, _ in message.get("headers", ()):
                if name == LENGTH:
                    self._start = message
                    return
        await super().send(message)

    def _wrote(self, start: HTTPResponseStartEvent, end: HTTPResponseBodyEvent) -> bool:
        """Writes the answer, unless there is anything about it, or the connection, that uvicorn has to see to."""
        if (
            end.get("more_body")
            or not self.keep_alive
            or self.disconnected
            or self.flow.write_paused
            or self.scope["method"] == "HEAD"
        ):
            return False
        body = end.get("body", b"")
        lines = [STATUS_LINE[start["status"]]]
        for name, value in (*self.default_headers, *start.get("headers", ())):
            if name in SEEN_TO or (name == LENGTH and value != b"%d" % len(body)):
                return False
            lines.append(b"%b: %b\r\n" % (name, value))
        head = b"".join(lines)
        if CONTROL.search(head) or not head.count(b"\r") == head.count(b"\n") == head.count(LINE_END) == len(lines):
            return False
        self.transport.write(head + LINE_END + body)
        self.response_started = self.response_complete = True
        self._body = None
        self.message_event.set()
        self.on_response()
        return True


class Runner:
    """Runs the requests of one connection one after another in one task: to make a task takes longer than to wake it.

    A task that somebody cancels runs no other request.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, app: ASGI3Application, busy: "set[asyncio.Task[None]]") -> None:
        """The task is among `busy` while it has something to do."""
        self._loop = loop
        self._app = app
        self._busy = busy
        self._task: asyncio.Task[None] | None = None
        self._next: asyncio.Future[RequestResponseCycle] | None = None
        self._over = False

    def run(self, cycle: RequestResponseCycle) -> None:
        waiting = self._next
        if waiting is not None and not waiting.done():
            assert self._task is not None
            waiting.set_result(cycle)
        else:
            self._task = self._loop.create_task(self._run(cycle))
        self._busy.add(self._task)

    def end(self) -> None:
        """Nothing comes any more. What runs goes on."""
        if self._next is not None:
            self._next.cancel()
        self._over = True

    async def _run(self, cycle: RequestResponseCycle) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            while True:
                await cycle.run_asgi(self._app)
                del cycle  # It holds what was asked and answered.
                self._busy.discard(task)
                if self._over or self._task is not task or task.cancelling():
                    return
                self._next = self._loop.create_future()
                cycle = await self._next
        except asyncio.CancelledError:
            return
        finally:
            self._busy.discard(task)

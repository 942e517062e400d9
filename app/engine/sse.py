"""Answers as server-sent events, by the "distinct connections mode" of graphql-sse: one stream for one operation."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from time import time

from graphql import OperationType
from starlette.types import Send

from app.engine.accepting import accepted, names
from app.engine.answers import encoded
from app.engine.errors import ClientError
from app.engine.execution import Answer, Engine, Session
from app.engine.requests import HttpRequest
from app.engine.streams import Streams

EVENT_STREAM = "text/event-stream"

COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
"""With data, though empty: a browser's EventSource passes over an event that has none."""

EXPIRED = ClientError("The token has expired.", "UNAUTHENTICATED", 401)

HOW_TO_SUBSCRIBE = (
    "A subscription is answered as server-sent events, to a request that says `accept: text/event-stream`, "
    "or over a WebSocket of the protocol graphql-transport-ws, at this address."
)


def takes_events(accept: str) -> bool:
    """Whether the client knows event streams. A wildcard is not enough: who says no more expects one answer."""
    return names(accept, EVENT_STREAM) and accepted(accept, (EVENT_STREAM,)) is not None


@dataclass(frozen=True, slots=True)
class Events:
    """Answers on their way to one client."""

    answers: AsyncGenerator[Answer]
    kind: OperationType | None
    """None when nothing runs."""
    session: Session

    async def send(self, request: HttpRequest, send: Send, request_id: str, engine: Engine, streams: Streams) -> None:
        """Until all is said, the client goes, its token expires, or the server goes down.

        Raises ClientError, with nothing sent, when the client has too many streams open.
        """
        with streams.held(self.session.key):
            sending = _Sending(self, send, request_id, engine)
            await send({"type": "http.response.start", "status": 200, "headers": _headers(request_id)})
            await sending.run(request, streams.ending)
        await send({"type": "http.response.body"})


class _Sending:
    def __init__(self, events: Events, send: Send, request_id: str, engine: Engine) -> None:
        self._events = events
        self._send = send
        self._request_id = request_id
        self._engine = engine
        subscribed = events.kind is OperationType.SUBSCRIPTION
        self._until = events.session.expires_at + engine.settings.jwt_leeway if subscribed else float("inf")
        """Queries and mutations end by themselves, soon."""

    async def run(self, request: HttpRequest, ending: asyncio.Event) -> None:
        pump = asyncio.create_task(self._pump())
        others = {asyncio.create_task(request.until_gone()), asyncio.create_task(_until_set(ending))}
        try:
            expired = await self._beat({pump, *others})
            if self._events.kind is OperationType.MUTATION:
                # It is done whole or not at all, and never ends because somebody hung up.
                await asyncio.wait({pump})
            elif expired:
                await _ended({pump})
                with suppress(_StalledError):
                    await self._write(_next({"errors": [EXPIRED.formatted()]}) + COMPLETE)
        finally:
            await _ended({pump, *others})

    async def _beat(self, tasks: set["asyncio.Task[None]"]) -> bool:
        """Comments, until one of the tasks ends. True when the token did before."""
        try:
            while True:
                await self._write(COMMENT)
                wait = min(self._engine.settings.heartbeat, self._until - time())
                done, _ = await asyncio.wait(tasks, timeout=max(wait, 0), return_when=asyncio.FIRST_COMPLETED)
                if done or time() >= self._until:
                    return not done
        except _StalledError:
            return False

    async def _pump(self) -> None:
        with suppress(_StalledError):
            try:
                async with aclosing(self._events.answers) as answers:
                    async for answer in answers:
                        await self._write(_next(answer))
            except _StalledError:
                raise
            except Exception as error:
                await self._write(_next({"errors": self._engine.masking.told(error, self._request_id)}))
            await self._write(COMPLETE)

    async def _write(self, text: bytes) -> None:
        """Raises _StalledError when the client does not read what it was sent."""
        try:
            async with asyncio.timeout(self._engine.settings.send_timeout):
                await self._send({"type": "http.response.body", "body": text, "more_body": True})
        except OSError:
            # Time is up, or a server that is not uvicorn says that the client is gone.
            raise _StalledError from None


class _StalledError(Exception):
    """The client leaves too much unread for too long."""


async def one(answering: Callable[[], Awaitable[Answer]]) -> AsyncGenerator[Answer]:
    """The answers of what has a single one."""
    yield await answering()


async def said(errors: list[dict[str, object]]) -> AsyncGenerator[Answer]:
    """The answer to what does not run."""
    yield {"errors": errors}


def _next(answer: Answer) -> bytes:
    return b"event: next\ndata: " + encoded(answer) + b"\n\n"


def _headers(request_id: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept, Authorization"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode()),
    ]


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()


async def _ended(tasks: Iterable["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

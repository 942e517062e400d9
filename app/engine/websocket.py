"""GraphQL over WebSockets, by the protocol graphql-transport-ws: decision 16 has what it leaves open."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack, aclosing, suppress
from time import time
from typing import Any
from uuid import uuid4

from graphql import OperationType
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from app.engine.answers import encoded
from app.engine.errors import ClientError
from app.engine.execution import Admitted, Answer, Engine, Session
from app.engine.messages import ClosingError, Code, Complete, Init, Message, Ping, Pong, Subscribe, parsed
from app.engine.origins import permitted
from app.engine.requests import GraphQLRequest
from app.engine.streams import Streams

PROTOCOL = "graphql-transport-ws"

LONGEST_WAIT = 3600.0
"""Seconds after which the clock is looked at again, however far away the end of a token is."""

Authenticate = Callable[[str | None], Awaitable[Session]]


class WebSocketApp:
    """Answers GraphQL over WebSockets at one path."""

    def __init__(self, engine: Engine, authenticate: Authenticate, streams: Streams) -> None:
        self._engine = engine
        self._authenticate = authenticate
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        headers = Headers(scope=scope)
        try:
            if not permitted(headers, self._engine.settings.allowed_origins):
                await send({"type": "websocket.close"})
            elif PROTOCOL not in scope["subprotocols"]:
                await send({"type": "websocket.accept"})
                await send(_close(ClosingError(Code.SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")))
            else:
                await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
                authorization = headers.get("authorization")
                await _Socket(self._engine, self._authenticate, self._streams, authorization, receive, send).serve()
        except OSError:
            return


class _GoneError(Exception):
    """Nobody is there to send to, or nobody who reads."""


class _Socket:
    """One client's socket and what it has running. Created where it is served."""

    def __init__(
        self,
        engine: Engine,
        authenticate: Authenticate,
        streams: Streams,
        authorization: str | None,
        receive: Receive,
        send: Send,
    ) -> None:
        self._engine = engine
        self._settings = engine.settings
        self._authenticate = authenticate
        self._streams = streams
        self._authorization = authorization
        self._receive = receive
        self._asgi_send = send
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[ClosingError | None] = self._loop.create_future()
        self._place = ExitStack()
        self._asked_in = False
        self._session: Session | None = None
        self._heard = True
        self._operations: dict[str, asyncio.Task[None]] = {}
        """Those that the client listens to, by its ids."""
        self._running: set[asyncio.Task[None]] = set()
        """All that have not ended yet."""
        self._changing: set[asyncio.Task[None]] = set()
        """The mutations among them. They are done whole or not at all, so nothing the client does cancels them."""
        self._own: set[asyncio.Task[None]] = set()
        self._deadline = self._loop.call_later(
            self._settings.socket_init_timeout,
            self._end,
            ClosingError(Code.INIT_TIMEOUT, "Connection initialisation timeout"),
        )

    async def serve(self) -> None:
        """Until the socket is closed and all that ran on it has ended."""
        self._own.add(asyncio.create_task(self._listen()))
        try:
            closing = await self._over
            self._operations.clear()
            _cancel(self._own | self._running - self._changing)
            if closing is not None:
                await self._close(closing)
            if self._running:
                await asyncio.wait(self._running)
        finally:
            self._deadline.cancel()
            tasks = self._own | self._running
            _cancel(tasks)
            await asyncio.gather(*tasks, return_exceptions=True)
            self._place.close()

    def _end(self, closing: ClosingError | None) -> None:
        """Ends the socket, with a close frame or, when there is nobody to read it, without. The first word counts."""
        if not self._over.done():
            self._over.set_result(closing)

    async def _listen(self) -> None:
        try:
            while (event := await self._receive())["type"] == "websocket.receive":
                self._heard = True
                await self._take(parsed(dict(event), self._settings.max_body_bytes))
                # Many messages may have come at once, and others want to be served too.
                await asyncio.sleep(0)
            self._end(None)
        except ClosingError as closing:
            self._end(closing)
        except _GoneError:
            self._end(None)
        except Exception as error:
            told = self._engine.masking.masked(error, str(uuid4()))
            self._end(ClosingError(Code.TRY_AGAIN_LATER, told["message"]))

    async def _take(self, message: Message) -> None:
        match message:
            case Init():
                await self._init(message)
            case Ping(payload):
                await self._send({"type": "pong", **({"payload": payload} if payload else {})})
            case Pong():
                pass
            case Subscribe(name, asked):
                await self._subscribe(name, asked)
            case Complete(name):
                task = self._operations.pop(name, None)
                if task is not None and task not in self._changing:
                    task.cancel()

    async def _init(self, init: Init) -> None:
        if self._asked_in:
            raise ClosingError(Code.TOO_MANY_INITS, "Too many initialisation requests")
        self._asked_in = True
        self._deadline.cancel()
        try:
            session = await self._authenticate(init.authorization() or self._authorization)
            self._place.enter_context(self._streams.held(session.key))
        except ClientError as error:
            if error.status in (401, 403):
                raise ClosingError(Code.FORBIDDEN, f"Forbidden: {error}") from None
            raise ClosingError(Code.TRY_AGAIN_LATER, str(error)) from None
        self._session = session
        await self._send({"type": "connection_ack"})
        self._own |= {asyncio.create_task(self._expire(session)), asyncio.create_task(self._beat())}

    async def _expire(self, session: Session) -> None:
        """Ends the socket when its token does. Stock clients connect again, with a new one if they have it."""
        until = session.expires_at + self._settings.jwt_leeway
        while True:
            if time() >= until:
                break
            await asyncio.sleep(min(until - time(), LONGEST_WAIT))
        self._end(ClosingError(Code.FORBIDDEN, "Forbidden: The token has expired."))

    async def _beat(self) -> None:
        """Pings, and ends the socket when nothing at all has come since the last ping."""
        try:
            while True:
                await asyncio.sleep(self._settings.heartbeat)
                if not self._heard:
                    break
                self._heard = False
                await self._send({"type": "ping"})
        except _GoneError:
            return
        self._end(ClosingError(Code.TERMINATED, "Terminated: No answer to a ping."))

    async def _subscribe(self, name: str, asked: GraphQLRequest) -> None:
        if self._session is None:
            raise ClosingError(Code.UNAUTHORIZED, "Unauthorized")
        if name in self._operations:
            raise ClosingError(Code.SUBSCRIBER_EXISTS, f"Subscriber for {name} already exists")
        most = self._settings.max_socket_operations
        if len(self._running) >= most:
            message = f"This socket runs {most} operations already. Complete one first."
            refusal = ClientError(message, "TOO_MANY_OPERATIONS", 429, limit=most)
            await self._send({"id": name, "type": "error", "payload": [refusal.formatted()]})
            return
        task = asyncio.create_task(self._run(name, asked, self._session))
        self._operations[name] = task
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._changing.discard(task)

    async def _run(self, name: str, asked: GraphQLRequest, session: Session) -> None:
        """One operation. Whatever goes wrong with it is told under its id, and concerns no other."""
        request_id = str(uuid4())
        try:
            admitted = await self._engine.admit(asked, session)
            # A subscription would keep all that came with it for as long as it lasts.
            del asked
            await self._answer(name, admitted, session, request_id)
        except _GoneError:
            return
        except Exception as error:
            errors = self._engine.masking.told(error, request_id)
            with suppress(_GoneError):
                await self._tell_last(name, "error", errors)

    async def _answer(self, name: str, admitted: Admitted, session: Session, request_id: str) -> None:
        if admitted.operation.kind is OperationType.SUBSCRIPTION:
            async with aclosing(self._engine.follow(admitted, session, request_id)) as answers:
                async for answer in answers:
                    if not await self._tell(name, answer):
                        return
        else:
            if admitted.operation.kind is OperationType.MUTATION:
                self._changing.add(_current())
            if not await self._tell(name, await self._engine.answer(admitted, session, request_id)):
                return
        await self._tell_last(name, "complete")

    async def _tell(self, name: str, answer: Answer) -> bool:
        """Sends an answer to a client that still listens. False when it is the last, because nothing ran."""
        if "data" not in answer:
            await self._tell_last(name, "error", answer["errors"])
            return False
        if self._operations.get(name) is _current():
            await self._send({"id": name, "type": "next", "payload": answer})
        return True

    async def _tell_last(self, name: str, kind: str, payload: Any = None) -> None:
        """Frees the id before the client can know that it is free."""
        if self._operations.get(name) is _current():
            del self._operations[name]
            await self._send({"id": name, "type": kind, **({"payload": payload} if payload is not None else {})})

    async def _send(self, message: dict[str, Any]) -> None:
        """Raises _GoneError, and ends the socket, when the client is gone or leaves too much unread for too long."""
        try:
            async with asyncio.timeout(self._settings.send_timeout):
                await self._asgi_send({"type": "websocket.send", "text": encoded(message).decode()})
        except (OSError, RuntimeError):
            # uvicorn says RuntimeError when it has closed the socket on its own account.
            self._end(None)
            raise _GoneError from None

    async def _close(self, closing: ClosingError) -> None:
        with suppress(OSError, RuntimeError):
            async with asyncio.timeout(self._settings.send_timeout):
                await self._asgi_send(_close(closing))


def _close(closing: ClosingError) -> dict[str, Any]:
    return {"type": "websocket.close", "code": int(closing.code), "reason": closing.reason}


def _cancel(tasks: Iterable["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()


def _current() -> "asyncio.Task[None]":
    task = asyncio.current_task()
    assert task is not None
    return task

"""Tells observers what becomes of each operation, and of each request or socket that carries them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, MutableMapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from time import perf_counter
from typing import Any, Literal

import structlog
from graphql import GraphQLSchema
from starlette.types import ASGIApp, Receive, Scope, Send

from app.engine.deadline import GoneError
from app.engine.documents import DocumentUse
from app.engine.errors import ClientError, Explain, RefusedDocumentError
from app.engine.execution import Admitted, Answer, Engine, Gone, Session
from app.engine.leaving import excuse
from app.engine.requests import GraphQLRequest
from app.settings import Settings

log = structlog.get_logger(__name__)

LONGEST_NAME = 64
"""Characters that are kept of what a client calls itself or its operation."""

Transport = Literal["http", "sse", "websocket"]

Hook = Callable[..., None]
"""What is called of an observer."""


@dataclass(slots=True)
class Exchange:
    """One HTTP request or one socket. It holds the operations that are asked for by it."""

    transport: Transport = "http"
    headers: Sequence[tuple[bytes, bytes]] = ()
    request_id: str | None = None
    is_socket: bool = False
    told: bool = False
    """Whether observers have heard of an operation, so that they need not hear of the request alone."""

    def header(self, *names: bytes, most: int = LONGEST_NAME) -> str | None:
        """The first of these headers that was sent, cut to so many characters."""
        return next((value[:most].decode("latin-1") for key, value in self.headers if key in names), None)

    @property
    def client_name(self) -> str | None:
        return self.header(b"apollographql-client-name", b"graphql-client-name")

    @property
    def client_version(self) -> str | None:
        return self.header(b"apollographql-client-version", b"graphql-client-version")


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_exchange() -> Exchange | None:
    """The request or socket that is being served, if any."""
    return _current.get()


def current_request_id() -> str | None:
    """What the operation that runs is called in the log, if one runs. Operations of one socket have one each."""
    return _request_id.get()


def identify(request_id: str) -> None:
    """Says which request this is, for what is observed and logged of it from here on."""
    exchange = _current.get()
    if exchange is not None:
        exchange.request_id = request_id


class Observed:
    """An operation that was let in. What came of it is known once it has ended."""

    trace_id: str | None = None
    outcome: Literal["answered", "failed", "cancelled"] = "answered"
    codes: Sequence[str] = ()
    """The codes of the errors that the client was told, each once."""
    executor: str = ""
    """What ran it: `levels`, or `graphql-core` and why."""
    events: int = 0
    """Answers that a subscription gave."""
    seconds: float = 0.0

    def __init__(
        self,
        name: str | None,
        kind: str,
        cost: float,
        deprecated: Sequence[str],
        session: Session,
        request_id: str,
        exchange: Exchange,
        transport: Transport,
    ) -> None:
        """Of a kind `query`, `mutation` or `subscription`; deprecated parts of the schema that its document uses are
        named Type.field."""
        self.name = name
        self.kind = kind
        self.cost = cost
        self.deprecated = deprecated
        self.session = session
        self.request_id = request_id
        self.exchange = exchange
        self.transport = transport

    @cached_property
    def notes(self) -> dict[Any, Any]:
        """Whatever an observer needs to find again when the operation ends."""
        return {}


class Observer:
    """Somebody who is told. Nothing that an observer does may take long or wait; what it raises is logged."""

    def opened(self, exchange: Exchange) -> None:
        """A request came in or a socket was opened."""

    def begun(self, operation: Observed) -> None:
        """An operation begins."""

    def ended(self, operation: Observed) -> None:
        """It has ended, and was answered, failed as a whole or was cancelled."""

    def refused(self, exchange: Exchange, codes: Sequence[str], session: Session | None) -> None:
        """Something that was asked for was not begun. Who asked is not always known."""

    def closed(self, exchange: Exchange, status: int | None) -> None:
        """The request was answered with this HTTP status, or the socket is closed."""


class ObservedEngine(Engine):
    """An engine that tells observers of its operations, whatever view they came through."""

    def __init__(
        self, schema: GraphQLSchema, settings: Settings, explain: Explain, observers: Sequence[Observer], **more: Any
    ) -> None:
        super().__init__(schema, settings, explain, **more)
        self._begun = hooks(observers, "begun")
        self._ended = hooks(observers, "ended")
        self._refused = hooks(observers, "refused")

    async def admit(self, asked: GraphQLRequest, session: Session, *, only_validate: bool = False) -> Admitted:
        try:
            return await super().admit(asked, session, only_validate=only_validate)
        except (ClientError, RefusedDocumentError) as error:
            exchange = _current.get() or Exchange()
            exchange.told = True
            codes = _codes_of_refusal(error)
            tell(self._refused, exchange, codes, session)
            raise

    async def answer(self, admitted: Admitted, session: Session, request_id: str, gone: Gone | None = None) -> Answer:
        token = _request_id.set(request_id)
        try:
            with self._observing(admitted, session, request_id) as observed:
                answer = await super().answer(admitted, session, request_id, gone)
                observed.executor = admitted.executor
                if "errors" in answer:
                    observed.codes = _codes(answer)
                return answer
        finally:
            _request_id.reset(token)

    async def follow(self, admitted: Admitted, session: Session, request_id: str) -> AsyncGenerator[Answer]:
        with self._observing(admitted, session, request_id) as observed:
            async with aclosing(super().follow(admitted, session, request_id)) as answers:
                async for answer in answers:
                    observed.events += 1
                    if "errors" in answer:
                        observed.codes = tuple(dict.fromkeys((*observed.codes, *_codes(answer))))
                    yield answer

    def document_use(self) -> DocumentUse:
        return self._documents.use()

    def _observing(self, admitted: Admitted, session: Session, request_id: str) -> "_Observing":
        return _Observing(_observed(admitted, session, request_id), self._begun, self._ended)


class _Observing:
    """Tells when an operation begins, and when it ends and how."""

    __slots__ = ("_begun", "_begun_at", "_ended", "_observed")

    def __init__(self, observed: Observed, begun: Sequence[Hook], ended: Sequence[Hook]) -> None:
        self._observed = observed
        self._begun = begun
        self._ended = ended
        self._begun_at = 0.0

    def __enter__(self) -> Observed:
        tell(self._begun, self._observed)
        self._begun_at = perf_counter()
        return self._observed

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        observed = self._observed
        if isinstance(error, asyncio.CancelledError | GeneratorExit | GoneError):
            observed.outcome = "cancelled"
        elif error is not None:
            observed.outcome = "failed"
            observed.codes = (error.code if isinstance(error, ClientError) else "INTERNAL_SERVER_ERROR",)
        observed.seconds = perf_counter() - self._begun_at
        tell(self._ended, observed)


class ObservedApp:
    """Tells observers of each request and socket. Once `leaving` says so, it asks kept-alive clients to leave, and
    answers those whose request is cancelled."""

    def __init__(self, app: ASGIApp, observers: Sequence[Observer], leaving: Callable[[], bool]) -> None:
        self._app = app
        self._leaving = leaving
        self._opened = hooks(observers, "opened")
        self._refused = hooks(observers, "refused")
        self._closed = hooks(observers, "closed")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        is_socket = scope["type"] == "websocket"
        exchange = Exchange("websocket" if is_socket else "http", scope["headers"], is_socket=is_socket)
        status: int | None = None

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._leaving():
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        token = _current.set(exchange)
        tell(self._opened, exchange)
        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            if not self._leaving():
                raise
            if status is None and not is_socket:
                await excuse(sending)
        finally:
            _current.reset(token)
            if status is not None and status >= 400 and not exchange.told:
                code = HTTPStatus(status).name
                tell(self._refused, exchange, (code,), None)
            tell(self._closed, exchange, status)


def hooks(observers: Sequence[Observer], name: str) -> list[Hook]:
    """What is to be called of those observers who want to hear of this."""
    return [getattr(each, name) for each in observers if getattr(type(each), name) is not getattr(Observer, name)]


def tell(told: Sequence[Hook], *what: Any) -> None:
    """Tells all, so that none keeps the others from hearing or an operation from being answered."""
    for hook in told:
        try:
            hook(*what)
        except Exception:
            log.exception("observer failed", observer=getattr(hook, "__qualname__", str(hook)))


def _observed(admitted: Admitted, session: Session, request_id: str) -> Observed:
    operation = admitted.operation
    exchange = _current.get() or Exchange()
    exchange.told = True
    kind = operation.kind.value
    # Nothing else can carry a subscription over HTTP.
    transport: Transport = "sse" if kind == "subscription" and exchange.transport == "http" else exchange.transport
    return Observed(
        operation.name and operation.name[:LONGEST_NAME],
        kind,
        admitted.cost,
        admitted.document.deprecated,
        session,
        request_id,
        exchange,
        transport,
    )


def _codes(answer: Answer) -> tuple[str, ...]:
    return tuple(dict.fromkeys(error["extensions"]["code"] for error in answer["errors"]))


def _codes_of_refusal(error: ClientError | RefusedDocumentError) -> tuple[str, ...]:
    return (error.code,) if isinstance(error, ClientError) else _codes({"errors": error.formatted()})

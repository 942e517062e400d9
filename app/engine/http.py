"""GraphQL over HTTP: POST with a JSON body, GET for queries."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from graphql import OperationType
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from uuid_utils import uuid4

from app.engine.accepting import accepted, names
from app.engine.answers import encoded
from app.engine.errors import ClientError, RefusedDocumentError, bad_request
from app.engine.execution import Answer, Engine, Session
from app.engine.observing import identify
from app.engine.requests import JSON, HttpRequest, read, until_gone
from app.engine.sse import EVENT_STREAM, HOW_TO_SUBSCRIBE, Events, one, said, takes_events
from app.engine.streams import Streams

GRAPHQL_JSON = "application/graphql-response+json"

OFFERED = (JSON, GRAPHQL_JSON)
OFFERED_TO_KNOWING = (GRAPHQL_JSON, JSON)
"""To a client that names the media type of GraphQL beside others."""

METHODS = "GET, POST"

MOST_HEADER_BYTES = 32_768
"""Of names and values together: headers are read before anybody knows who sends them."""

CONTENT_TYPES = {media_type: f"{media_type}; charset=utf-8".encode() for media_type in OFFERED}

ALWAYS_SENT = (
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept, Authorization"),
    (b"x-content-type-options", b"nosniff"),
)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

COST = b"graphql-cost"
"""The header with which a client asks for the cost: `report` beside the answer, or `validate` instead of running."""

EXECUTOR = "GraphQL-Executor"
"""The header that says what ran a query: `levels`, or `graphql-core` and why."""

PATIENCE = 0.05
"""Seconds before anybody looks whether the client is still there."""

Authenticate = Callable[[str | None], Awaitable[Session]]
"""Who sends this Authorization header. Raises ClientError: before it, nothing of a request is looked at."""

Reply = tuple[Answer, int, Mapping[str, str]]


class GraphQLApp:
    """Answers GraphQL requests at one path."""

    def __init__(self, engine: Engine, authenticate: Authenticate, streams: Streams | None = None) -> None:
        self._engine = engine
        self._authenticate = authenticate
        self._streams = streams or Streams(engine.settings.max_streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        request_id = _request_id(request)
        identify(request_id)
        media_type: str | None = JSON
        try:
            accept = _accept(request)
            media_type = accepted(accept, OFFERED_TO_KNOWING if names(accept, GRAPHQL_JSON) else OFFERED)
            reply = await self._reply(request, request_id, media_type, accept)
            if isinstance(reply, Events):
                await reply.send(request, send, request_id, self._engine, self._streams)
                return
            answer, status, headers = reply
        except ClientDisconnect:
            return
        except ClientError as error:
            answer, status, headers = {"errors": [error.formatted()]}, error.status, error.headers
        except Exception as error:
            answer, status, headers = {"errors": [self._engine.masking.masked(error, request_id)]}, 500, {}
        await _send(send, answer, status, media_type or JSON, {"x-request-id": request_id, **headers})

    async def _reply(
        self, request: HttpRequest, request_id: str, media_type: str | None, accept: str
    ) -> Reply | Events:
        if request.method not in ("GET", "POST"):
            raise bad_request("Send GraphQL by POST.", "METHOD_NOT_ALLOWED", 405, Allow=METHODS)
        session = await self._authenticate(request.header(b"authorization") or None)
        if media_type is None and not takes_events(accept):
            raise bad_request(f"Answers are {GRAPHQL_JSON}, {JSON} or {EVENT_STREAM}.", "NOT_ACCEPTABLE", 406)
        settings = self._engine.settings
        asked = await read(request, settings.max_body_bytes, settings.keep_alive)
        wanted = _wanted_of_cost(request)
        # Who asks for plain JSON by name gets 200 for all that is a GraphQL request, by the GraphQL-over-HTTP draft.
        refused = 200 if media_type == JSON and names(accept, JSON) else 400
        try:
            admitted = await self._engine.admit(asked, session, only_validate=wanted == "validate")
        except (RefusedDocumentError, ClientError) as error:
            if media_type is None:
                # To a client of event streams a failed request is a failed connection, which it may try for ever.
                return Events(said(self._engine.masking.told(error, request_id)), None, session)
            if isinstance(error, ClientError):
                raise
            return {"errors": error.formatted()}, refused, {}
        kind = admitted.operation.kind
        if request.method == "GET" and kind is OperationType.MUTATION:
            raise bad_request("GET is for queries. Send mutations by POST.", "METHOD_NOT_ALLOWED", 405, Allow="POST")
        if wanted == "validate":
            return {"extensions": {"cost": admitted.cost}}, 200, {}
        if kind is OperationType.SUBSCRIPTION:
            if not takes_events(accept):
                raise bad_request(HOW_TO_SUBSCRIBE, "NOT_ACCEPTABLE", 406)
            return Events(self._engine.follow(admitted, session, request_id), kind, session)
        if media_type is None:
            return Events(one(partial(self._engine.answer, admitted, session, request_id)), kind, session)
        answering = self._engine.answer(admitted, session, request_id)
        # A mutation goes on without its client: it is done whole or not at all, and never because somebody hung up.
        answer = await (_while_there(request, answering) if kind is OperationType.QUERY else answering)
        headers = {EXECUTOR: admitted.executor}
        if wanted == "report":
            answer["extensions"] = {**answer.get("extensions", {}), "cost": admitted.cost}
        return answer, 200 if "data" in answer else refused, headers


async def _while_there(request: HttpRequest, answering: Awaitable[Answer]) -> Answer:
    """The answer, unless the client goes first: then work on it is cancelled. Raises ClientDisconnect."""
    watch = _Watch(request)
    try:
        return await answering
    except asyncio.CancelledError:
        if watch.gone and watch.working.uncancel() == 0:
            raise ClientDisconnect from None
        raise
    finally:
        watch.end()


class _Watch:
    """Cancels the current task once its client has gone. It begins to look after a moment: most answers are sooner."""

    __slots__ = ("_later", "_looking", "_request", "gone", "working")

    def __init__(self, request: HttpRequest) -> None:
        working = asyncio.current_task()
        assert working is not None
        self.working = working
        self.gone = False
        self._request = request
        self._looking: asyncio.Task[None] | None = None
        self._later = working.get_loop().call_later(PATIENCE, self._begin)

    def end(self) -> None:
        self._later.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _begin(self) -> None:
        self._looking = self.working.get_loop().create_task(self._look())

    async def _look(self) -> None:
        await until_gone(self._request)
        self.gone = True
        self.working.cancel()


async def _send(send: Send, answer: Answer, status: int, media_type: str, headers: Mapping[str, str]) -> None:
    body = encoded(answer)
    raw = [(b"content-type", CONTENT_TYPES[media_type]), (b"content-length", b"%d" % len(body)), *ALWAYS_SENT]
    raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _wanted_of_cost(request: HttpRequest) -> str:
    """`report`, `validate`, or nothing. Raises ClientError: who misspells the latter must not find that it ran."""
    wanted = request.header(COST).strip().lower()
    if wanted not in ("", "report", "validate"):
        raise bad_request("GraphQL-Cost is `report` or `validate`.")
    return wanted


def _accept(request: HttpRequest) -> str:
    """The Accept header, or all of them as one. Raises ClientError when there is too much of headers."""
    if request.header_bytes > MOST_HEADER_BYTES:
        text = f"The headers of a request have at most {MOST_HEADER_BYTES} bytes."
        raise bad_request(text, "REQUEST_HEADER_FIELDS_TOO_LARGE", 431)
    return request.header(b"accept")


def _request_id(request: HttpRequest) -> str:
    """The client's own, so that it finds its request in our log, or a new one."""
    given = request.header(b"x-request-id")
    return given if given and REQUEST_ID.fullmatch(given) else str(uuid4())

"""GraphQL over HTTP: POST with a JSON body, GET for queries."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import time

from graphql import OperationType
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from uuid_utils import uuid4

from app.engine.accepting import accepted, names
from app.engine.answers import encoded
from app.engine.bodies import KnownBodies
from app.engine.deadline import GoneError
from app.engine.errors import ClientError, RefusedDocumentError, bad_request
from app.engine.execution import Answer, Engine, Session
from app.engine.observing import identify
from app.engine.requests import JSON, Head, HttpRequest, demand_readable, from_body, from_query_string, read_body
from app.engine.sse import EVENT_STREAM, HOW_TO_SUBSCRIBE, Events, one, said, takes_events
from app.engine.streams import Streams

GRAPHQL_JSON = "application/graphql-response+json"

OFFERED = (JSON, GRAPHQL_JSON)
OFFERED_TO_KNOWING = (GRAPHQL_JSON, JSON)
"""To a client that names the media type of GraphQL beside others."""

METHODS = "GET, POST"

MOST_HEADER_BYTES = 32_768
"""Of names and values together: headers are read before anybody knows who sends them."""

CONTENT_TYPES = {media_type: (b"content-type", f"{media_type}; charset=utf-8".encode()) for media_type in OFFERED}

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

Authenticate = Callable[[str | None], Awaitable[Session]]
"""Who sends this Authorization header. Raises ClientError: before it, nothing of a request is looked at."""

Reply = tuple[Answer, int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the head of a request says of how it is answered, once everything in it was found right."""

    session: Session
    media_type: str | None
    """None for who takes nothing but events."""
    takes_events: bool
    wanted: str
    """Of the cost: `report`, `validate` or nothing."""
    refused: int
    """The status of a request whose document is refused."""


class GraphQLApp:
    """Answers GraphQL requests at one path."""

    def __init__(self, engine: Engine, authenticate: Authenticate, streams: Streams | None = None) -> None:
        self._engine = engine
        self._authenticate = authenticate
        self._streams = streams or Streams(engine.settings.max_streams)
        self._bodies = KnownBodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        head = request.head
        request_id = _request_id(head)
        identify(request_id)
        media_type: str | None = JSON
        try:
            terms: Terms | None = head.terms
            if terms is None or terms.session.known_until <= time():
                accept = _accept(head)
                media_type = accepted(accept, OFFERED_TO_KNOWING if names(accept, GRAPHQL_JSON) else OFFERED)
                terms = head.terms = await self._terms(head, accept, media_type)
            media_type = terms.media_type
            reply = await self._reply(request, request_id, terms)
            if isinstance(reply, Events):
                await reply.send(request, send, request_id, self._engine, self._streams)
                return
            answer, status, headers = reply
        except (ClientDisconnect, GoneError):
            return
        except ClientError as error:
            answer, status, headers = {"errors": [error.formatted()]}, error.status, error.headers
        except Exception as error:
            answer, status, headers = {"errors": [self._engine.masking.masked(error, request_id)]}, 500, {}
        body = encoded(answer)
        raw = _headers(len(body), media_type or JSON, request_id, headers)
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def _terms(self, head: Head, accept: str, media_type: str | None) -> Terms:
        """Raises ClientError."""
        if head.method not in ("GET", "POST"):
            raise bad_request("Send GraphQL by POST.", "METHOD_NOT_ALLOWED", 405, Allow=METHODS)
        session = await self._authenticate(head.header(b"authorization") or None)
        events = takes_events(accept)
        if media_type is None and not events:
            raise bad_request(f"Answers are {GRAPHQL_JSON}, {JSON} or {EVENT_STREAM}.", "NOT_ACCEPTABLE", 406)
        demand_readable(head)
        # Who asks for plain JSON by name gets 200 for all that is a GraphQL request, by the GraphQL-over-HTTP draft.
        refused = 200 if media_type == JSON and names(accept, JSON) else 400
        return Terms(session, media_type, events, _wanted_of_cost(head), refused)

    async def _reply(self, request: HttpRequest, request_id: str, terms: Terms) -> Reply | Events:
        engine, session = self._engine, terms.session
        body = known = None
        if request.head.method == "GET":
            asked = from_query_string(request.head)
        else:
            body = await read_body(request, engine.settings.max_body_bytes, engine.settings.keep_alive)
            known = self._bodies.get(body)
            asked = known or from_body(body)
        try:
            admitted = await engine.admit(asked, session, only_validate=terms.wanted == "validate")
        except (RefusedDocumentError, ClientError) as error:
            if terms.media_type is None:
                # To a client of event streams a failed request is a failed connection, which it may try for ever.
                return Events(said(engine.masking.told(error, request_id)), None, session)
            if isinstance(error, ClientError):
                raise
            return {"errors": error.formatted()}, terms.refused, {}
        kind = admitted.operation.kind
        if kind is OperationType.MUTATION and request.head.method == "GET":
            raise bad_request("GET is for queries. Send mutations by POST.", "METHOD_NOT_ALLOWED", 405, Allow="POST")
        if terms.wanted == "validate":
            return {"extensions": {"cost": admitted.told_cost()}}, 200, {}
        if kind is OperationType.SUBSCRIPTION:
            if not terms.takes_events:
                raise bad_request(HOW_TO_SUBSCRIBE, "NOT_ACCEPTABLE", 406)
            return Events(engine.follow(admitted, session, request_id), kind, session)
        if terms.media_type is None:
            return Events(one(partial(engine.answer, admitted, session, request_id)), kind, session)
        if body is not None and kind is OperationType.QUERY:
            admitted.given.is_kept = known is not None or self._bodies.notice(body, asked)
        answer = await engine.answer(admitted, session, request_id, request.until_gone)
        if terms.wanted == "report":
            answer["extensions"] = {**answer.get("extensions", {}), "cost": admitted.told_cost()}
        return answer, 200 if "data" in answer else terms.refused, {EXECUTOR: admitted.executor}


def _headers(length: int, media_type: str, request_id: str, more: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    known = [CONTENT_TYPES[media_type], (b"content-length", b"%d" % length), *ALWAYS_SENT]
    known.append((b"x-request-id", request_id.encode()))
    for name, value in more.items():
        known.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    return known


def _wanted_of_cost(head: Head) -> str:
    """`report`, `validate`, or nothing. Raises ClientError: who misspells the latter must not find that it ran."""
    wanted = head.header(COST).strip().lower()
    if wanted not in ("", "report", "validate"):
        raise bad_request("GraphQL-Cost is `report` or `validate`.")
    return wanted


def _accept(head: Head) -> str:
    """The Accept header, or all of them as one. Raises ClientError when there is too much of headers."""
    if head.size > MOST_HEADER_BYTES:
        text = f"The headers of a request have at most {MOST_HEADER_BYTES} bytes."
        raise bad_request(text, "REQUEST_HEADER_FIELDS_TOO_LARGE", 431)
    return head.header(b"accept")


def _request_id(head: Head) -> str:
    """The client's own, so that it finds its request in our log, or a new one."""
    given = head.header(b"x-request-id")
    return given if given and REQUEST_ID.fullmatch(given) else str(uuid4())

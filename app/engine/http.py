"""GraphQL over HTTP: POST with a JSON body, GET for queries."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

import orjson
from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from app.engine.accepting import accepted, names
from app.engine.errors import ClientError, RefusedDocumentError, bad_request
from app.engine.execution import Answer, Engine, Session
from app.engine.observing import identify
from app.engine.requests import JSON, read

GRAPHQL_JSON = "application/graphql-response+json"

OFFERED = (JSON, GRAPHQL_JSON)
OFFERED_TO_KNOWING = (GRAPHQL_JSON, JSON)
"""To a client that names the media type of GraphQL beside others."""

METHODS = "GET, POST"

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

PATIENCE = 0.05
"""Seconds before anybody looks whether the client is still there."""

Authenticate = Callable[[str | None], Awaitable[Session]]
"""Who sends this Authorization header. Raises ClientError: before it, nothing of a request is looked at."""

Reply = tuple[Answer, int, Mapping[str, str]]


class GraphQLApp:
    """Answers GraphQL requests at one path."""

    def __init__(self, engine: Engine, authenticate: Authenticate) -> None:
        self._engine = engine
        self._authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request_id = _request_id(request)
        identify(request_id)
        accept = request.headers.get("accept", "")
        media_type = accepted(accept, OFFERED_TO_KNOWING if GRAPHQL_JSON in accept else OFFERED)
        try:
            answer, status, headers = await self._reply(request, request_id, media_type)
        except ClientDisconnect:
            return
        except ClientError as error:
            answer, status, headers = {"errors": [error.formatted()]}, error.status, error.headers
        except Exception as error:
            answer, status, headers = {"errors": [self._engine.masking.masked(error, request_id)]}, 500, {}
        await _send(send, answer, status, media_type or JSON, {"x-request-id": request_id, **headers})

    async def _reply(self, request: Request, request_id: str, media_type: str | None) -> Reply:
        if request.method not in ("GET", "POST"):
            raise bad_request("Send GraphQL by POST.", "METHOD_NOT_ALLOWED", 405, Allow=METHODS)
        session = await self._authenticate(request.headers.get("authorization"))
        if media_type is None:
            raise bad_request(f"Answers are {GRAPHQL_JSON} or {JSON}.", "NOT_ACCEPTABLE", 406)
        asked = await read(request, self._engine.settings.max_body_bytes)
        # Who asks for plain JSON by name gets 200 for all that is a GraphQL request, by the GraphQL-over-HTTP draft.
        refused = 200 if media_type == JSON and names(request.headers.get("accept", ""), JSON) else 400
        try:
            admitted = await self._engine.admit(asked, session)
        except RefusedDocumentError as error:
            return {"errors": error.formatted()}, refused, {}
        kind = admitted.operation.kind
        if kind is OperationType.SUBSCRIPTION:
            raise bad_request("Subscriptions are not served here.")
        if request.method == "GET" and kind is not OperationType.QUERY:
            raise bad_request("GET is for queries. Send mutations by POST.", "METHOD_NOT_ALLOWED", 405, Allow="POST")
        answering = self._engine.answer(admitted, session, request_id)
        # A mutation goes on without its client: it is done whole or not at all, and never because somebody hung up.
        answer = await (_while_there(request, answering) if kind is OperationType.QUERY else answering)
        return answer, 200 if "data" in answer else refused, {}


async def _while_there(request: Request, answering: Awaitable[Answer]) -> Answer:
    """The answer, unless the client goes first: then work on it is cancelled. Raises ClientDisconnect."""
    loop = asyncio.get_running_loop()
    watching: asyncio.Task[None] | None = None

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.reschedule(loop.time())

    def begin() -> None:
        nonlocal watching
        watching = loop.create_task(watch())

    later = loop.call_later(PATIENCE, begin)
    try:
        async with asyncio.timeout(None) as gone:
            return await answering
    except TimeoutError:
        if gone.expired():
            raise ClientDisconnect from None
        raise
    finally:
        later.cancel()
        if watching is not None:
            watching.cancel()


async def _send(send: Send, answer: Answer, status: int, media_type: str, headers: Mapping[str, str]) -> None:
    body = orjson.dumps(answer, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str)
    sent = {
        "content-type": f"{media_type}; charset=utf-8",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "vary": "Accept, Authorization",
        "x-content-type-options": "nosniff",
        **headers,
    }
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _request_id(request: Request) -> str:
    """The client's own, so that it finds its request in our log, or a new one."""
    given = request.headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid4())

"""GraphQL over HTTP: POST with a JSON body, GET for queries."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from graphql import ExecutionResult, FieldNode, GraphQLError, GraphQLSchema, OperationType, execute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.engine.documents import Documents, RefusedDocumentError
from app.engine.errors import ClientError, bad_request
from app.settings import Settings

log = logging.getLogger(__name__)

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

ContextFactory = Callable[[Request], Awaitable[Any]]
"""Makes the context of one operation, or raises ClientError: before it, nothing of the request is looked at."""

Explain = Callable[[Exception], ClientError | None]
"""Says what a client may know of an exception; None masks it."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


class GraphQLApp:
    """Answers GraphQL requests at one path."""

    def __init__(self, schema: GraphQLSchema, settings: Settings, context: ContextFactory, explain: Explain) -> None:
        self._schema = schema
        self._settings = settings
        self._context = context
        self._explain = explain
        self._documents = Documents(schema, settings.max_tokens, settings.max_kept_document_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request_id = str(uuid4())
        try:
            answer, status, headers = await self._answer(request, request_id)
        except ClientDisconnect:
            return
        except ClientError as error:
            answer, status, headers = {"errors": [error.formatted()]}, error.status, error.headers
        except Exception as error:
            answer, status, headers = {"errors": [self._masked(error, request_id)]}, 500, {}
        response = Response(
            orjson.dumps(answer, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str),
            status,
            {"x-request-id": request_id, "cache-control": "no-store", "vary": "Accept, Authorization", **headers},
            media_type=_accepted(request) + "; charset=utf-8",
        )
        await response(scope, receive, send)

    async def _answer(self, request: Request, request_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        if request.method not in ("POST", "GET"):
            raise bad_request("Send GraphQL by POST.", "METHOD_NOT_ALLOWED", 405, Allow="GET, POST")
        context = await self._context(request)
        asked = await self._read(request)
        try:
            document = self._documents.get(asked.query)
        except RefusedDocumentError as refused:
            formatted = [_formatted(error, refused.code) for error in refused.errors]
            return {"errors": formatted}, 400, {}
        operation = document.operation(asked.operation_name)
        if operation.operation is OperationType.SUBSCRIPTION:
            raise bad_request("Subscriptions are not served here.")
        if request.method == "GET" and operation.operation is not OperationType.QUERY:
            raise bad_request("GET is for queries. Send mutations by POST.", "METHOD_NOT_ALLOWED", 405, Allow="POST")
        result = execute(
            self._schema,
            document.node,
            context_value=context,
            variable_values=asked.variables,
            operation_name=asked.operation_name,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        return self._result(result, request_id)

    def _result(self, result: ExecutionResult, request_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        answer: dict[str, Any] = {}
        if result.errors:
            answer["errors"] = [self._error(error, request_id) for error in result.errors]
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            return answer, 400, {}
        answer["data"] = result.data
        return answer, 200, {}

    def _error(self, error: GraphQLError, request_id: str) -> dict[str, Any]:
        original = error.original_error
        while isinstance(original, GraphQLError):
            original = original.original_error
        if original is None and _is_about_the_request(error):
            return _formatted(error, "BAD_USER_INPUT")
        known = original if isinstance(original, ClientError) else self._explain(original) if original else None
        shown = known.formatted() if known else self._masked(original or error, request_id)
        return {**error.formatted, **shown}

    def _masked(self, error: Exception, request_id: str) -> dict[str, Any]:
        log.error("Request %s failed.", request_id, exc_info=error)
        return {
            "message": "Something went wrong on our side. When you report it, quote the request id.",
            "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id},
        }

    async def _read(self, request: Request) -> GraphQLRequest:
        if request.method == "GET":
            return _from_query_string(request)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != JSON:
            raise bad_request("Send the request as application/json.", "UNSUPPORTED_MEDIA_TYPE", 415)
        return _request(_json(await self._body(request), "The body"))

    async def _body(self, request: Request) -> bytes:
        most = self._settings.max_body_bytes
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise bad_request(f"A request has at most {most} bytes.", "PAYLOAD_TOO_LARGE", 413)
        return bytes(body)


def _from_query_string(request: Request) -> GraphQLRequest:
    asked: dict[str, Any] = {"query": request.query_params.get("query")}
    for name in ("variables", "extensions"):
        if text := request.query_params.get(name):
            asked[name] = _json(text.encode(), f"`{name}`")
    asked["operationName"] = request.query_params.get("operationName") or None
    return _request(asked)


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        raise bad_request(f"{what} is not JSON.") from None


def _request(asked: Any) -> GraphQLRequest:
    if not isinstance(asked, dict):
        raise bad_request("The body must be a JSON object with a `query`.")
    query, variables, name = asked.get("query"), asked.get("variables"), asked.get("operationName")
    if not isinstance(query, str):
        raise bad_request("`query` must be a string.")
    if variables is not None and not isinstance(variables, dict):
        raise bad_request("`variables` must be an object.")
    if name is not None and not isinstance(name, str):
        raise bad_request("`operationName` must be a string.")
    if asked.get("extensions") is not None and not isinstance(asked["extensions"], dict):
        raise bad_request("`extensions` must be an object.")
    return GraphQLRequest(query, variables, name)


def _is_about_the_request(error: GraphQLError) -> bool:
    """Whether graphql-core found a variable or an argument wrong, rather than what a field returned."""
    return error.path is None or any(not isinstance(node, FieldNode) for node in error.nodes or ())


def _accepted(request: Request) -> str:
    return GRAPHQL_JSON if GRAPHQL_JSON in request.headers.get("accept", "") else JSON


def _formatted(error: GraphQLError, code: str) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    formatted["extensions"] = {"code": code, **formatted.get("extensions", {})}
    return formatted

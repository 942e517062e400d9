"""What a client asks for, read from the body of a POST or the query string of a GET."""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request

from app.engine.errors import bad_request

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One operation to run. A document is given by its text, by what it is kept under, or by both."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None
    document_id: str | None


async def read(request: Request, most_bytes: int, seconds: float) -> GraphQLRequest:
    """The request. Raises ClientError: for what is no request, 415 for another media type, 413 for one too long.

    Also 408 when it has not come within so many seconds.
    """
    if request.method == "GET":
        return _from_query_string(request)
    _demand_json(request.headers.get("content-type", ""))
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise bad_request("Send the body as it is, not compressed.", "UNSUPPORTED_MEDIA_TYPE", 415)
    return from_json(_json(await _body(request, most_bytes, seconds), "The body"))


async def until_gone(request: Request) -> None:
    """Returns when the client has gone. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def from_json(asked: Any) -> GraphQLRequest:
    """The request in a JSON value, as POST and WebSocket carry it. Raises ClientError."""
    if not isinstance(asked, dict):
        raise bad_request("The body must be a JSON object with a `query`.")
    found = GraphQLRequest(
        _optional(asked, "query", str, "a string"),
        _optional(asked, "variables", dict, "an object"),
        _optional(asked, "operationName", str, "a string"),
        _optional(asked, "extensions", dict, "an object"),
        _document_id(asked),
    )
    if found.query is None and found.document_id is None and not found.extensions:
        raise bad_request("`query` must be a string.")
    return found


def _document_id(asked: dict[str, Any]) -> str | None:
    """By the name that the GraphQL-over-HTTP draft gives it, or Relay's."""
    found = {_optional(asked, name, str, "a string") or None for name in ("documentId", "doc_id")} - {None}
    if len(found) > 1:
        raise bad_request("`documentId` and `doc_id` differ.")
    return next(iter(found), None)


def _optional(asked: dict[str, Any], name: str, kind: type, what: str) -> Any:
    value = asked.get(name)
    if value is not None and not isinstance(value, kind):
        raise bad_request(f"`{name}` must be {what}.")
    return value


def _from_query_string(request: Request) -> GraphQLRequest:
    given = request.query_params
    asked: dict[str, Any] = {name: given.get(name) for name in ("query", "documentId", "doc_id")}
    asked["operationName"] = given.get("operationName") or None
    for name in ("variables", "extensions"):
        if text := given.get(name):
            asked[name] = _json(text.encode(), f"`{name}`")
    return from_json(asked)


def _demand_json(content_type: str) -> None:
    """A page of another site can send other media types without asking first, so none of them is taken."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if media_type != JSON:
        raise bad_request("Send the request as application/json.", "UNSUPPORTED_MEDIA_TYPE", 415)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8"):
            raise bad_request("Send the request in UTF-8.", "UNSUPPORTED_MEDIA_TYPE", 415)


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        raise bad_request(f"{what} is not JSON.") from None


async def _body(request: Request, most: int, seconds: float) -> bytes:
    too_long = bad_request(f"A request has at most {most} bytes.", "PAYLOAD_TOO_LARGE", 413)
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > most:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_long
    except TimeoutError:
        raise bad_request("The body did not come in time.", "REQUEST_TIMEOUT", 408, Connection="close") from None
    return bytes(body)

"""What a client asks for, read from the body of a POST or the query string of a GET."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from app.engine.deadline import Deadline
from app.engine.errors import ClientError, bad_request
from app.engine.heads import BODY, HEAD

JSON = "application/json"


@dataclass(slots=True)
class GraphQLRequest:
    """One operation to run. A document is given by its text, by what it is kept under, or by both.

    A request may come again, so nobody changes what is in it.
    """

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None
    document_id: str | None
    considered: Any = field(default=None, compare=False, repr=False)
    """What was made of it by whoever runs it, for when it comes again."""


class Head:
    """The head of a request, whose headers are looked through once."""

    __slots__ = ("_headers", "method", "query_string", "size", "terms")

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.query_string: bytes = scope["query_string"]
        self.size = 0
        """The bytes of the names and values of all headers together."""
        self.terms: Any = None
        """What was made of it by whoever answers it."""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            self.size += len(name) + len(value)
            if name not in headers:
                headers[name] = value
            elif name == b"accept":
                headers[name] += b", " + value
        self._headers = headers

    def header(self, name: bytes) -> str:
        """The header of this name in lower case: the first of them, or all of Accept; empty if there is none."""
        return self._headers.get(name, b"").decode("latin-1")

    @property
    def query(self) -> QueryParams:
        return QueryParams(self.query_string)


class HttpRequest:
    """One HTTP request."""

    __slots__ = ("body", "head", "receive")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.head = _head(scope)
        self.body: bytes | None = scope.pop(BODY, None)
        """None when it may be still to come."""
        self.receive = receive

    async def until_gone(self) -> None:
        """Returns when the client has gone. The body must have been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


def _head(scope: Scope) -> Head:
    """The head, which may have come before."""
    extensions = scope.get("extensions")
    kept: dict[str, Head] | None = extensions.get(HEAD) if extensions else None
    if kept is None:
        return Head(scope)
    head = kept.get(HEAD)
    if head is None:
        head = kept[HEAD] = Head(scope)
    return head


def demand_readable(head: Head) -> None:
    """Raises ClientError 415 when what follows the head is no body of JSON."""
    if head.method == "GET":
        return
    content_type = head.header(b"content-type")
    if content_type != JSON:
        _demand_json(content_type)
    if (head.header(b"content-encoding") or "identity").lower() != "identity":
        raise bad_request("Send the body as it is, not compressed.", "UNSUPPORTED_MEDIA_TYPE", 415)


async def read_body(request: HttpRequest, most_bytes: int, seconds: float) -> bytes:
    """The body of a POST. Raises ClientError 413 for one too long, 408 when it has not come within so many seconds."""
    body = request.body
    return await _body(request, most_bytes, seconds) if body is None or len(body) > most_bytes else body


def from_body(body: bytes) -> GraphQLRequest:
    """The request of a POST. Raises ClientError."""
    return from_json(_json(body, "The body"))


def from_query_string(head: Head) -> GraphQLRequest:
    """The request of a GET. Raises ClientError."""
    given = head.query
    asked: dict[str, Any] = {name: given.get(name) for name in ("query", "documentId", "doc_id")}
    asked["operationName"] = given.get("operationName") or None
    for name in ("variables", "extensions"):
        if text := given.get(name):
            asked[name] = _json(text.encode(), f"`{name}`")
    return from_json(asked)


def from_json(asked: Any) -> GraphQLRequest:
    """The request in a JSON value, as POST and WebSocket carry it. Raises ClientError."""
    if not isinstance(asked, dict):
        raise bad_request("The body must be a JSON object with a `query`.")
    query, variables, name, extensions = map(asked.get, ("query", "variables", "operationName", "extensions"))
    if query is not None and not isinstance(query, str):
        raise _not("query", "a string")
    if variables is not None and not isinstance(variables, dict):
        raise _not("variables", "an object")
    if name is not None and not isinstance(name, str):
        raise _not("operationName", "a string")
    if extensions is not None and not isinstance(extensions, dict):
        raise _not("extensions", "an object")
    document_id = _document_id(asked) if "documentId" in asked or "doc_id" in asked else None
    if query is None and document_id is None and not extensions:
        raise _not("query", "a string")
    return GraphQLRequest(query, variables, name, extensions, document_id)


def _document_id(asked: dict[str, Any]) -> str | None:
    """By the name that the GraphQL-over-HTTP draft gives it, or Relay's."""
    found: set[str] = set()
    for name in ("documentId", "doc_id"):
        value = asked.get(name)
        if value is not None and not isinstance(value, str):
            raise _not(name, "a string")
        if value:
            found.add(value)
    if len(found) > 1:
        raise bad_request("`documentId` and `doc_id` differ.")
    return next(iter(found), None)


def _not(name: str, what: str) -> ClientError:
    return bad_request(f"`{name}` must be {what}.")


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


async def _body(request: HttpRequest, most: int, seconds: float) -> bytes:
    announced = request.head.header(b"content-length")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > most:
        raise _too_long(most)
    try:
        with Deadline(seconds):
            body, more = await _part(request)
            while more:
                if len(body) > most:
                    break
                part, more = await _part(request)
                body += part
    except TimeoutError:
        raise bad_request("The body did not come in time.", "REQUEST_TIMEOUT", 408, Connection="close") from None
    if len(body) > most:
        raise _too_long(most)
    return body


async def _part(request: HttpRequest) -> tuple[bytes, bool]:
    """The next part of the body, and whether more follows. Raises ClientDisconnect."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


def _too_long(most: int) -> ClientError:
    return bad_request(f"A request has at most {most} bytes.", "PAYLOAD_TOO_LARGE", 413)

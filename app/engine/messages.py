"""Messages of graphql-transport-ws, as clients send them: https://github.com/enisdenjo/graphql-ws, PROTOCOL.md."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from app.engine.errors import ClientError
from app.engine.requests import GraphQLRequest, from_json

LONGEST_REASON = 123
"""Bytes that a close frame has room for."""


class Code(IntEnum):
    """Why a socket was closed. What stock clients make of each is in decision 16."""

    TRY_AGAIN_LATER = 1013
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INIT_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY_INITS = 4429
    TERMINATED = 4499


class ClosingError(Exception):
    """The socket has to be closed, with this code and reason."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:LONGEST_REASON].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Init:
    payload: dict[str, Any] | None

    def authorization(self) -> str | None:
        """The token as clients send it: by name, or among headers."""
        headers = (self.payload or {}).get("headers")
        for holder in (self.payload, headers if isinstance(headers, dict) else None):
            for name, value in (holder or {}).items():
                if name.lower() == "authorization" and isinstance(value, str):
                    return value
        return None


@dataclass(frozen=True, slots=True)
class Ping:
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    pass


@dataclass(frozen=True, slots=True)
class Subscribe:
    id: str
    asked: GraphQLRequest


@dataclass(frozen=True, slots=True)
class Complete:
    id: str


Message = Init | Ping | Pong | Subscribe | Complete


def parsed(event: dict[str, Any], most_bytes: int) -> Message:
    """The message in a frame. Raises ClosingError for what is none."""
    text = event.get("text")
    if text is None:
        raise _bad("Messages are text.")
    # A character is one to four bytes: only a text that may be too long is encoded to be counted.
    if len(text) > most_bytes or (len(text) * 4 > most_bytes and len(text.encode()) > most_bytes):
        raise _bad(f"A message has at most {most_bytes} bytes.")
    try:
        given = orjson.loads(text)
    except ValueError:
        raise _bad("The message is not JSON.") from None
    if not isinstance(given, dict):
        raise _bad("A message is a JSON object.")
    match given.get("type"):
        case "connection_init":
            return Init(_payload(given))
        case "ping":
            return Ping(_payload(given))
        case "pong":
            _payload(given)
            return Pong()
        case "subscribe":
            return Subscribe(_id(given), _asked(given))
        case "complete":
            return Complete(_id(given))
    raise _bad("The message has no known type.")


def _payload(given: dict[str, Any]) -> dict[str, Any] | None:
    payload = given.get("payload")
    if payload is None or isinstance(payload, dict):
        return payload
    raise _bad("The payload must be an object.")


def _id(given: dict[str, Any]) -> str:
    found = given.get("id")
    if isinstance(found, str) and found:
        return found
    raise _bad("The id must be a string that is not empty.")


def _asked(given: dict[str, Any]) -> GraphQLRequest:
    if not isinstance(given.get("payload"), dict):
        raise _bad("The payload must be an object.")
    try:
        return from_json(given["payload"])
    except ClientError as error:
        raise _bad(str(error)) from None


def _bad(reason: str) -> ClosingError:
    return ClosingError(Code.BAD_REQUEST, f"Invalid message received: {reason}")

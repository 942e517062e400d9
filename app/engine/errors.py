"""Errors that clients may read. Every other exception is masked."""

from collections.abc import Callable
from typing import Any

import structlog
from graphql import FieldNode, GraphQLError

log = structlog.get_logger(__name__)

MASKED = "Something went wrong on our side. When you report it, quote the request id."

UNAVAILABLE = 503

LONGEST_MESSAGE = 1_000
"""Characters of a message about what a client sent: graphql-core repeats a value that is wrong, however long it is."""


class ClientError(Exception):
    """A failure whose message and code are meant for the client."""

    def __init__(
        self, message: str, code: str, status: int = 200, headers: dict[str, str] | None = None, **extensions: Any
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        """The HTTP status, when the whole request failed of it."""
        self.headers = headers or {}
        self.extensions = extensions

    def formatted(self) -> dict[str, Any]:
        return {"message": str(self), "extensions": {"code": self.code, **self.extensions}}


class RefusedDocumentError(Exception):
    """The document is not one that can be run."""

    def __init__(self, errors: list[GraphQLError], code: str) -> None:
        super().__init__(str(self.__doc__))
        self.errors = errors
        self.code = code

    def formatted(self) -> list[dict[str, Any]]:
        """Each error in its own words, with its own code if it has one."""
        return [_with_code(error, self.code) for error in self.errors]


Explain = Callable[[Exception], ClientError | None]
"""Says what a client may know of an exception that a field raised; None masks it."""


class Masking:
    """Decides what a client reads of an error. Whatever is not meant for clients goes to the log."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain

    def formatted(self, error: GraphQLError, request_id: str) -> dict[str, Any]:
        """One error of a result."""
        original = error.original_error
        while isinstance(original, GraphQLError):
            original = original.original_error
        if original is None and _is_about_the_request(error):
            return _with_code(error, "BAD_USER_INPUT")
        known = original if isinstance(original, ClientError) else self._explain(original) if original else None
        shown = known.formatted() if known else self.masked(original or error, request_id)
        return {**error.formatted, **shown}

    def told(self, error: Exception, request_id: str) -> list[dict[str, Any]]:
        """What a client reads of an exception that ended its operation."""
        if isinstance(error, RefusedDocumentError):
            return error.formatted()
        known = error if isinstance(error, ClientError) else self._explain(error)
        return [known.formatted() if known else self.masked(error, request_id)]

    def refusal(self, error: BaseException | None) -> ClientError | None:
        """The failure of the whole request, when that is what the exception means: that nothing could be done now."""
        while isinstance(error, GraphQLError):
            error = error.original_error
        known = self._explain(error) if isinstance(error, Exception) else None
        return known if known is not None and known.status == UNAVAILABLE else None

    def masked(self, error: BaseException, request_id: str) -> dict[str, Any]:
        """Of an exception that nobody foresaw: that there was one."""
        log.error("request failed", request_id=request_id, exc_info=error)
        return {"message": MASKED, "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id}}


def bad_request(message: str, code: str = "BAD_REQUEST", status: int = 400, **headers: str) -> ClientError:
    return ClientError(message, code, status, headers)


def _is_about_the_request(error: GraphQLError) -> bool:
    """Whether graphql-core found a variable or an argument wrong, rather than what a field returned."""
    return error.path is None or any(not isinstance(node, FieldNode) for node in error.nodes or ())


def _with_code(error: GraphQLError, code: str) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    if len(error.message) > LONGEST_MESSAGE:
        formatted["message"] = f"{error.message[:LONGEST_MESSAGE]}..."
    formatted["extensions"] = {"code": code, **formatted.get("extensions", {})}
    return formatted

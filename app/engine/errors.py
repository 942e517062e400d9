"""Errors that clients may read. Every other exception is masked."""

from typing import Any


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


def bad_request(message: str, code: str = "BAD_REQUEST", status: int = 400, **headers: str) -> ClientError:
    return ClientError(message, code, status, headers)

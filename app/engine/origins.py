"""Whose pages may ask: those of the server's own origin, and those that a setting names."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

REQUEST_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "graphql-cost",
    "x-request-id",
    "apollographql-client-name",
    "apollographql-client-version",
    "apollo-require-preflight",
    "graphql-preflight",
    "traceparent",
    "tracestate",
)
RESPONSE_HEADERS = ("x-request-id", "graphql-cost", "retry-after", "www-authenticate")
PREFLIGHT_SECONDS = 600


def permitted(headers: Headers, allowed: Sequence[str]) -> bool:
    """Whether a WebSocket may be opened from there. Browsers always say where; programs, which need not, may.

    A browser lets every page open a WebSocket to anywhere, without asking as it does for HTTP.
    """
    origin = headers.get("origin", "").lower()
    if not origin or "*" in allowed or origin in allowed:
        return True
    try:
        return urlsplit(origin).netloc == headers.get("host", "").lower()
    except ValueError:
        return False


def sharing(allowed: Sequence[str]) -> list[Middleware]:
    """CORS for other origins, if there are any. Without credentials: a token in a header is the only one there is."""
    if not allowed:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=allowed,
            allow_methods=("GET", "POST"),
            allow_headers=REQUEST_HEADERS,
            expose_headers=RESPONSE_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )
    ]

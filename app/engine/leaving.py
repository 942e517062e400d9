"""What requests are told for which a process that stops has no more time."""

from contextlib import suppress

import orjson
from starlette.types import Send

TOLD = (
    "The server stopped before this was done. Try again in a moment; whether a change was made is not known, and with"
    " the same idempotency key it is not made twice."
)

BODY = orjson.dumps({"errors": [{"message": TOLD, "extensions": {"code": "SERVICE_UNAVAILABLE"}}]})

ANSWER = {
    "type": "http.response.start",
    "status": 503,
    "headers": [(b"content-type", b"application/json"), (b"retry-after", b"1")],
}


async def excuse(send: Send) -> None:
    """Answers a request that was cancelled because the process stops."""
    with suppress(OSError):
        await send({**ANSWER})
        await send({"type": "http.response.body", "body": BODY})

"""Heads of requests that a connection has had before, so that they need not be parsed again.

A client that keeps its connection sends few different heads: they differ by the length of the body. A request that
comes in one piece under a head that came before is known by its bytes alone: what was parsed of them once holds for it
too. Whatever is kept belongs to one connection and ends with it, as tokens are among it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from uvicorn._types import HTTPScope

END = b"\r\n\r\n"

POST = b"POST "

MOST_KEPT = 8
"""Heads that are kept of a connection: they differ by how long the body is."""

MOST_IN_VAIN = 32
"""Heads that are kept one after another without any of them coming again. Then the client sends other ones each time,
and to keep them is of no use."""

LONGEST_KEPT = 4_096
"""Bytes of a head that is kept."""

HEAD = "segments.head"
"""The name of an extension of ASGI: a dictionary that lives as long as a head is kept, for what is made of it."""

BODY = "segments.body"
"""What a scope has the body under when it came with the head."""

ONCE = frozenset((b"x-request-id", b"traceparent", b"expect", b"transfer-encoding", b"connection", b"upgrade"))
"""Headers that differ each time, or that say something of the connection or of how the body comes."""


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head that was parsed."""

    scope: dict[str, Any]
    """What ASGI says of a request with this head."""
    length: int
    """The bytes of the body that follows it."""


@dataclass(slots=True)
class KnownHeads:
    """Those of one connection."""

    _kept: dict[bytes, KnownHead] = field(default_factory=dict)
    _in_vain: int = 0
    """Heads that were kept since one came again."""

    def __len__(self) -> int:
        return len(self._kept)

    def split(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """The head and the body, if the data are one whole request under a head that is known."""
        end = data.find(END) + len(END)
        known = self._kept.get(data[:end])
        if known is None or len(data) - end != known.length:
            return None
        self._in_vain = 0
        return known, data[end:]

    def learn(self, data: bytes, scope: HTTPScope) -> None:
        """Keeps the head of these data, which were one whole request, parsed as the scope says, if it may come again.

        Its end is looked for as `split` does. The parser takes nothing else for the end of a head, and the length of
        the body must fit.
        """
        if self._in_vain == MOST_IN_VAIN:
            return
        end = data.find(END) + len(END)
        length = _length(scope["headers"])
        if length is None or len(data) - end != length or end > LONGEST_KEPT or not data.startswith(POST):
            return
        self._in_vain += 1
        if len(self._kept) == MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[data[:end]] = KnownHead({**scope, "extensions": {HEAD: {}}}, length)


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The length that the headers give the body; None when the head is none to keep."""
    found = None
    for name, value in headers:
        if name in ONCE:
            return None
        if name == b"content-length":
            if found is not None or not value.isdigit():
                return None
            found = int(value)
    return found

"""What stays open: how much of it one principal may have, and the end of all of it."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.engine.errors import ClientError


class Streams:
    """The WebSockets and event streams that are open in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()
        self.ending = asyncio.Event()
        """Set when the server goes down. uvicorn closes WebSockets by itself, but waits for event streams to end."""

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
        """A place for one more of this principal. Raises ClientError when all are taken."""
        if self._open[key] >= self._most:
            message = f"You have {self._most} WebSockets and event streams open here. Close one first."
            raise ClientError(message, "TOO_MANY_STREAMS", 429, limit=self._most)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def count(self) -> int:
        """How many are open, of all principals."""
        return self._open.total()

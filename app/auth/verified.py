"""Tokens that were verified before, so that the next request with one costs a lookup."""

from collections import OrderedDict
from time import time

from app.auth.principal import Principal


class VerifiedTokens:
    """The most recently used tokens, by digest: what leaks from here opens nothing."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes) -> Principal | None:
        entry = self._entries.get(digest)
        if entry is None:
            return None
        principal, until = entry
        if time() >= until:
            del self._entries[digest]
            return None
        self._entries.move_to_end(digest)
        return principal

    def put(self, digest: bytes, principal: Principal, until: float) -> None:
        """Keeps the principal up to a moment in seconds since 1970."""
        if time() >= until:
            return
        self._entries[digest] = principal, until
        self._entries.move_to_end(digest)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

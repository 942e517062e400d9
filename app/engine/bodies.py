"""Requests that came before, known by the bytes of their bodies, so that nothing is worked out of them again.

Who opens a page, comes back to it or polls asks in the same words as everybody else who does. Who they are stands in
the head, so that nothing here belongs to anybody; what is made of a request rests on its body and the schema alone.
"""

from app.engine.requests import GraphQLRequest
from app.engine.weighing import holds_few

MOST_KEPT = 250
"""Requests that are kept; when there are more, all are forgotten."""

LONGEST_KEPT = 2_048
"""Bytes of a body that is kept."""

MOST_VALUES = 60
"""Values in the variables and extensions of a request that is kept: two bytes of JSON can be a hundred in memory."""

MOST_SEEN = 2_000
"""Bodies that are remembered after they came once, by a number each. Only what comes again is kept: to keep what does
not makes its own request a fifth dearer."""


class KnownBodies:
    """What the bodies of queries ask for. Changes are not kept: they seldom come again, and name people."""

    def __init__(self) -> None:
        self._kept: dict[bytes, GraphQLRequest] = {}
        self._seen: set[int] = set()

    def get(self, body: bytes) -> GraphQLRequest | None:
        return self._kept.get(body)

    def notice(self, body: bytes, asked: GraphQLRequest) -> bool:
        """Whether the request is kept from now on: it is when it is small and was noticed before."""
        if len(body) > LONGEST_KEPT:
            return False
        number = hash(body)
        if number not in self._seen:
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen.add(number)
            return False
        if not holds_few([asked.variables, asked.extensions], MOST_VALUES):
            return False
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[body] = asked
        return True

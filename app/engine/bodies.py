"""Requests that came before, known by the bytes of their bodies, so that nothing is worked out of them again.

Who opens a page, comes back to it or polls asks in the same words as everybody else who does. Who they are stands in
the head, so that nothing here belongs to anybody; what is made of a request rests on its body and the schema alone.
"""

from app.engine.requests import GraphQLRequest, from_body
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
    """What bodies ask for."""

    def __init__(self) -> None:
        self._kept: dict[bytes, GraphQLRequest] = {}
        self._seen: set[int] = set()

    def request(self, body: bytes) -> GraphQLRequest:
        """Raises ClientError for a body that is no request."""
        asked = self._kept.get(body)
        if asked is None:
            asked = from_body(body)
            if len(body) <= LONGEST_KEPT:
                self._notice(body, asked)
        return asked

    def _notice(self, body: bytes, asked: GraphQLRequest) -> None:
        number = hash(body)
        if number in self._seen:
            if not holds_few([asked.variables, asked.extensions], MOST_VALUES):
                return
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            asked.is_kept = True
            self._kept[body] = asked
        else:
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen.add(number)

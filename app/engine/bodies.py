"""Requests that came before, known by the bytes of their bodies, so that nothing is worked out of them again.

Who opens a page, comes back to it or polls asks in the same words as everybody else who does. Who they are stands in
the head, so that nothing here belongs to anybody; what is made of a request rests on its body and the schema alone.
"""

from app.engine.requests import GraphQLRequest, from_body

MOST_KEPT = 500
"""Requests that are kept; when there are more, all are forgotten."""

LONGEST_KEPT = 2_048
"""Bytes of a body that is kept. What is parsed of it takes up to forty times as many."""


class KnownBodies(dict[bytes, GraphQLRequest]):
    """What each body asks for. Raises ClientError for one that is no request."""

    def __missing__(self, body: bytes) -> GraphQLRequest:
        asked = from_body(body)
        if len(body) <= LONGEST_KEPT:
            if len(self) >= MOST_KEPT:
                self.clear()
            self[body] = asked
        return asked

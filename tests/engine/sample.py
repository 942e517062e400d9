"""A small graph of its own for the engine's tests, and a visitor who asks it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema

from app.engine.errors import ClientError

SDL = """
type Query {
  hello(name: String = "you"): String
  double(number: Int!): Int
  sum(numbers: [Numbers!]): Int
  strict: String!
  broken: String
  told: String
  explained: String
  tooLarge: Int
  nothing: String!
}
type Mutation { change: String }
type Subscription { follow: String }
input Numbers { one: Int, more: Numbers }
"""

SECRET = "the password of the database"


class KnownError(Exception):
    pass


class Workplace:
    """What an operation has at hand."""

    def __init__(self) -> None:
        self.loaders: dict[Any, Any] = {}
        self.tasks: set[asyncio.Task[Any]] = set()


class Visitor:
    """Somebody who is known."""

    key = "visitor"
    expires_at = known_until = float("inf")
    max_cost = 1_000

    def context(self) -> Workplace:
        return Workplace()


def _raise(error: Exception) -> Any:
    raise error


RESOLVERS: dict[str, Any] = {
    "hello": lambda _, info, name: f"Hello {name}",
    "double": lambda _, info, number: 2 * number,
    "sum": lambda _, info, numbers=None: len(numbers or ()),
    "broken": lambda *_: _raise(RuntimeError(SECRET)),
    "told": lambda *_: _raise(ClientError("You may not.", "FORBIDDEN", permission="READ")),
    "explained": lambda *_: _raise(KnownError(SECRET)),
    "tooLarge": lambda *_: 2**40,
    "nothing": lambda *_: None,
    "strict": lambda *_: _raise(GraphQLError("wrapped", original_error=RuntimeError(SECRET))),
    "change": lambda *_: "changed",
}


def graph() -> GraphQLSchema:
    schema = build_schema(SDL)
    for kind in (schema.query_type, schema.mutation_type):
        assert kind is not None
        for name, field in kind.fields.items():
            field.resolve = RESOLVERS[name]
    assert schema.subscription_type is not None
    schema.subscription_type.fields["follow"].subscribe = lambda *_: _twice()
    return schema


def explain(error: Exception) -> ClientError | None:
    return ClientError("Known.", "KNOWN") if isinstance(error, KnownError) else None


async def authenticate(authorization: str | None) -> Visitor:
    if authorization == "stranger":
        raise ClientError("Who are you?", "UNAUTHENTICATED", 401, {"WWW-Authenticate": "Bearer"})
    if authorization == "outage":
        raise OSError(SECRET)
    return Visitor()


async def _twice() -> AsyncGenerator[dict[str, str]]:
    for text in ("first", "second"):
        yield {"follow": text}

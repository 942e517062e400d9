"""A graph of things that last, for the tests of WebSockets and event streams, and a diary of what became of them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import asyncpg
from graphql import GraphQLObjectType, GraphQLSchema, build_schema

from app.engine.errors import ClientError
from app.engine.execution import Engine
from app.engine.http import GraphQLApp
from app.engine.streams import Streams
from app.engine.websocket import WebSocketApp
from app.settings import Settings
from tests.client import serving
from tests.engine.sample import RESOLVERS, SDL, SECRET, Workplace, explain

MORE = """
extend type Query { endless: String, sleeping: String, workplace: Int }
extend type Mutation { changeSlowly: String }
extend type Subscription {
  count(to: Int!): Int
  endless: String
  breaking: Int
  refused: Int
  explained: Int
  flood(size: Int!): String
  secret: Secret
}
type Secret { open: Int, broken: Int, endless: String }
"""

PATIENCE = 20.0


class Diary:
    """What has happened so far."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.gate = asyncio.Event()
        """What slow changes wait for."""
        self.database: asyncpg.Pool | None = None
        self._more = asyncio.Event()

    def note(self, entry: str) -> None:
        self.entries.append(entry)
        self._more.set()

    async def until(self, entry: str, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.entries.count(entry) < times:
                self._more.clear()
                await self._more.wait()

    @asynccontextmanager
    async def during(self, what: str) -> AsyncIterator[None]:
        self.note(f"{what} began")
        try:
            yield
        finally:
            self.note(f"{what} ended")


class Place(Workplace):
    numbers = count()

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self.diary = diary
        self.number = next(self.numbers)


class Guest:
    """Somebody with a token like `Bearer ada` or, for one that ends, `Bearer ada 0.5`."""

    max_cost = 1_000_000

    def __init__(self, key: str, expires_at: float, diary: Diary) -> None:
        self.key = key
        self.expires_at = self.known_until = expires_at
        self.diary = diary

    def context(self) -> Place:
        return Place(self.diary)


async def _endless(_: Any, info: Any) -> str:
    async with info.context.diary.during("endless"):
        await asyncio.Event().wait()
    return ""


async def _sleeping(_: Any, info: Any) -> str:
    diary = info.context.diary
    diary.note("sleeping began")
    await diary.database.fetchval("SELECT pg_sleep(300) /* sleeping */")
    return ""


async def _change_slowly(_: Any, info: Any) -> str:
    diary: Diary = info.context.diary
    async with diary.during("change"):
        await diary.gate.wait()
        diary.note("changed")
    return "changed"


async def _count(_: Any, info: Any, to: int) -> AsyncIterator[int]:
    async with info.context.diary.during("count"):
        for number in range(1, to + 1):
            yield number


async def _follow_endless(_: Any, info: Any) -> AsyncIterator[str]:
    async with info.context.diary.during("endless"):
        yield "first"
        await asyncio.Event().wait()


async def _breaking(_: Any, info: Any) -> AsyncIterator[int]:
    yield 1
    raise RuntimeError(SECRET)


async def _explained(_: Any, info: Any) -> AsyncIterator[int]:
    yield 1
    raise ClientError("Told.", "TOLD")


def _refused(_: Any, info: Any) -> Any:
    raise ClientError("You may not.", "FORBIDDEN")


async def _flood(_: Any, info: Any, size: int) -> AsyncIterator[str]:
    async with info.context.diary.during("flood"):
        while True:
            yield "x" * size
            await asyncio.sleep(0)


async def _secret(_: Any, info: Any) -> AsyncIterator[Any]:
    yield {"open": 1, "broken": 2**40}


def graph() -> GraphQLSchema:
    schema = build_schema(SDL + MORE)
    resolvers = RESOLVERS | {
        "endless": _endless,
        "sleeping": _sleeping,
        "changeSlowly": _change_slowly,
        "workplace": lambda _, info: info.context.number,
    }
    for kind in (schema.query_type, schema.mutation_type):
        assert kind is not None
        for name, field in kind.fields.items():
            field.resolve = resolvers[name]
    sources: dict[str, Any] = {
        "count": _count,
        "endless": _follow_endless,
        "breaking": _breaking,
        "explained": _explained,
        "refused": _refused,
        "flood": _flood,
        "secret": _secret,
    }
    secret = schema.type_map["Secret"]
    assert isinstance(secret, GraphQLObjectType)
    secret.fields["endless"].resolve = _endless
    assert schema.subscription_type is not None
    for name, source in sources.items():
        schema.subscription_type.fields[name].subscribe = source
        schema.subscription_type.fields[name].resolve = lambda value, info, **_: value
    return schema


class House:
    """A server of this graph on a real port."""

    def __init__(self, address: str, diary: Diary, streams: Streams) -> None:
        self.address = address
        self.diary = diary
        self.streams = streams
        self.authenticated = 0
        """How often somebody was asked who they are."""


@asynccontextmanager
async def house(**settings: Any) -> AsyncIterator[House]:
    """Served with these settings. When it goes down, all that ran has ended."""
    found = Settings(**{"jwt_leeway": 0, "max_body_bytes": 10_000, **settings})
    diary, streams = Diary(), Streams(found.max_streams)
    place = House("", diary, streams)

    async def authenticate(authorization: str | None) -> Guest:
        place.authenticated += 1
        scheme, _, rest = (authorization or "").partition(" ")
        key, _, seconds = rest.partition(" ")
        if key == "outage":
            raise OSError(SECRET)
        if key == "busy":
            raise ClientError("The issuer does not answer.", "SERVICE_UNAVAILABLE", 503)
        if scheme != "Bearer" or not key:
            raise ClientError("Who are you?", "UNAUTHENTICATED", 401)
        return Guest(key, time.time() + float(seconds) if seconds else float("inf"), diary)

    engine = Engine(graph(), found, explain)
    http = GraphQLApp(engine, authenticate, streams)
    websocket = WebSocketApp(engine, authenticate, streams)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await (http if scope["type"] == "http" else websocket)(scope, receive, send)

    before = asyncio.all_tasks()
    async with serving(app, streams, found.max_body_bytes) as address:
        place.address = address
        yield place
    diary.gate.set()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert left == set()
    assert streams.count() == 0

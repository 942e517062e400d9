"""The rate limit: buckets of points, in one process or shared by several through PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from time import monotonic
from uuid import uuid4

import httpx
import pytest

from app.auth import Permission
from app.database import Database
from app.engine.errors import ClientError
from app.engine.execution import Engine
from app.engine.http import GraphQLApp
from app.engine.throttle import FEWEST_SWEPT, Bucket, ProcessThrottle, RateLimit
from app.server import Server
from app.settings import Settings
from app.shared_throttle import FORGET, SharedThrottle
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.engine.sample import authenticate, explain, graph
from tests.world import World

VIEWER = "{ viewer { subject } }"
"""It costs one point."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> ProcessThrottle:
    return ProcessThrottle(10, clock)


def test_a_bucket_is_full_at_first_and_gives_no_more_than_it_holds(throttle: ProcessThrottle) -> None:
    assert [throttle.take("a", 40, 100)[0] for _ in range(3)] == [True, True, False]
    taken, bucket = throttle.take("a", 20, 100)
    assert taken
    assert bucket.formatted() == {"maximumAvailable": 100, "currentlyAvailable": 0, "restoreRate": 10}


def test_a_bucket_fills_up_steadily_and_never_past_its_brim(throttle: ProcessThrottle, clock: Clock) -> None:
    throttle.take("a", 100, 100)
    clock.now += 3
    assert throttle.take("a", 31, 100)[0] is False
    assert throttle.take("a", 30, 100)[0] is True
    clock.now += 1_000
    taken, bucket = throttle.take("a", 1, 100)
    assert (taken, round(bucket.available)) == (True, 99)


def test_buckets_have_nothing_to_do_with_each_other(throttle: ProcessThrottle) -> None:
    throttle.take("a", 100, 100)
    assert throttle.take("a", 1, 100)[0] is False
    assert throttle.take("b", 100, 100)[0] is True


def test_a_refusal_says_from_when_on_there_is_enough(throttle: ProcessThrottle, clock: Clock) -> None:
    throttle.take("a", 100, 100)
    for points, seconds in ((1, 1), (10, 1), (11, 2), (100, 10)):
        taken, bucket = throttle.take("a", points, 100)
        assert (taken, bucket.seconds_until(points)) == (False, seconds)
    clock.now += 10
    assert throttle.take("a", 100, 100)[0] is True


def test_full_buckets_are_forgotten(throttle: ProcessThrottle, clock: Clock) -> None:
    for number in range(20 * FEWEST_SWEPT):
        clock.now += 0.2
        throttle.take(str(number), 1, 100)
    assert len(throttle) <= FEWEST_SWEPT + 1


def test_buckets_that_are_not_full_are_kept(throttle: ProcessThrottle) -> None:
    for number in range(3 * FEWEST_SWEPT):
        throttle.take(str(number), 100, 100)
    for number in range(3 * FEWEST_SWEPT):
        assert (throttle.take(str(number), 1, 100))[0] is False


async def test_a_bucket_holds_what_the_dearest_operation_costs() -> None:
    limit = RateLimit(Settings(rate_limit_points_per_second=1, rate_limit_burst=10))
    assert await limit.demand("reporter", 1_000, 1_000)
    with pytest.raises(ClientError, match="asked too much"):
        await limit.demand("reporter", 1_000, 1_000)


async def test_a_rate_of_nothing_sets_no_limit() -> None:
    limit = RateLimit(Settings(rate_limit_points_per_second=0, rate_limit_burst=1))
    assert [await limit.demand("a", 1_000_000, 1) for _ in range(100)] == [None] * 100


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(rate_limit_points_per_second=1, rate_limit_burst=1_000)
    app = GraphQLApp(Engine(graph(), settings, explain), authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segments.test") as client:
        yield client


async def test_who_asks_too_much_is_told_when_to_try_again(http: httpx.AsyncClient) -> None:
    introspection = {"query": "{ __schema { queryType { name } } }"}
    assert (await http.post("/", json=introspection)).status_code == 200
    for accept in ("*/*", "application/json"):
        response = await http.post("/", json=introspection, headers={"accept": accept})
        assert response.status_code == 429
        assert 990 <= int(response.headers["retry-after"]) <= 1_000
        [error] = response.json()["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert error["extensions"]["cost"]["requested"] == 1_000
        status = error["extensions"]["cost"]["throttleStatus"]
        assert (status["maximumAvailable"], status["restoreRate"]) == (1_000, 1)
        assert 0 <= status["currentlyAvailable"] < 10


async def test_what_is_refused_for_its_document_takes_no_points(http: httpx.AsyncClient) -> None:
    for query in ("{ unknown }", "{", "{ " + "hello " * 21 + "}"):
        await http.post("/", json={"query": query})
    answer = (await http.post("/", json={"query": "{ hello }"}, headers={"GraphQL-Cost": "report"})).json()
    assert answer["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 999


@pytest.fixture
def shared(database: Database) -> SharedThrottle:
    return SharedThrottle(10, lambda: database)


async def test_a_shared_bucket_is_like_one_of_a_process(shared: SharedThrottle, clock: Clock) -> None:
    key = str(uuid4())
    alone = ProcessThrottle(10, clock)
    for points in (400, 400, 400, 200, 100, 1, 1_000):
        one, other = await shared.take(key, points, 1_000), alone.take(key, points, 1_000)
        assert one[0] == other[0]
        assert one[1].available == pytest.approx(other[1].available, abs=10)
        assert one[1].seconds_until(points) == pytest.approx(other[1].seconds_until(points), abs=1)


async def test_shared_buckets_that_are_full_are_forgotten(shared: SharedThrottle, database: Database) -> None:
    full, empty = str(uuid4()), str(uuid4())
    await shared.take(full, 1, 1_000)
    await shared.take(empty, 1_000, 1_000)
    await database.fetch("SELECT pg_sleep(0.11)")
    await database.fetch(FORGET)
    kept = await database.fetch("SELECT key FROM rate_limit WHERE key = ANY($1)", [full, empty])
    assert [row["key"] for row in kept] == [empty]


async def test_two_servers_together_let_no_more_through_than_the_bucket_holds(
    database_url: str, settings: Settings, world: World
) -> None:
    rate, burst = 20, 100
    limited = settings.model_copy(
        update={
            "rate_limit_shared": True,
            "rate_limit_points_per_second": rate,
            "rate_limit_burst": burst,
            "max_cost": burst,
        }
    )
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            address = await stack.enter_async_context(serving(Server(limited, database_url, SECRET).app))
            client = Client.of(address, settings, SECRET, world.account_id, [Permission.READ])
            clients.append(await stack.enter_async_context(client))
        let_through = 0
        began = monotonic()

        async def ask(client: Client) -> None:
            nonlocal let_through
            for _ in range(20):
                response = await client.http.post("/graphql", json={"query": VIEWER})
                assert response.status_code in (200, 429)
                let_through += response.status_code == 200

        await asyncio.gather(*(ask(client) for client in clients for _ in range(8)))
        seconds = monotonic() - began
    # An operation costs as much as its objects: viewer is one.
    assert burst <= let_through <= burst + rate * seconds + 1


def test_a_bucket_tells_whole_points() -> None:
    assert Bucket(10, 3, 1.1).formatted()["currentlyAvailable"] == 6

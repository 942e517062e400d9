"""What Prometheus reads, as its own parser reads it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.database import Database
from app.engine.execution import Engine
from app.engine.observing import Exchange, Observed
from app.metrics import MOST_CLIENTS, Metrics
from app.server import Server
from app.settings import Settings
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.engine.sample import Visitor, graph
from tests.world import World

TOKEN = "what Prometheus says so that it may read"


class Reading:
    """One reading of /metrics."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [each for family in text_string_to_metric_families(text) for each in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample with these labels and perhaps others."""
        found = [
            each.value
            for each in self.samples
            if each.name == f"segments_{name}" and labels.items() <= each.labels.items()
        ]
        assert len(found) <= 1, found
        return found[0] if found else None

    def values(self, name: str, label: str) -> set[str]:
        return {each.labels[label] for each in self.samples if each.name == f"segments_{name}"}


async def read(address: str) -> Reading:
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(f"{address}/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    return Reading(response.text)


@pytest.fixture
async def address(database_url: str, settings: Settings) -> AsyncIterator[str]:
    watched = settings.model_copy(
        update={"metrics": True, "metrics_token": Settings(metrics_token=TOKEN).metrics_token, "max_metric_names": 3}
    )
    async with serving(Server(watched, database_url, SECRET).app) as found:
        yield found


@pytest.fixture
async def watched_client(address: str, settings: Settings, world: World) -> AsyncIterator[Client]:
    async with Client.of(address, settings, SECRET, world.account_id) as opened:
        yield opened


async def test_operations_are_counted_and_timed(address: str, watched_client: Client) -> None:
    for _ in range(3):
        await watched_client.data("query Usage { quotaUsage { used } }")
    await watched_client.data("{ __typename }")
    await watched_client.answer("query Wrong { unknown }")
    await watched_client.http.post("/graphql", content=b"{", headers={"authorization": "Bearer x"})
    found = await read(address)
    assert found.value("operations_total", operation="Usage", kind="query", transport="http", outcome="answered") == 3
    assert found.value("operations_total", operation="anonymous") == 1
    assert found.value("operation_seconds_count", operation="Usage", kind="query") == 3
    assert 0 < (found.value("operation_seconds_sum", operation="Usage") or 0) < 10
    assert found.value("refused_total", code="GRAPHQL_VALIDATION_FAILED", transport="http") == 1
    assert found.value("refused_total", code="UNAUTHORIZED") == 1
    assert found.value("http_responses_total", status="401") == 1
    assert found.value("open", transport="http") == 1  # this reading


async def test_errors_are_counted_by_their_code(address: str, settings: Settings, world: World) -> None:
    async with Client.of(address, settings, SECRET, world.account_id, permissions=()) as powerless:
        code = (await powerless.error("query Usage { quotaUsage { used } }"))["code"]
    assert (await read(address)).value("errors_total", operation="Usage", code=code) == 1


async def test_names_that_clients_choose_are_bounded(address: str, watched_client: Client) -> None:
    for number in range(10):
        await watched_client.data(f"query Name{number} {{ __typename }}")
    await watched_client.data("query Name1 { __typename }")
    found = await read(address)
    assert found.values("operations_total", "operation") == {"Name0", "Name1", "Name2", "other"}
    assert found.value("operations_total", operation="other") == 7
    assert found.value("operations_total", operation="Name1") == 2


def test_names_of_clients_are_bounded_and_cannot_break_the_page() -> None:
    metrics = Metrics(Settings())
    for number in range(2 * MOST_CLIENTS):
        name = f'evil{number}"}} 1\nsegments_up 5\n'
        exchange = Exchange(headers=[(b"graphql-client-name", name.encode())])
        metrics.ended(Observed("Q", "query", 0, ("Query.old",), Visitor(), "r", exchange, "http"))
    found = Reading(_page(metrics))
    assert len(found.values("deprecated_uses_total", "client")) == MOST_CLIENTS + 1
    assert found.value("deprecated_uses_total", client="other", part="Query.old") == MOST_CLIENTS
    assert found.value("up") is None


def test_cost_and_events_are_added_up() -> None:
    metrics = Metrics(Settings())
    metrics.ended(Observed("Q", "query", 12, (), Visitor(), "r", Exchange(), "http"))
    metrics.ended(Observed("Q", "query", 30, (), Visitor(), "r", Exchange(), "http"))
    metrics.ended(Observed("S", "subscription", 1, (), Visitor(), "r", Exchange(), "sse", events=7, seconds=3600))
    found = Reading(_page(metrics))
    assert found.value("operation_cost_total", operation="Q") == 42
    assert found.value("subscription_events_total", operation="S") == 7
    assert found.value("operation_seconds_count", operation="S", kind="subscription") in (None, 0)


async def test_how_busy_the_database_is_shows(database_url: str, settings: Settings, world: World) -> None:
    narrow = settings.model_copy(update={"pool_size": 2, "writers_per_account": 1})
    metrics = Metrics(settings)
    database = await Database.open(database_url, narrow)
    metrics.watch(database, Engine(graph(), settings, lambda _: None)._documents.use)
    begun, done = asyncio.Event(), asyncio.Event()

    async def change() -> None:
        async with database.write(world.account_id):
            begun.set()
            await done.wait()

    async def read_slowly() -> None:
        async with database.snapshot():
            await done.wait()

    changes = [asyncio.create_task(change()) for _ in range(3)]
    await begun.wait()
    reads = [asyncio.create_task(read_slowly()) for _ in range(3)]
    while (database.use().in_use, database.use().waiting) != (2, 2):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    found = Reading(_page(metrics))
    assert (found.value("pool_connections"), found.value("pool_in_use"), found.value("pool_waiting")) == (4, 2, 2)
    assert (found.value("changes_running"), found.value("changes_waiting")) == (1, 2)
    done.set()
    await asyncio.gather(*changes, *reads)
    found = Reading(_page(metrics))
    assert (found.value("pool_in_use"), found.value("pool_waiting"), found.value("changes_running")) == (0, 0, 0)
    await database.close()


async def test_documents_that_are_kept_are_parsed_once(address: str, watched_client: Client) -> None:
    for _ in range(5):
        await watched_client.data("query Kept { __typename }")
    found = await read(address)
    assert (found.value("documents_read_total"), found.value("documents_kept")) == (1, 1)
    assert (found.value("documents_bytes") or 0) >= len("query Kept { __typename }")


async def test_the_build_and_the_process_are_told(address: str) -> None:
    found = await read(address)
    assert found.value("build_info") == 1
    assert any(each.name == "process_start_time_seconds" for each in found.samples)


async def test_nothing_names_a_tenant(address: str, watched_client: Client, world: World) -> None:
    await watched_client.data("query Usage { quotaUsage { used } }")
    assert str(world.account_id) not in (await read(address)).text


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "é"])
async def test_without_the_token_nothing_is_told(address: str, authorization: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(f"{address}/metrics", headers={b"authorization": authorization.encode("latin-1")})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert "segments_" not in response.text


async def test_they_can_be_turned_off(database_url: str) -> None:
    settings = Settings(jwt_secret=SECRET, metrics=False, pool_size=1)
    async with (
        serving(Server(settings, database_url, SECRET).app) as address,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        assert (await http.get(f"{address}/metrics")).status_code == 404


def _page(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()

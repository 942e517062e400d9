"""What Prometheus reads, as its own parser reads it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.database import Database
from app.domain.export_links import ExportFormat, ExportKind, ExportLink
from app.engine.execution import Engine
from app.engine.observing import Exchange, Observed, Transport
from app.metrics import MOST_CLIENTS, MOST_CODES, Metrics
from app.server import Server
from app.settings import Settings
from app.tallies import SECONDS
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.engine.sample import Visitor, graph
from tests.world import World

TOKEN = "what Prometheus says so that it may read"


GUIDE = Path(__file__).parent.parent / "docs" / "deployment.md"


def ended(name: str | None = "Q", kind: str = "query", transport: Transport = "http", **more: Any) -> Observed:
    """An operation that has."""
    cost, deprecated = more.pop("cost", 0), more.pop("deprecated", ())
    observed = Observed(name, kind, cost, deprecated, Visitor(), "r", Exchange(), transport)
    vars(observed).update(more)
    return observed


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

    def buckets(self, name: str) -> dict[str, float]:
        """Those of the one histogram by their bounds, in the order of the page."""
        found = [each for each in self.samples if each.name == f"segments_{name}_bucket"]
        buckets = {each.labels["le"]: each.value for each in found}
        assert len(buckets) == len(found), found
        return buckets

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


def test_codes_are_bounded() -> None:
    metrics = Metrics(Settings())
    for number in range(2 * MOST_CODES):
        metrics.refused(Exchange(), (f"CODE_{number}",), None)
        metrics.ended(ended(codes=(f"CODE_{number}",)))
    found = Reading(_page(metrics))
    for name in ("refused_total", "errors_total"):
        assert len(found.values(name, "code")) == MOST_CODES + 1
        assert found.value(name, code="other") == MOST_CODES


def test_operations_that_share_a_label_are_one_line_each() -> None:
    """However they came, whatever came of them, and whatever clients call them."""
    metrics = Metrics(Settings(max_metric_names=2))
    for each in (
        ended("anonymous", cost=1),
        ended(None, cost=2),
        ended(None, transport="websocket", cost=4),
        ended(None, outcome="failed", cost=8),
        ended("Named", cost=16),
        ended("other", cost=32),
        ended("Further", cost=64),
    ):
        metrics.ended(each)
    found = Reading(_page(metrics))
    assert found.value("operations_total", operation="anonymous", transport="http", outcome="answered") == 2
    assert found.value("operations_total", operation="anonymous", transport="websocket") == 1
    assert found.value("operations_total", operation="anonymous", outcome="failed") == 1
    assert found.value("operations_total", operation="other") == 2
    for operation, count, cost in (("anonymous", 4, 15), ("Named", 1, 16), ("other", 2, 96)):
        assert found.value("operation_seconds_count", operation=operation) == count
        assert found.value("operation_cost_total", operation=operation) == cost


@hypothesis_settings(deadline=None)
@given(st.lists(st.sampled_from(SECONDS) | st.floats(0, 100), max_size=50))
def test_the_histogram_is_the_one_of_prometheus(times: list[float]) -> None:
    metrics, registry = Metrics(Settings()), CollectorRegistry()
    theirs = Histogram("segments_operation_seconds", "", ("operation",), buckets=SECONDS, registry=registry)
    for place, seconds in enumerate(times):
        metrics.ended(ended(seconds=seconds, transport="websocket" if place % 2 else "http"))
        theirs.labels("Q").observe(seconds)
    found, expected = Reading(_page(metrics)), Reading(generate_latest(registry).decode())
    assert list(found.buckets("operation_seconds").items()) == list(expected.buckets("operation_seconds").items())
    assert list(found.buckets("operation_seconds").values())[-1:] == ([len(times)] if times else [])
    assert found.value("operation_seconds_count") == expected.value("operation_seconds_count")
    assert found.value("operation_seconds_sum") == pytest.approx(expected.value("operation_seconds_sum"))


def test_what_is_open_is_no_longer_when_it_is_closed() -> None:
    metrics = Metrics(Settings())
    request, stream, socket = Exchange(), Exchange(), Exchange("websocket", is_socket=True)
    for exchange in (request, stream, socket):
        metrics.opened(exchange)
    found = Reading(_page(metrics))
    assert (found.value("open", transport="http"), found.value("open", transport="websocket")) == (2, 1)
    stream.transport = "sse"
    metrics.closed(request, 200)
    metrics.closed(stream, 200)
    metrics.closed(socket, None)
    found = Reading(_page(metrics))
    assert (found.value("open", transport="http"), found.value("open", transport="websocket")) == (0, 0)
    assert found.values("http_responses_total", "status") == {"200"}
    assert found.value("http_responses_total", status="200") == 2


def test_the_guide_says_which_metrics_there_are_and_by_what() -> None:
    metrics = Metrics(Settings())
    link = ExportLink(uuid4(), ExportKind.SEGMENT, uuid4(), ExportFormat.CSV, b"", 0)
    metrics.closed(Exchange(), 200)
    metrics.refused(Exchange(), ("CODE",), None)
    metrics.export_ended(link, "completed", 1)
    metrics.ended(ended(kind="subscription", transport="sse"))
    metrics.ended(ended(codes=("CODE",), deprecated=("Query.old",), executor="graphql-core; error"))
    named = {
        re.sub("_(bucket|count|sum)$", "", each.name).removeprefix("segments_"): each.labels.keys() - {"le"}
        for each in Reading(_page(metrics)).samples
        if each.name.startswith("segments_")
    }
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([a-z, ]*?) ?\| ", GUIDE.read_text("utf-8"), re.MULTILINE)
    told = {name: set(by.split(", ")) - {""} for names, by in rows for name in re.findall(r"\w+", names)}
    assert {name: told.get(name) for name in named} == named


def test_cost_and_events_are_added_up() -> None:
    metrics = Metrics(Settings())
    metrics.ended(ended(cost=12))
    metrics.ended(ended(cost=30))
    metrics.ended(ended("S", "subscription", "sse", cost=1, events=7, seconds=3600))
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

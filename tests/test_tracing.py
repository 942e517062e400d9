"""Spans of operations and of their statements, as OpenTelemetry's own exporter receives them."""

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from app.server import Server
from app.settings import InvalidSettingsError, Settings
from app.tracing import Tracing, purpose, tracing
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.world import World

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
USAGE = "query Usage { quotaUsage { used } }"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def traced_address(database_url: str, settings: Settings, exporter: InMemorySpanExporter) -> AsyncIterator[str]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with serving(Server(settings, database_url, SECRET, tracing=Tracing(provider)).app) as address:
        yield address


@pytest.fixture
async def traced(traced_address: str, settings: Settings, world: World) -> AsyncIterator[Client]:
    async with Client.of(traced_address, settings, SECRET, world.account_id) as opened:
        yield opened


def operation_and_statements(exporter: InMemorySpanExporter) -> tuple[ReadableSpan, Sequence[ReadableSpan]]:
    spans = exporter.get_finished_spans()
    [operation] = [each for each in spans if each.kind is SpanKind.SERVER]
    return operation, [each for each in spans if each is not operation]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_an_operation_is_a_span_with_its_statements_below(traced: Client, exporter: InMemorySpanExporter) -> None:
    await traced.data(USAGE)
    operation, statements = operation_and_statements(exporter)
    assert operation.name == "query"
    found = attributes(operation)
    assert found.pop("segments.request_id")
    assert found == {
        "graphql.operation.name": "Usage",
        "graphql.operation.type": "query",
        "segments.cost": 1,
        "segments.transport": "http",
    }
    assert statements
    for each in statements:
        assert operation.context is not None
        assert each.parent is not None
        assert each.parent.span_id == operation.context.span_id
        assert each.kind is SpanKind.CLIENT
        assert attributes(each)["db.system.name"] == "postgresql"
        assert attributes(each)["db.query.summary"] == each.name
        assert attributes(each)["db.query.text"].startswith(f"-- {each.name}")
        assert operation.start_time is not None
        assert operation.end_time is not None
        assert operation.start_time <= (each.start_time or 0) <= (each.end_time or 0) <= operation.end_time


async def test_a_change_shows_that_it_took_its_turn(traced: Client, exporter: InMemorySpanExporter) -> None:
    await traced.data('mutation { createSegment(input: {name: "Secret Name", channel: EMAIL}) { __typename } }')
    operation, statements = operation_and_statements(exporter)
    assert operation.name == "mutation"
    assert "Take the account's turn to change its data" in [each.name for each in statements]


async def test_no_value_is_in_a_span(traced: Client, exporter: InMemorySpanExporter, world: World) -> None:
    query = 'mutation { createSegment(input: {name: "Secret Name", channel: EMAIL}) { __typename } }'
    await traced.data(query)
    for span in exporter.get_finished_spans():
        assert "Secret Name" not in span.to_json()
        assert str(world.account_id) not in span.to_json()


async def test_who_traces_already_is_the_parent(traced: Client, exporter: InMemorySpanExporter) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    await traced.http.post("/graphql", json={"query": USAGE}, headers=headers)
    operation, statements = operation_and_statements(exporter)
    assert operation.parent is not None
    assert f"{operation.parent.span_id:016x}" == PARENT
    assert {f"{each.context.trace_id:032x}" for each in (operation, *statements) if each.context} == {TRACE}


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{TRACE}-{'0' * 16}-01", "00-" + "é" * 40, "x" * 10_000])
async def test_a_parent_that_is_none_is_left_alone(
    traceparent: str, traced: Client, exporter: InMemorySpanExporter
) -> None:
    headers = {b"traceparent": traceparent.encode("latin-1")}
    response = await traced.http.post("/graphql", json={"query": USAGE}, headers=headers)
    assert "errors" not in response.json()
    operation, _ = operation_and_statements(exporter)
    assert operation.parent is None


async def test_an_error_is_marked_by_its_code(
    traced_address: str, exporter: InMemorySpanExporter, settings: Settings, world: World
) -> None:
    async with Client.of(traced_address, settings, SECRET, world.account_id, permissions=()) as powerless:
        error = await powerless.error(USAGE)
    operation, _ = operation_and_statements(exporter)
    assert attributes(operation)["error.type"] == error["code"]
    assert operation.status.is_unset or operation.status.is_ok


async def test_what_runs_beside_operations_makes_no_spans(traced: Client, exporter: InMemorySpanExporter) -> None:
    await traced.http.get("/readyz")
    assert exporter.get_finished_spans() == ()


async def test_operations_at_once_do_not_mix(traced: Client, exporter: InMemorySpanExporter) -> None:
    await asyncio.gather(*(traced.data(USAGE) for _ in range(10)))
    spans = exporter.get_finished_spans()
    operations = {each.context.span_id for each in spans if each.kind is SpanKind.SERVER and each.context}
    parents = [each.parent.span_id for each in spans if each.kind is SpanKind.CLIENT and each.parent]
    assert len(operations) == 10
    assert set(parents) <= operations
    assert len({parents.count(each) for each in operations}) == 1


def test_a_statement_is_named_by_its_purpose() -> None:
    assert purpose("\n-- One account.\nSELECT id FROM account\n") == "One account"
    assert purpose("COPY candidate") == "COPY candidate"
    assert purpose("SELECT 1 FROM x") == "SELECT 1"


async def test_nothing_is_imported_unless_traces_are_asked_for() -> None:
    program = "import app.cli, sys; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await process.wait() == 0
    assert tracing(Settings()) is None


async def test_traces_without_opentelemetry_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    with pytest.raises(InvalidSettingsError, match=r"\[tracing\]"):
        tracing(Settings())


async def test_traces_arrive_at_the_collector(database_url: str, settings: Settings, world: World) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, gzip.decompress(body) if "content-encoding" in self.headers else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        traced = settings.model_copy(update={"otlp_endpoint": f"http://127.0.0.1:{collector.server_port}"})
        async with (
            serving(Server(traced, database_url, SECRET, tracing=tracing(traced)).app) as address,
            Client.of(address, settings, SECRET, world.account_id) as client,
        ):
            await client.data(USAGE)
        collector.shutdown()
    assert {path for path, _ in received} == {"/v1/traces"}
    assert any(b"Usage" in body for _, body in received)

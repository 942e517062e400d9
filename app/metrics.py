"""What Prometheus reads: counts of operations, times, and how busy the database is. Nothing in it names a tenant."""

import platform
from collections.abc import Callable, Iterable, Sequence
from hmac import compare_digest
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.database import Database, DatabaseUse
from app.domain.export_links import ExportLink
from app.engine.documents import DocumentUse
from app.engine.execution import Session
from app.engine.observing import Exchange, Observed, Observer
from app.exporting import ExportWatch
from app.settings import Settings
from app.tallies import Family, Names, Operations, Tally

MOST_CLIENTS = 50
MOST_CODES = 100
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Observer, ExportWatch):
    """The metrics of one server, in a registry of their own."""

    def __init__(self, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._token = settings.metrics_token
        self._clients = Names(MOST_CLIENTS)
        self._codes = Names(MOST_CODES)
        self._operations = Operations(settings.max_metric_names)
        self.registry.register(self._operations)
        self._make()

    def _make(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Tally:
            return self._tally(CounterMetricFamily, name, text, *labels)

        def gauge(name: str, text: str, *labels: str) -> Tally:
            return self._tally(GaugeMetricFamily, name, text, *labels)

        self._fallbacks = counter(
            "fallbacks", "Queries that were not run level by level, and why.", "operation", "reason"
        )
        self._events = counter("subscription_events", "Answers that subscriptions gave.", "operation")
        self._errors = counter("errors", "Operations with an error of this code.", "operation", "code")
        self._refused = counter("refused", "Requests that were refused, by the code they got.", "transport", "code")
        self._deprecated = counter(
            "deprecated_uses", "Operations that used this deprecated part of the schema.", "part", "client"
        )
        self._statuses = counter("http_responses", "Answers by HTTP status.", "status")
        self._open = gauge("open", "Requests under way and open sockets.", "transport")
        for transport in ("http", "websocket"):
            self._open.add(transport, by=0)
        self._exports = counter("exports", "Exports that have ended or were refused.", "of", "format", "outcome")
        self._export_bytes = counter("export_bytes", "Bytes that exports have sent.", "of", "format")
        self._exports_running = gauge("exports_running", "Exports under way.")
        self._exports_running.add(by=0)
        gauge("build_info", "Always 1.", "version", "python").add(version("segments"), platform.python_version())

    def _tally(self, family: Family, name: str, text: str, *labels: str) -> Tally:
        made = Tally(family, name, text, *labels)
        self.registry.register(made)
        return made

    def watch(self, database: Database, documents: Callable[[], DocumentUse]) -> None:
        """Reports on these whenever somebody reads."""
        self.registry.register(_Busy(database.use, documents))

    def opened(self, exchange: Exchange) -> None:
        self._open.add(exchange.transport)

    def closed(self, exchange: Exchange, status: int | None) -> None:
        # Its transport may have been named more precisely since it was opened.
        self._open.add("websocket" if exchange.is_socket else "http", by=-1)
        if status is not None:
            self._statuses.add(str(status))

    def ended(self, operation: Observed) -> None:
        self._operations.add(operation)
        if operation.kind == "subscription":
            self._events.add(self._operations.label(operation.name), by=operation.events)
        _, _, reason = operation.executor.partition("; ")
        if reason:
            self._fallbacks.add(self._operations.label(operation.name), reason)
        for code in operation.codes:
            self._errors.add(self._operations.label(operation.name), self._codes.bounded(code))
        for part in operation.deprecated:
            self._deprecated.add(part, self._client(operation.exchange))

    def refused(self, exchange: Exchange, codes: Sequence[str], _: Session | None) -> None:
        for code in codes:
            self._refused.add(exchange.transport, self._codes.bounded(code))

    def export_began(self) -> None:
        self._exports_running.add()

    def export_refused(self, link: ExportLink) -> None:
        self._exports.add(link.kind.value, link.format.value, "refused")

    def export_ended(self, link: ExportLink, outcome: str, size: int) -> None:
        self._exports_running.add(by=-1)
        self._exports.add(link.kind.value, link.format.value, outcome)
        self._export_bytes.add(link.kind.value, link.format.value, by=size)

    async def page(self, request: Request) -> Response:
        """What a reader gets, if it has the token."""
        if self._token is not None:
            wanted = f"Bearer {self._token.get_secret_value()}".encode()
            if not compare_digest(request.headers.get("authorization", "").encode("latin-1"), wanted):
                raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        return Response(generate_latest(self.registry), media_type=TEXT, headers={"cache-control": "no-store"})

    def _client(self, exchange: Exchange) -> str:
        name = exchange.client_name
        return "unnamed" if not name else self._clients.bounded(name)


class _Busy(Collector):
    """What is looked at when somebody reads, rather than counted as it happens."""

    def __init__(self, database: Callable[[], DatabaseUse], documents: Callable[[], DocumentUse]) -> None:
        self._database = database
        self._documents = documents

    def collect(self) -> Iterable[Metric]:
        database, documents = self._database(), self._documents()
        yield GaugeMetricFamily("segments_pool_connections", "Open connections to the database.", database.size)
        yield GaugeMetricFamily("segments_pool_in_use", "Connections that are in use.", database.in_use)
        yield GaugeMetricFamily("segments_pool_waiting", "Those that wait for a connection.", database.waiting)
        yield GaugeMetricFamily("segments_changes_running", "Changes at the database.", database.changing)
        yield GaugeMetricFamily(
            "segments_changes_waiting", "Changes that wait in the process for their account.", database.changes_waiting
        )
        yield GaugeMetricFamily("segments_documents_kept", "GraphQL documents that are kept.", documents.kept)
        yield GaugeMetricFamily("segments_documents_bytes", "Bytes of the documents kept.", documents.kept_bytes)
        yield CounterMetricFamily(
            "segments_documents_read", "GraphQL documents that had to be parsed, not being kept.", documents.read
        )

"""What Prometheus reads: counts of operations, times, and how busy the database is. Nothing in it names a tenant."""

import platform
from collections.abc import Callable, Iterable, Sequence
from hmac import compare_digest
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
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

OTHER = "other"
MOST_CLIENTS = 50
MOST_CODES = 100
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Observer, ExportWatch):
    """The metrics of one server, in a registry of their own."""

    def __init__(self, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._token = settings.metrics_token
        self._operations = Names(settings.max_metric_names)
        self._clients = Names(MOST_CLIENTS)
        self._codes = Names(MOST_CODES)
        # Children by their labels: finding them by `labels` takes longer than counting.
        self._kept: dict[tuple[object, ...], _Children] = {}
        self._make()

    def _make(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"segments_{name}", text, labels, registry=self.registry)

        self._count = counter("operations", "Operations that have ended.", "operation", "kind", "transport", "outcome")
        self._seconds = Histogram(
            "segments_operation_seconds",
            "Seconds that queries and mutations took.",
            ("operation", "kind"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._cost = counter("operation_cost", "Cost of operations, as it was reckoned before they ran.", "operation")
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
        self._by_status: dict[int, Counter] = {}
        is_open = Gauge("segments_open", "Requests under way and open sockets.", ("transport",), registry=self.registry)
        self._now_open = {transport: is_open.labels(transport) for transport in ("http", "websocket")}
        self._exports = counter("exports", "Exports that have ended or were refused.", "of", "format", "outcome")
        self._export_bytes = counter("export_bytes", "Bytes that exports have sent.", "of", "format")
        self._exports_running = Gauge("segments_exports_running", "Exports under way.", registry=self.registry)
        build = Gauge("segments_build_info", "Always 1.", ("version", "python"), registry=self.registry)
        build.labels(version("segments"), platform.python_version()).set(1)

    def watch(self, database: Database, documents: Callable[[], DocumentUse]) -> None:
        """Reports on these whenever somebody reads."""
        self.registry.register(_Busy(database.use, documents))

    def opened(self, exchange: Exchange) -> None:
        self._now_open[exchange.transport].inc()

    def closed(self, exchange: Exchange, status: int | None) -> None:
        # Its transport may have been named more precisely since it was opened.
        self._now_open["websocket" if exchange.is_socket else "http"].dec()
        if status is not None:
            found = self._by_status.get(status)
            if found is None:
                found = self._by_status[status] = self._statuses.labels(str(status))
            found.inc()

    def ended(self, operation: Observed) -> None:
        name = "anonymous" if operation.name is None else self._operations.bounded(operation.name)
        place = (name, operation.kind, operation.transport, operation.outcome)
        found = self._kept.get(place)
        if found is None:
            found = self._kept[place] = _Children(self._count, self._seconds, self._cost, place)
        found.count.inc()
        if operation.kind == "subscription":
            self._events.labels(name).inc(operation.events)
        else:
            found.seconds.observe(operation.seconds)
        if operation.cost:
            found.cost.inc(operation.cost)
        _, _, reason = operation.executor.partition("; ")
        if reason:
            self._fallbacks.labels(name, reason).inc()
        for code in operation.codes:
            self._errors.labels(name, self._codes.bounded(code)).inc()
        for part in operation.deprecated:
            self._deprecated.labels(part, self._client(operation.exchange)).inc()

    def refused(self, exchange: Exchange, codes: Sequence[str], _: Session | None) -> None:
        for code in codes:
            self._refused.labels(exchange.transport, self._codes.bounded(code)).inc()

    def export_began(self) -> None:
        self._exports_running.inc()

    def export_refused(self, link: ExportLink) -> None:
        self._exports.labels(link.kind.value, link.format.value, "refused").inc()

    def export_ended(self, link: ExportLink, outcome: str, size: int) -> None:
        self._exports_running.dec()
        self._exports.labels(link.kind.value, link.format.value, outcome).inc()
        self._export_bytes.labels(link.kind.value, link.format.value).inc(size)

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


class Names:
    """Names that clients choose: the first so many are told apart until the process ends, all further are other."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def bounded(self, name: str) -> str:
        if name in self._seen:
            return name
        if len(self._seen) < self._most:
            self._seen.add(name)
            return name
        return OTHER


class _Children:
    """What one kind of operation counts in."""

    __slots__ = ("cost", "count", "seconds")

    def __init__(self, count: Counter, seconds: Histogram, cost: Counter, labels: tuple[str, ...]) -> None:
        name, kind, _, _ = labels
        self.count = count.labels(*labels)
        self.seconds = seconds.labels(name, kind)
        self.cost = cost.labels(name)


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

"""Traces by OpenTelemetry: a span per operation, and within it one per SQL statement. Off unless asked for.

OpenTelemetry is imported only here, and only when it is on: `the extra `tracing``. Its own variables
(`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`, ...) say the rest.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from app.engine.observing import Observed, Observer
from app.settings import InvalidSettingsError, Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

MISSING = "OTEL_EXPORTER_OTLP_ENDPOINT: traces need OpenTelemetry: pip install --editable '.[tracing]'"


def tracing(settings: Settings) -> "Tracing | None":
    """The tracing that the settings ask for. Raises InvalidSettingsError when it is not installed."""
    if settings.otlp_endpoint is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise InvalidSettingsError(MISSING) from None
    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "segments"}
    provider = TracerProvider(resource=Resource.create({**named, "service.version": version("segments")}))
    endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider)


class Tracing(Observer):
    """Makes spans. Those of statements hang below the operation that runs them; outside of one there are none."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("segments", version("segments"))
        self._context = context
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()

    def begun(self, operation: Observed) -> None:
        carrier = {
            name: value
            for name in ("traceparent", "tracestate")
            if (value := operation.exchange.header(name.encode(), most=512)) is not None
        }
        attributes: dict[str, str | int | float] = {
            "graphql.operation.type": operation.kind,
            "segments.transport": operation.transport,
            "segments.request_id": operation.request_id,
        }
        if operation.name:
            attributes["graphql.operation.name"] = operation.name
        if operation.cost:
            attributes["segments.cost"] = operation.cost
        # Clients choose names, so they are no part of the span's own.
        span = self._tracer.start_span(
            operation.kind,
            self._propagator.extract(carrier, self._context.Context()),
            kind=self._trace.SpanKind.SERVER,
            attributes=attributes,
        )
        operation.trace_id = f"{span.get_span_context().trace_id:032x}"
        # A subscription runs now in one task's context and then in another's, so it is nobody's parent.
        token = None
        if operation.kind != "subscription":
            token = self._context.attach(self._trace.set_span_in_context(span))
        operation.notes[self] = (span, token)

    def ended(self, operation: Observed) -> None:
        span, token = operation.notes.pop(self)
        if token is not None:
            self._context.detach(token)
        if operation.codes:
            span.set_attribute("error.type", operation.codes[0])
        if operation.outcome == "failed" or "INTERNAL_SERVER_ERROR" in operation.codes:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    def statement(self, text: str) -> AbstractContextManager[object] | None:
        """A span for as long as a statement runs. Texts hold parameters, never their values."""
        return self._statement(text) if self._trace.get_current_span().is_recording() else None

    @contextmanager
    def _statement(self, text: str) -> Iterator[None]:
        summary = purpose(text)
        span = self._tracer.start_span(
            summary,
            kind=self._trace.SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql", "db.query.summary": summary, "db.query.text": text.strip()},
        )
        try:
            yield
        except BaseException as error:
            # Not its message, which may quote values.
            span.set_attribute("error.type", getattr(error, "sqlstate", None) or type(error).__name__)
            span.set_status(self._trace.StatusCode.ERROR)
            raise
        finally:
            span.end()

    def close(self) -> None:
        """Sends what has not been sent."""
        self._provider.shutdown()


def purpose(statement: str) -> str:
    """What the first line of a statement says it is for; its first two words when it says nothing."""
    first = statement.strip().partition("\n")[0]
    return first[2:].strip().rstrip(".") if first.startswith("--") else " ".join(first.split()[:2])

"""What the process says on standard error: one line of JSON per event, or of text for a person at a terminal."""

import logging
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.context import Session
from app.engine.execution import Session as AnySession
from app.engine.observing import Exchange, Observed, Observer, current_exchange
from app.redaction import described, redacted
from app.settings import Settings

OPERATIONS = "segments.operations"
"""The logger of the line that each operation has."""

LARGEST_NUMBER = 10**8
"""A whole number from here on could be a phone number."""


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Sends all that is logged, by whichever library, through one set of processors to the stream."""
    stream = stream or sys.stderr
    readable = settings.log_format == "console" or (settings.log_format == "auto" and stream.isatty())
    writing: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty())
        if readable
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    level = logging.getLevelNamesMapping()[settings.log_level]
    processors: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_the_request,
        _describe_the_exception,
        redact,
        writing,
    ]
    structlog.configure(
        processors=[structlog.processors.add_log_level, *processors],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    # What libraries log comes by the standard library; our own events go past it, which takes half the time.
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "alembic"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    # A record that cannot be formatted would be printed with its arguments, past everything above.
    logging.raiseExceptions = False
    sys.excepthook = _log_what_nobody_caught


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Takes tokens, e-mail addresses and phone numbers out of everything that is about to be written."""
    for name, value in event.items():
        # What this program made itself, and what the exception's processor went through already.
        if name not in ("timestamp", "level", "account", "exception"):
            event[name] = _clean(value)
    return event


class OperationLog(Observer):
    """A line for each operation, with who asked by a name that only the account's own secret leads back to."""

    def __init__(self) -> None:
        self._log = structlog.get_logger(OPERATIONS)
        self._gate = logging.getLogger(OPERATIONS)

    def ended(self, operation: Observed) -> None:
        if not self._gate.isEnabledFor(logging.INFO):
            return
        line = {
            "request_id": operation.request_id,
            **_who(operation.session),
            "operation": operation.name,
            "kind": operation.kind,
            "transport": operation.transport,
            "status": operation.outcome,
            "errors": operation.codes,
            "milliseconds": round(operation.seconds * 1000, 2),
            "cost": operation.cost,
            "events": operation.events,
            "client": operation.exchange.client_name,
            "client_version": operation.exchange.client_version,
            "deprecated": operation.deprecated,
            "trace_id": operation.trace_id,
        }
        self._log.info("operation", **{name: value for name, value in line.items() if value})

    def refused(self, exchange: Exchange, codes: Sequence[str], session: AnySession | None) -> None:
        if not self._gate.isEnabledFor(logging.INFO):
            return
        line = {
            "request_id": exchange.request_id,
            **_who(session),
            "transport": exchange.transport,
            "status": "refused",
            "errors": codes,
            "client": exchange.client_name,
            "client_version": exchange.client_version,
        }
        self._log.info("operation", **{name: value for name, value in line.items() if value})


def _who(session: AnySession | None) -> dict[str, str]:
    if not isinstance(session, Session):
        return {}
    subject = session.account.alias_of(session.principal.subject)
    return {"account": str(session.account.id), "subject": f"#{subject.hex()}"}


def _name_the_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    exchange = current_exchange()
    if exchange is not None and exchange.request_id:
        event.setdefault("request_id", exchange.request_id)
    return event


def _describe_the_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(given, BaseException):
        given = (type(given), given, given.__traceback__)
    elif given and not isinstance(given, tuple):
        given = sys.exc_info()
    if given and given[1] is not None:
        event["exception"] = described(*given)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return redacted(str(value)) if isinstance(value, int) and abs(value) >= LARGEST_NUMBER else value
    if isinstance(value, Mapping):
        return {redacted(str(name)): _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    return redacted(str(value))


def _json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def _log_what_nobody_caught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger(__name__).critical("stopped by an exception", exc_info=(kind, error, trace))

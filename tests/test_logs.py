"""What the process says on standard error, whoever says it, and that it tells nobody's secrets."""

import asyncio
import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog

from app import logs
from app.engine.http import GraphQLApp
from app.engine.observing import ObservedApp, ObservedEngine
from app.server import Server
from app.settings import Settings
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.engine.sample import authenticate, explain, graph
from tests.test_redaction import TOKEN
from tests.world import World


class Log(io.StringIO):
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


class Terminal(Log):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    # What a logger keeps it keeps for good, and so for the tests that come after.
    configure = structlog.configure
    monkeypatch.setattr(structlog, "configure", lambda **how: configure(**how | {"cache_logger_on_first_use": False}))
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    logging.raiseExceptions = True
    sys.excepthook = hook


@pytest.fixture
def log() -> Log:
    stream = Log()
    logs.configure(Settings(log_format="json"), stream)
    return stream


def test_a_line_is_json_unless_somebody_watches() -> None:
    for stream, form, is_json in ((Log(), "auto", True), (Terminal(), "auto", False), (Terminal(), "json", True)):
        logs.configure(Settings.model_validate({"log_format": form}), stream)
        structlog.get_logger().warning("hello", size=5)
        assert ("{" in stream.getvalue()) is is_json
        assert "hello" in stream.getvalue()


def test_the_level_is_the_same_for_all(log: Log) -> None:
    structlog.get_logger().debug("ours")
    logging.getLogger("uvicorn.error").debug("theirs")
    assert log.getvalue() == ""


@pytest.mark.parametrize("secret", [TOKEN, "ada@example.nl", "+31612345678", "06-12345678"])
def test_no_secret_is_logged_whoever_says_it(log: Log, secret: str) -> None:
    ours, theirs = structlog.get_logger(), logging.getLogger("uvicorn.error")
    ours.info(f"event {secret}", value=secret, nested={secret: [secret, {"x": (secret,)}]}, thing=ValueError(secret))
    theirs.info("message %s %r", secret, {"email": secret})
    theirs.warning("extra", extra={"person": secret})
    for caught_by in (ours, theirs):
        try:
            raise ValueError(secret)
        except ValueError as error:
            error.add_note(secret)
            caught_by.exception("failed")
            caught_by.error("failed", exc_info=error)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(secret, UserWarning, stacklevel=1)
    sys.excepthook(ValueError, ValueError(secret), None)
    theirs.info("cannot be formatted %d", secret)
    assert secret not in log.getvalue()
    assert [event["level"] for event in log.events()] == [
        "info", "info", "warning", "error", "error", "error", "error", "warning", "critical",
    ]  # fmt: skip
    assert sum("ValueError" in event.get("exception", "") for event in log.events()) == 5


def test_a_large_number_could_be_one_of_a_telephone(log: Log) -> None:
    structlog.get_logger().info("numbers", mobile=31612345678, rows=1_000, seconds=0.25, found=True, none=None)
    [event] = log.events()
    assert event["mobile"] == "[phone]"
    assert (event["rows"], event["seconds"], event["found"], event["none"]) == (1_000, 0.25, True, None)


async def test_a_task_that_nobody_awaited_is_logged_without_its_secrets(log: Log) -> None:
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "ada@example.nl", "exception": ValueError("+31612345678")})
    [event] = log.events()
    assert event["logger"] == "asyncio"
    assert "ValueError" in event["exception"]
    assert "ada" not in log.getvalue()
    assert "12345678" not in log.getvalue()


@pytest.fixture
async def http(log: Log) -> Any:
    app = GraphQLApp(ObservedEngine(graph(), Settings(), explain, [logs.OperationLog()]), authenticate)
    observed = ObservedApp(app, [logs.OperationLog()], lambda: False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(observed), base_url="http://segments.test") as client:
        yield client


async def test_an_operation_has_one_line(http: httpx.AsyncClient, log: Log) -> None:
    headers = {"x-request-id": "r-1", "graphql-client-name": "web", "graphql-client-version": "1.2"}
    await http.post("/", json={"query": "query Greeting { hello told }"}, headers=headers)
    [event] = log.events()
    assert event.pop("milliseconds") > 0
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "operation",
        "level": "info",
        "request_id": "r-1",
        "operation": "Greeting",
        "kind": "query",
        "transport": "http",
        "status": "answered",
        "cost": 1,
        "errors": ["FORBIDDEN"],
        "client": "web",
        "client_version": "1.2",
    }


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        ({"query": "{ unknown }"}, {}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query a { hello }", "operationName": "b"}, {}, "BAD_REQUEST"),
        ([], {}, "BAD_REQUEST"),
        ({"query": "{ hello }"}, {"authorization": "stranger"}, "UNAUTHORIZED"),
    ],
)
async def test_what_was_refused_has_one_line(
    body: Any, headers: dict[str, str], code: str, http: httpx.AsyncClient, log: Log
) -> None:
    await http.post("/", json=body, headers={"x-request-id": "r-2", **headers})
    [event] = log.events()
    assert (event["request_id"], event["status"], event["errors"]) == ("r-2", "refused", [code])


async def test_names_that_clients_choose_smuggle_nothing(http: httpx.AsyncClient, log: Log) -> None:
    long = "x" * 10_000
    for name in ("p0612345678", TOKEN.partition(".")[0], long):
        await http.post("/", json={"query": f"query {name} {{ hello }}"}, headers={"x-request-id": "0612345678"})
    client = {"graphql-client-name": "ada@example.nl", "graphql-client-version": f"Bearer {TOKEN}"}
    await http.post("/", json={"query": "{ hello }"}, headers={**client, "x-request-id": TOKEN[:60]})
    await http.post("/", json={"query": "{ hello }", "operationName": "ada@example.nl\n{"}, headers=client)
    assert len(log.events()) == 5
    for secret in ("12345678", TOKEN[:30], "ada@", long):
        assert secret not in log.getvalue()
    assert max(len(line) for line in log.getvalue().splitlines()) < 1_000


async def test_a_masked_error_is_told_with_its_request(http: httpx.AsyncClient, log: Log) -> None:
    await http.post("/", json={"query": "{ broken }"}, headers={"x-request-id": "r-3"})
    failed, operation = log.events()
    assert (failed["level"], failed["request_id"]) == ("error", "r-3")
    assert "Traceback" in failed["exception"]
    assert "RuntimeError" in failed["exception"]
    assert operation["errors"] == ["INTERNAL_SERVER_ERROR"]


async def test_who_asked_is_named_by_what_only_their_account_leads_back_to(
    database_url: str, settings: Settings, world: World, other_world: World, log: Log
) -> None:
    async with serving(Server(settings, database_url, SECRET).app) as address:
        for of in (world, world, other_world):
            async with Client.of(address, settings, SECRET, of.account_id, subject="lovelace@example.nl") as client:
                await client.data("{ __typename }")
    lines = [event for event in log.events() if event["event"] == "operation"]
    assert [line["account"] for line in lines] == [
        str(each) for each in (world.account_id, world.account_id, other_world.account_id)
    ]
    first, again, elsewhere = (line["subject"] for line in lines)
    assert first == again != elsewhere
    assert "lovelace" not in log.getvalue()

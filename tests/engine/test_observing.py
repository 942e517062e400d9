"""Observers hear of every operation what came of it, once, and cannot get in its way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema, build_schema
from structlog.testing import capture_logs

from app.engine.deprecation import has_deprecations
from app.engine.errors import ClientError
from app.engine.execution import Session
from app.engine.http import GraphQLApp
from app.engine.observing import LONGEST_NAME, Exchange, Observed, ObservedApp, ObservedEngine, Observer
from app.engine.requests import GraphQLRequest
from app.settings import Settings
from tests.engine.sample import Visitor, authenticate, explain, graph


class Remembering(Observer):
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.operations: list[Observed] = []
        self.refusals: list[tuple[str, ...]] = []
        self.statuses: list[int | None] = []

    def opened(self, exchange: Exchange) -> None:
        self.heard.append("opened")

    def begun(self, operation: Observed) -> None:
        self.heard.append("begun")

    def ended(self, operation: Observed) -> None:
        self.heard.append("ended")
        self.operations.append(operation)

    def refused(self, exchange: Exchange, codes: Sequence[str], session: Session | None) -> None:
        self.heard.append("refused")
        self.refusals.append(tuple(codes))

    def closed(self, exchange: Exchange, status: int | None) -> None:
        self.heard.append("closed")
        self.statuses.append(status)


class Broken(Observer):
    def begun(self, operation: Observed) -> None:
        raise RuntimeError("broken")

    ended = begun


def asked(query: str) -> GraphQLRequest:
    return GraphQLRequest(query, None, None, None, None)


@pytest.fixture
def observer() -> Remembering:
    return Remembering()


@pytest.fixture
async def http(observer: Remembering) -> AsyncIterator[httpx.AsyncClient]:
    engine = ObservedEngine(graph(), Settings(), explain, [observer])
    app = ObservedApp(GraphQLApp(engine, authenticate), [observer], lambda: False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segments.test") as client:
        yield client


async def test_an_operation_is_heard_of_from_its_beginning_to_its_end(
    http: httpx.AsyncClient, observer: Remembering
) -> None:
    headers = {"x-request-id": "r", "apollographql-client-name": "web", "apollographql-client-version": "2"}
    await http.post("/", json={"query": "mutation Change { change }"}, headers=headers)
    assert observer.heard == ["opened", "begun", "ended", "closed"]
    [operation] = observer.operations
    assert (operation.name, operation.kind, operation.transport) == ("Change", "mutation", "http")
    assert (operation.outcome, operation.codes, operation.request_id) == ("answered", (), "r")
    assert (operation.exchange.client_name, operation.exchange.client_version) == ("web", "2")
    assert 0 < operation.seconds < 5
    assert observer.statuses == [200]


async def test_each_code_of_its_errors_is_told_once(http: httpx.AsyncClient, observer: Remembering) -> None:
    await http.post("/", json={"query": "{ a: told b: told broken explained }"})
    assert observer.operations[0].codes == ("FORBIDDEN", "INTERNAL_SERVER_ERROR", "KNOWN")


@pytest.mark.parametrize(
    ("body", "authorization", "codes"),
    [
        ({"query": "{ a b }"}, "", ("GRAPHQL_VALIDATION_FAILED",)),
        ({"query": "{"}, "", ("GRAPHQL_PARSE_FAILED",)),
        ({"query": "{ hello }", "operationName": "other"}, "", ("BAD_REQUEST",)),
        ([], "", ("BAD_REQUEST",)),
        ({"query": "{ hello }"}, "stranger", ("UNAUTHORIZED",)),
        ({"query": "{ hello }"}, "outage", ("INTERNAL_SERVER_ERROR",)),
    ],
)
async def test_what_is_not_begun_is_heard_of_once(
    body: Any, authorization: str, codes: tuple[str, ...], http: httpx.AsyncClient, observer: Remembering
) -> None:
    await http.post("/", json=body, headers={"authorization": authorization})
    assert observer.heard == ["opened", "refused", "closed"]
    assert observer.refusals == [codes]


async def test_an_operation_that_takes_too_long_has_failed(observer: Remembering) -> None:
    engine = ObservedEngine(_waiting_graph(), Settings(query_timeout=0.01), explain, [observer])
    with pytest.raises(ClientError):
        await engine.answer(await engine.admit(asked("{ wait }"), Visitor()), Visitor(), "r")
    assert [(each.outcome, each.codes) for each in observer.operations] == [("failed", ("TIMEOUT",))]


async def test_an_operation_whose_client_is_gone_was_cancelled(observer: Remembering) -> None:
    engine = ObservedEngine(_waiting_graph(), Settings(), explain, [observer])
    task = asyncio.create_task(engine.answer(await engine.admit(asked("{ wait }"), Visitor()), Visitor(), "r"))
    while "begun" not in observer.heard:  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert [(each.outcome, each.codes) for each in observer.operations] == [("cancelled", ())]


async def test_a_subscription_is_heard_of_with_its_events_even_when_its_client_leaves(observer: Remembering) -> None:
    engine = ObservedEngine(_waiting_graph(), Settings(), explain, [observer])
    for wanted, outcome in ((3, "answered"), (2, "cancelled")):
        answers = engine.follow(await engine.admit(asked("subscription { count }"), Visitor()), Visitor(), "r")
        got = 0
        async for _ in answers:
            got += 1
            if got == 2 and outcome == "cancelled":
                break
        await answers.aclose()
        last = observer.operations[-1]
        assert (last.events, last.outcome, last.transport) == (wanted, outcome, "sse")


async def test_an_observer_that_fails_keeps_nobody_from_an_answer(observer: Remembering) -> None:
    engine = ObservedEngine(graph(), Settings(), explain, [Broken(), observer])
    with capture_logs() as logged:
        answer = await engine.answer(await engine.admit(asked("{ hello }"), Visitor()), Visitor(), "r")
    assert answer == {"data": {"hello": "Hello you"}}
    assert observer.heard == ["begun", "ended"]
    assert [(event["event"], event["observer"]) for event in logged] == [("observer failed", "Broken.begun")] * 2


async def test_long_names_are_cut(http: httpx.AsyncClient, observer: Remembering) -> None:
    query = {"query": f"query {'x' * 500} {{ hello }}"}
    await http.post("/", json=query, headers={"graphql-client-name": "y" * 500})
    [operation] = observer.operations
    assert operation.name == "x" * LONGEST_NAME
    assert operation.exchange.client_name == "y" * LONGEST_NAME


async def test_a_server_that_is_about_to_stop_asks_clients_to_connect_anew() -> None:
    engine = ObservedEngine(graph(), Settings(), explain, [])
    leaving = False
    app = ObservedApp(GraphQLApp(engine, authenticate), [], lambda: leaving)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segments.test") as client:
        assert "connection" not in (await client.post("/", json={"query": "{ hello }"})).headers
        leaving = True
        assert (await client.post("/", json={"query": "{ hello }"})).headers["connection"] == "close"


DEPRECATING = """
type Query {
  new: String
  old: String @deprecated
  sized(size: Int, length: Int @deprecated, by: By, where: Where): Node
}
interface Node { id: ID, name: String @deprecated }
type Thing implements Node { id: ID, name: String @deprecated }
enum By { NAME, AGE @deprecated }
input Where { name: String, called: String @deprecated, and: [Where!] }
"""


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("{ new }", ()),
        ("{ old again: old }", ("Query.old",)),
        ("{ ...F } fragment F on Query { old }", ("Query.old",)),
        ("{ sized(size: 1) { id } }", ()),
        ("{ sized(length: 1) { id } }", ("Query.sized(length:)",)),
        ("{ new sized(by: AGE) { name } }", ("By.AGE", "Node.name")),
        ("{ sized { ... on Thing { name } } }", ("Thing.name",)),
        ('{ sized(where: {and: [{called: "x"}]}) { id } }', ("Where.called",)),
        ("{ new @skip(if: true) sized(size: 1, length: 2) { id } }", ("Query.sized(length:)",)),
    ],
)
async def test_what_a_document_uses_of_the_deprecated_is_told(
    query: str, parts: tuple[str, ...], observer: Remembering
) -> None:
    engine = ObservedEngine(build_schema(DEPRECATING), Settings(), explain, [observer])
    for _ in range(2):
        await engine.answer(await engine.admit(asked(query), Visitor()), Visitor(), "r")
    assert [each.deprecated for each in observer.operations] == [parts, parts]


def test_a_schema_without_deprecations_is_not_searched() -> None:
    assert has_deprecations(build_schema(DEPRECATING))
    assert not has_deprecations(graph())


def _waiting_graph() -> GraphQLSchema:
    schema = build_schema("type Query { wait: String } type Subscription { count: Int }")
    assert schema.query_type is not None
    assert schema.subscription_type is not None

    async def wait(*_: Any) -> None:
        await asyncio.Event().wait()

    async def count(*_: Any) -> AsyncIterator[dict[str, int]]:
        for each in range(3):
            yield {"count": each}

    schema.query_type.fields["wait"].resolve = wait
    schema.subscription_type.fields["count"].subscribe = count
    return schema

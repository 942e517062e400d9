"""What a scanner of GraphQL servers looks for, graphql-cop's list among them, on a server set up for production."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.server import Server
from app.settings import Settings
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.world import World

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "user-agent": "Mozilla/5.0"}
CREATE = 'mutation { createSegment(input: { name: "Forged", channel: EMAIL }) { segment { id } } }'
NAMES = "{ segments { nodes { name } } }"


@pytest.fixture(scope="module")
async def production(database_url: str) -> AsyncIterator[tuple[str, Settings]]:
    """A server that shows neither its schema nor GraphiQL."""
    settings = Settings(pool_size=4, jwt_secret=SECRET, introspection=False, graphiql=False)
    async with serving(Server(settings, database_url, SECRET).app) as address:
        yield address, settings


@pytest.fixture
async def scanner(production: tuple[str, Settings], world: World) -> AsyncIterator[Client]:
    """A scanner that has somebody's token."""
    address, settings = production
    async with Client.of(address, settings, SECRET, world.account_id) as opened:
        yield opened


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


async def ask(scanner: Client, query: str, **headers: str) -> httpx.Response:
    return await scanner.http.post("/graphql", json={"query": query}, headers=headers)


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Candidate") { fields { name } } }',
        "query Harmless { s: __schema { types { name } } }",
        "{ viewer { subject } ... { __schema { types { name } } } }",
    ],
)
async def test_the_schema_cannot_be_read(query: str, scanner: Client) -> None:
    response = await ask(scanner, query)
    assert "data" not in response.json()
    assert set(codes(response)) == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { directive } }",
        "{ segmets { totalCount } }",
        "{ segments(frist: 1) { totalCount } }",
        '{ segments(filter: { nameContain: "" }) { totalCount } }',
        "{ segments(orderBy: { field: NAM }) { totalCount } }",
        "query($filter: SegmentFiltr) { segments(filter: $filter) { totalCount } }",
        "{ viewer { ... on Viewr { subject } } }",
    ],
)
async def test_a_misspelt_name_is_answered_without_a_suggestion(query: str, scanner: Client) -> None:
    messages = [error["message"] for error in (await ask(scanner, query)).json()["errors"]]
    assert messages
    assert not [message for message in messages if "did you mean" in message.lower()]


@pytest.mark.parametrize("path", ["/graphql", "/", "/graphiql", "/playground", "/console", "/altair", "/voyager"])
async def test_a_browser_finds_no_console(path: str, scanner: Client) -> None:
    response = await scanner.http.get(path, headers=BROWSER, follow_redirects=True)
    assert response.status_code in (400, 404)
    assert "text/html" not in response.headers["content-type"]
    assert not any(word in response.text.lower() for word in ("<script", "graphiql", "playground"))


@pytest.mark.parametrize("parameters", [{"query": CREATE}, {"query": f"query Q {NAMES} {CREATE}"}])
async def test_a_mutation_by_get_does_nothing(parameters: dict[str, str], scanner: Client) -> None:
    response = await scanner.http.get("/graphql", params=parameters)
    assert response.status_code in (400, 405)
    assert (await scanner.data(NAMES))["segments"]["nodes"] == []


async def test_a_get_without_the_header_that_only_scripts_can_send_is_refused(scanner: Client) -> None:
    """A page of another site can have a browser send a GET, with cookies but never with an Authorization header."""
    token = scanner.http.headers.pop("authorization")
    response = await scanner.http.get("/graphql", params={"query": NAMES}, headers={"cookie": f"authorization={token}"})
    assert response.status_code == 401
    assert codes(response) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
async def test_what_a_form_can_send_is_refused(media_type: str, scanner: Client) -> None:
    body = str(httpx.QueryParams({"query": CREATE}))
    response = await scanner.http.post("/graphql", content=body, headers={"content-type": media_type})
    assert response.status_code == 415
    assert codes(response) == ["UNSUPPORTED_MEDIA_TYPE"]
    assert (await scanner.data(NAMES))["segments"]["nodes"] == []


async def test_no_other_origin_is_let_in(scanner: Client) -> None:
    response = await scanner.http.post("/graphql", json={"query": NAMES}, headers={"origin": "https://evil.example"})
    assert not [name for name in response.headers if name.startswith("access-control-")]
    preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    response = await scanner.http.options("/graphql", headers=preflight)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("count", [1, 10])
async def test_many_requests_in_one_are_refused(count: int, scanner: Client) -> None:
    response = await scanner.http.post("/graphql", json=[{"query": NAMES}] * count)
    assert response.status_code == 400
    assert codes(response) == ["BAD_REQUEST"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"{{ {' '.join(f'alias{index}: __typename' for index in range(101))} }}", "ALIAS_LIMIT_EXCEEDED"),
        (f"{{ viewer {{ {' '.join(f'alias{index}: subject' for index in range(101))} }} }}", "ALIAS_LIMIT_EXCEEDED"),
        (f"{{ __typename {'@aa ' * 101} }}", "DIRECTIVE_LIMIT_EXCEEDED"),
        (f"{{ __typename {'@include(if: true) ' * 101} }}", "DIRECTIVE_LIMIT_EXCEEDED"),
        (f"{{ viewer {{ {'subject ' * 500} }} }}", "FIELD_COMPARISON_LIMIT_EXCEEDED"),
        (f"{{ {'segments { nodes { members { nodes { ' * 5} id {'} ' * 20} }}", "DEPTH_LIMIT_EXCEEDED"),
    ],
    ids=["aliases at the root", "aliases", "unknown directives", "directives", "repetitions", "pages in pages"],
)
async def test_too_much_of_anything_is_refused_with_one_error(query: str, code: str, scanner: Client) -> None:
    response = await ask(scanner, query)
    assert "data" not in response.json()
    assert codes(response) == [code]


async def test_fragments_in_a_circle_are_refused(scanner: Client) -> None:
    circle = "query { ...A } fragment A on Query { viewer { subject } ...B } fragment B on Query { ...A }"
    response = await ask(scanner, circle)
    assert "data" not in response.json()
    assert set(codes(response)) == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize("header", ["X-Apollo-Tracing", "apollo-federation-include-trace", "X-Debug"])
async def test_nobody_is_told_how_long_what_took(header: str, scanner: Client) -> None:
    for value in ("1", "true", "ftv1"):
        answer: dict[str, Any] = (await ask(scanner, NAMES, **{header: value})).json()
        assert answer.keys() == {"data"}
    assert (await scanner.http.request("TRACE", "/graphql")).status_code == 405


@pytest.mark.parametrize(
    "query",
    [
        "queryy { viewer { subject } }",
        "{ viewer { subject }",
        "query { viewer { subject @nonsense } }",
        '{ segment(id: "\\u0000") { name } }',
        "{ segments(first: 99999999999999999999) { totalCount } }",
        "query($n: Int!) { segments(first: $n) { totalCount } }",
        '{ segments(after: "AAAA") { totalCount } }',
        "subscription { nothing }",
        "{",
        "",
    ],
)
async def test_what_goes_wrong_is_told_without_a_trace_of_the_program(query: str, scanner: Client) -> None:
    response = await ask(scanner, query)
    assert response.status_code in (200, 400)
    text = response.text.lower()
    assert not [
        word
        for word in ("traceback", ".py", "exception", "stacktrace", "asyncpg", "postgres", "graphql-core")
        if word in text
    ]

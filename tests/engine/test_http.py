"""The engine over HTTP, with a graph of its own: what it takes, what it refuses, and how it says so."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from app.engine.execution import Engine
from app.engine.http import GraphQLApp
from app.settings import Settings
from tests.engine.sample import SECRET, authenticate, explain, graph

SETTINGS = Settings(max_body_bytes=50_000, max_tokens=200)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = GraphQLApp(Engine(graph(), SETTINGS, explain), authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segments.test") as client:
        yield client


async def post(http: httpx.AsyncClient, body: bytes | str | dict[str, Any], **headers: str) -> httpx.Response:
    content = orjson.dumps(body) if isinstance(body, dict) else body
    return await http.post("/", content=content, headers={"content-type": "application/json", **headers})


def only_error(response: httpx.Response) -> dict[str, Any]:
    """The one error of an answer in JSON that has no data."""
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    answer = response.json()
    assert answer.keys() == {"errors"}
    [error] = answer["errors"]
    assert error["message"]
    found: dict[str, Any] = error
    return found


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """The events that the test logs."""
    with capture_logs() as events:
        yield events


async def test_a_query_is_answered(http: httpx.AsyncClient) -> None:
    response = await post(http, {"query": "query($n: String) { hello(name: $n) }", "variables": {"n": "Ada"}})
    assert response.status_code == 200
    assert response.json() == {"data": {"hello": "Hello Ada"}}
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"]


async def test_clients_may_ask_for_the_media_type_of_graphql(http: httpx.AsyncClient) -> None:
    response = await post(http, {"query": "{ hello }"}, accept="application/graphql-response+json")
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'"query"',
        b"5",
        b"null",
        b"true",
        b"[]",
        b'[{"query": "{ hello }"}]',
        b"{}",
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ["{ hello }"]}',
        b'{"query": "\xff"}',
        b'{"query": "\\ud800"}',
        b'\xff\xfe{\x00"\x00',
        b'{"query": "{ hello }", "variables": []}',
        b'{"query": "{ hello }", "variables": "{}"}',
        b'{"query": "{ hello }", "variables": 0}',
        b'{"query": "{ hello }", "variables": {"n": NaN}}',
        b'{"query": "{ hello }", "variables": {"n": 1e999}}',
        b'{"query": "{ hello }", "variables": {"n": "\\udfff"}}',
        b'{"query": "{ hello }", "operationName": 5}',
        b'{"query": "{ hello }", "operationName": {}}',
        b'{"query": "{ hello }", "extensions": []}',
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"[" * 40_000,
    ],
    ids=lambda body: body[:40].decode(errors="replace"),
)
async def test_a_body_that_is_no_request_is_refused(body: bytes, http: httpx.AsyncClient) -> None:
    response = await post(http, body)
    assert response.status_code == 400
    assert only_error(response)["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize(
    "number",
    ["2147483648", "-2147483649", "99999999999999999999999999", "1" + "0" * 5_000, "1e20", "0.5", '"5"', "true"],
)
async def test_a_number_that_does_not_fit_is_refused(number: str, http: httpx.AsyncClient) -> None:
    response = await post(
        http, f'{{"query": "query($n: Int!) {{ double(number: $n) }}", "variables": {{"n": {number}}}}}'
    )
    assert response.status_code == 400
    assert only_error(response)["extensions"]["code"] in ("BAD_USER_INPUT", "BAD_REQUEST")


@pytest.mark.parametrize("depth", [20, 500, 1_000, 5_000])
async def test_variables_that_nest_too_deep_are_refused(depth: int, http: httpx.AsyncClient) -> None:
    nested = '{"more":' * depth + "{}" + "}" * depth
    response = await post(
        http, f'{{"query": "query($n: [Numbers!]) {{ sum(numbers: $n) }}", "variables": {{"n": [{nested}]}}}}'
    )
    if depth == 20:
        assert response.json() == {"data": {"sum": 1}}
    else:
        assert response.status_code == 400
        assert only_error(response)["extensions"]["code"] in ("VALUE_DEPTH_LIMIT_EXCEEDED", "BAD_REQUEST")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ hello } \0", "GRAPHQL_PARSE_FAILED"),
        ('{ hello(name: "\\uD800") }', "GRAPHQL_PARSE_FAILED"),
        ("{ a" * 150 + "}" * 150, "GRAPHQL_PARSE_FAILED"),
        ("{ hello " * 60 + "hello " * 200 + "}" * 60, "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ hello { name } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ double(number: 2147483648) }", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query { hello }", "GRAPHQL_VALIDATION_FAILED"),
        ("query a { hello } query a { hello }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...F } fragment F on Query { ...F }", "GRAPHQL_VALIDATION_FAILED"),
        ("type Query { hello: String }", "GRAPHQL_VALIDATION_FAILED"),
    ],
    ids=lambda value: value[:30],
)
async def test_a_document_that_cannot_be_run_is_refused(query: str, code: str, http: httpx.AsyncClient) -> None:
    response = await post(http, {"query": query})
    assert response.status_code == 400
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}
    assert "data" not in response.json()


async def test_several_operations_need_a_name(http: httpx.AsyncClient) -> None:
    query = "query a { hello } mutation b { change }"
    assert only_error(await post(http, {"query": query}))["extensions"]["code"] == "BAD_REQUEST"
    assert only_error(await post(http, {"query": query, "operationName": "c"}))["extensions"]["code"] == "BAD_REQUEST"
    answer = (await post(http, {"query": query, "operationName": "a"})).json()
    assert answer == {"data": {"hello": "Hello you"}}


async def test_a_get_asks(http: httpx.AsyncClient) -> None:
    query = "query Q($n: String) { hello(name: $n) }"
    response = await http.get("/", params={"query": query, "variables": '{"n": "Ada"}', "operationName": "Q"})
    assert response.json() == {"data": {"hello": "Hello Ada"}}


@pytest.mark.parametrize("operation", ["mutation { change }", "query a { hello } mutation b { change }"])
async def test_a_get_changes_nothing(operation: str, http: httpx.AsyncClient) -> None:
    name = {"operationName": "b"} if " b " in operation else {}
    response = await http.get("/", params={"query": operation, **name})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert only_error(response)["extensions"]["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("variables", ["{", "5", "[]", '"x"', "\ud800".encode("utf-8", "surrogatepass")])
async def test_a_get_with_bad_variables_is_refused(variables: str | bytes, http: httpx.AsyncClient) -> None:
    response = await http.get("/", params={"query": "{ hello }", "variables": variables})
    assert response.status_code == 400
    assert only_error(response)["extensions"]["code"] == "BAD_REQUEST"


async def test_a_subscription_is_told_how_it_is_served(http: httpx.AsyncClient) -> None:
    response = await post(http, {"query": "subscription { follow }"})
    assert response.status_code == 406
    error = only_error(response)
    assert error["extensions"]["code"] == "NOT_ACCEPTABLE"
    assert "text/event-stream" in error["message"]
    assert "graphql-transport-ws" in error["message"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
async def test_other_methods_are_refused(method: str, http: httpx.AsyncClient) -> None:
    response = await http.request(method, "/")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("media_type", ["text/plain", "application/graphql", "multipart/form-data", "", "json"])
async def test_other_media_types_are_refused(media_type: str, http: httpx.AsyncClient) -> None:
    response = await http.post("/", content=b'{"query": "{ hello }"}', headers={"content-type": media_type})
    assert response.status_code == 415
    assert only_error(response)["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_body_that_is_too_long_is_refused_before_it_is_read_whole(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * SETTINGS.max_body_bytes:
            sent += 1_000
            yield b" " * 1_000

    response = await http.post("/", content=endless(), headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert only_error(response)["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
    assert sent <= 2 * SETTINGS.max_body_bytes


async def test_strangers_are_told_nothing_of_their_request(http: httpx.AsyncClient) -> None:
    for body in (b"{", b'{"query": "{ unknown }"}', b" " * 60_000):
        response = await post(http, body, **{"authorization": "stranger"})
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert only_error(response)["extensions"] == {"code": "UNAUTHENTICATED"}


@pytest.mark.parametrize("field", ["broken", "strict", "tooLarge", "nothing"])
async def test_what_goes_wrong_on_our_side_is_masked_and_logged(
    field: str, http: httpx.AsyncClient, logged: list[MutableMapping[str, Any]]
) -> None:
    response = await post(http, {"query": f"{{ hello {field} }}"})
    assert response.status_code == 200
    [error] = response.json()["errors"]
    request_id = response.headers["x-request-id"]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id}
    assert error["path"] == [field]
    assert "our side" in error["message"]
    assert SECRET not in response.text
    assert str(2**40) not in response.text
    assert [(event["log_level"], event["request_id"]) for event in logged] == [("error", request_id)]
    assert isinstance(logged[0]["exc_info"], Exception)


async def test_an_outage_before_anything_is_read_is_masked_too(
    http: httpx.AsyncClient, logged: list[MutableMapping[str, Any]]
) -> None:
    response = await post(http, {"query": "{ hello }"}, **{"authorization": "outage"})
    assert response.status_code == 500
    error = only_error(response)
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": response.headers["x-request-id"]}
    assert SECRET not in response.text
    assert [str(event["exc_info"]) for event in logged] == [SECRET]


async def test_what_clients_may_know_is_told(http: httpx.AsyncClient, logged: list[MutableMapping[str, Any]]) -> None:
    answer = (await post(http, {"query": "{ hello told explained }"})).json()
    assert answer["data"] == {"hello": "Hello you", "told": None, "explained": None}
    assert [(error["message"], error["extensions"]) for error in answer["errors"]] == [
        ("You may not.", {"code": "FORBIDDEN", "permission": "READ"}),
        ("Known.", {"code": "KNOWN"}),
    ]
    assert logged == []


async def test_a_null_where_an_argument_needs_a_value_is_the_clients_mistake(
    http: httpx.AsyncClient, logged: list[MutableMapping[str, Any]]
) -> None:
    """The default makes the variable fit, and null takes the default away again."""
    query = "query($n: Int = 1) { double(number: $n) }"
    answer = (await post(http, {"query": query, "variables": {"n": None}})).json()
    assert [error["extensions"] for error in answer["errors"]] == [{"code": "BAD_USER_INPUT"}]
    assert answer["data"] == {"double": None}
    assert logged == []


async def test_odd_texts_come_back_as_they_were(http: httpx.AsyncClient) -> None:
    for text in ("\0", "\ufffe", "\u2028", "\U0001f469\u200d\U0001f4bb", '"\\', "x" * 10_000):
        query = {"query": "query($n: String) { hello(name: $n) }", "variables": {"n": text}}
        assert (await post(http, query)).json() == {"data": {"hello": f"Hello {text}"}}

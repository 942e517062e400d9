"""Media types and statuses over HTTP, as clients of each kind ask for them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.engine.http import GRAPHQL_JSON, MOST_HEADER_BYTES
from app.engine.requests import JSON
from tests.engine.served import asking

APOLLO = "application/graphql-response+json,application/json;q=0.9"
APOLLO_3 = "*/*"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
RELAY = "application/json"
"""As Relay's documentation has its network layer; fetch itself sends */*."""

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ unknown }"}, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "query($n: Int!) { double(number: $n) }", "variables": {"n": "x"}}, "BAD_USER_INPUT"),
    ({"query": "query($n: Int!) { double(number: $n) }"}, "BAD_USER_INPUT"),
]
"""GraphQL requests of which nothing runs."""


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with asking() as client:
        # httpx accepts anything by itself.
        del client.headers["accept"]
        yield client


def media_type(response: httpx.Response) -> str:
    found, _, parameter = response.headers["content-type"].partition("; ")
    assert parameter == "charset=utf-8"
    assert "Accept" in response.headers["vary"]
    return str(found)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        (APOLLO, GRAPHQL_JSON),
        (APOLLO_3, JSON),
        (URQL, GRAPHQL_JSON),
        (RELAY, JSON),
        ("application/graphql+json, application/json", JSON),
        ("text/event-stream, application/json;q=0.1", JSON),
        ("multipart/mixed;deferSpec=20220824, application/json", JSON),
    ],
)
async def test_every_client_gets_json_of_a_kind_it_knows(
    accept: str | None, expected: str, http: httpx.AsyncClient
) -> None:
    headers = {} if accept is None else {"accept": accept}
    for response in (
        await http.post("/", json={"query": "{ hello }"}, headers=headers),
        await http.get("/", params={"query": "{ hello }"}, headers=headers),
    ):
        assert response.status_code == 200
        assert media_type(response) == expected
        assert response.json() == {"data": {"hello": "Hello you"}}


@pytest.mark.parametrize("accept", ["text/html", "multipart/mixed", f"{JSON};q=0", "*/*;q=0"])
async def test_a_client_that_takes_no_json_is_told_what_there_is(accept: str, http: httpx.AsyncClient) -> None:
    response = await http.post("/", json={"query": "{ hello }"}, headers={"accept": accept})
    assert response.status_code == 406
    assert media_type(response) == JSON
    assert response.json() == {
        "errors": [
            {
                "message": "Answers are application/graphql-response+json, application/json or text/event-stream.",
                "extensions": {"code": "NOT_ACCEPTABLE"},
            }
        ]
    }


async def test_a_change_is_not_made_for_a_client_that_cannot_read_what_came_of_it(http: httpx.AsyncClient) -> None:
    response = await http.post("/", json={"query": "mutation { change }"}, headers={"accept": "text/html"})
    assert response.status_code == 406
    assert "data" not in response.json()


@pytest.mark.parametrize(("asked", "code"), REFUSED, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (RELAY, 200),
        ("application/json; charset=utf-8", 200),
        ("text/html, application/json;q=0.5", 200),
        (f"{JSON}, {GRAPHQL_JSON};q=0.5", 200),
        (None, 400),
        ("*/*", 400),
        ("application/*", 400),
        (GRAPHQL_JSON, 400),
        (APOLLO, 400),
        (URQL, 400),
    ],
)
async def test_who_asks_for_plain_json_by_name_gets_200_for_what_nothing_came_of(
    accept: str | None, status: int, asked: dict[str, Any], code: str, http: httpx.AsyncClient
) -> None:
    response = await http.post("/", json=asked, headers={} if accept is None else {"accept": accept})
    assert response.status_code == status
    assert response.json().keys() == {"errors"}
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [code]


@pytest.mark.parametrize("accept", [RELAY, GRAPHQL_JSON, "*/*"])
async def test_what_is_no_graphql_request_is_never_200(accept: str, http: httpx.AsyncClient) -> None:
    headers = {"accept": accept, "content-type": JSON}
    for body in (b"{", b"[]", b"{}", b'{"query": 5}'):
        response = await http.post("/", content=body, headers=headers)
        assert response.status_code == 400
        assert response.json().keys() == {"errors"}
    response = await http.post("/", content=b"{}", headers={**headers, "content-type": "text/plain"})
    assert response.status_code == 415


@pytest.mark.parametrize("accept", [RELAY, GRAPHQL_JSON, "*/*"])
async def test_what_ran_in_part_is_200_with_data_and_errors(accept: str, http: httpx.AsyncClient) -> None:
    response = await http.post("/", json={"query": "{ hello told }"}, headers={"accept": accept})
    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "Hello you", "told": None}
    assert len(response.json()["errors"]) == 1


async def test_several_accept_headers_are_one(http: httpx.AsyncClient) -> None:
    several = [("accept", "text/html"), ("accept", GRAPHQL_JSON)]
    response = await http.post("/", json={"query": "{ hello }"}, headers=several)
    assert response.status_code == 200
    assert media_type(response) == GRAPHQL_JSON


async def test_headers_without_end_are_refused(http: httpx.AsyncClient) -> None:
    """One of 5 MB took five seconds to read, before anybody knew who sent it."""
    for name in ("accept", "authorization", "x-other"):
        response = await http.post("/", json={"query": "{ hello }"}, headers={name: "a/b," * (MOST_HEADER_BYTES // 4)})
        assert response.status_code == 431
        assert response.json()["errors"][0]["extensions"]["code"] == "REQUEST_HEADER_FIELDS_TOO_LARGE"
    response = await http.post("/", json={"query": "{ hello }"}, headers={"x-other": "x" * (MOST_HEADER_BYTES - 500)})
    assert response.json() == {"data": {"hello": "Hello you"}}

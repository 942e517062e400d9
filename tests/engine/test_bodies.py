"""What comes again in the same bytes is kept, within bounds, and belongs to nobody."""

import gc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from app.engine.bodies import LONGEST_KEPT, MOST_KEPT, MOST_SEEN, MOST_VALUES, KnownBodies
from app.engine.execution import Engine
from app.engine.http import GraphQLApp
from app.engine.requests import GraphQLRequest, from_body
from app.settings import Settings
from tests.engine.sample import authenticate, explain, graph


def body(number: int = 0, length: int = 0) -> bytes:
    return orjson.dumps({"query": "{ hello }", "variables": {"number": number}}).ljust(length)


def asked(bodies: KnownBodies, body: bytes) -> GraphQLRequest:
    """The request of a query that came."""
    known = bodies.get(body)
    found = known or from_body(body)
    if known is None:
        assert bodies.notice(body, found) is (bodies.get(body) is found)
    return found


def test_what_comes_a_third_time_is_not_read_again() -> None:
    bodies = KnownBodies()
    first, second, third = (asked(bodies, body()) for _ in range(3))
    assert first is not second
    assert second is third
    assert asked(bodies, body(1)) is not third


def test_a_long_body_is_read_each_time() -> None:
    bodies = KnownBodies()
    for length, kept in ((LONGEST_KEPT, True), (LONGEST_KEPT + 1, False)):
        _, second, third = (asked(bodies, body(length=length)) for _ in range(3))
        assert (second is third) is kept


def test_no_more_is_kept_than_there_may_be() -> None:
    bodies = KnownBodies()
    for number in range(3 * MOST_KEPT):
        for _ in range(2):
            asked(bodies, body(number))
        assert len(bodies._kept) <= MOST_KEPT
    for number in range(MOST_SEEN + 10):
        asked(bodies, body(-number))
        assert len(bodies._seen) <= MOST_SEEN


def test_a_body_of_very_many_values_is_read_each_time() -> None:
    bodies = KnownBodies()
    many: list[Any] = [[[]] * MOST_VALUES, {"a": {"b": [{}] * MOST_VALUES}}, [[[1, 2, 3]] * 20]]
    for variables in many:
        large = orjson.dumps({"query": "{ hello }", "variables": {"v": variables}})
        assert len(large) < LONGEST_KEPT
        _, second, third = (asked(bodies, large) for _ in range(3))
        assert second is not third


# In the engine

TINY = Settings(max_kept_document_bytes=1_000_000, max_tokens=1_000)
ASKED = {"query": "query($n: String) { hello(name: $n) }", "variables": {"n": "Ada"}}


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = GraphQLApp(Engine(graph(), TINY, explain), authenticate)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segments.test") as client:
        yield client


async def post(http: httpx.AsyncClient, asked: dict[str, Any]) -> Any:
    headers = {"content-type": "application/json"}
    return (await http.post("/", content=orjson.dumps(asked), headers=headers)).json()


async def test_a_request_outlives_its_document(http: httpx.AsyncClient) -> None:
    """Documents are forgotten while others are read; what was made of the request then holds no longer."""
    for turn in range(4):
        assert await post(http, ASKED) == {"data": {"hello": "Hello Ada"}}
        for number in range(100):
            await post(http, {"query": f"{{ a{turn}_{number}: hello }}"})
        gc.collect()


async def test_what_is_refused_is_refused_again(http: httpx.AsyncClient) -> None:
    for asked, code in (
        ({"query": "{ nonsense }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ hello }", "operationName": "Other"}, "BAD_REQUEST"),
        ({**ASKED, "variables": {"n": 5}}, None),
        (
            {
                "query": "{ hello }",
                "variables": {"n": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]},
            },
            None,
        ),
    ):
        answers = [await post(http, asked) for _ in range(4)]
        assert all(answer == answers[0] for answer in answers), answers
        assert code is None or [each["extensions"]["code"] for each in answers[0]["errors"]] == [code]
        assert answers[0]["errors"]

"""The built page in a real browser. Skipped, with the reason, where there is no Chromium or no build."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from strawberry.asgi import GraphQL

from app.engine.graphiql import ASSETS, Example, GraphiQL
from tests.engine.browser import Page, find_chromium, open_page

CHROMIUM = find_chromium()
GOOD = "good-token"
REFUSAL = "The token is missing or has expired."
RUN = ".graphiql-execute-button"
ANSWER = ".result-window .view-lines"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install one or set CHROMIUM to its path"),
    pytest.mark.skipif(not (ASSETS / "index.html").exists(), reason="GraphiQL is not built: run `make graphiql`"),
]


@strawberry.type(description="What may be asked.")
class Query:
    @strawberry.field
    def greeting(self, name: str) -> str:
        return f"Good day, {name}"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def countdown(self) -> AsyncIterator[int]:
        for number in (3, 2, 1):
            yield number


API = GraphQL[None, None](strawberry.Schema(Query, subscription=Subscription), graphql_ide=None)
EXAMPLES = [
    Example("Greet", "query Greet($name: String!) {\n  greeting(name: $name)\n}\n", {"name": "Ada"}),
    Example("Count down", "subscription CountDown {\n  countdown\n}\n"),
]


class Guarded:
    """The API, which wants a token of those who ask by HTTP."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Request(scope).headers.get("authorization") != f"Bearer {GOOD}":
            await JSONResponse({"errors": [{"message": REFUSAL}]}, 401)(scope, receive, send)
        else:
            await API(scope, receive, send)


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    """A server of the page and of a tiny API, on a free port."""
    guarded = Guarded()
    page = GraphiQL("/graphql", "Segments", EXAMPLES).routes()
    api = [Route("/graphql", guarded, methods=["POST"]), WebSocketRoute("/graphql", guarded)]
    config = uvicorn.Config(Starlette(routes=[*page, *api]), log_level="error", ws="websockets-sansio", lifespan="off")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve([listener]))
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@pytest.fixture
async def page(origin: str) -> AsyncIterator[Page]:
    assert CHROMIUM
    async with open_page(CHROMIUM) as page:
        yield page
        assert page.fetched
        assert {address.split("/")[2] for address in page.fetched if not address.startswith("data:")} == {origin}


async def ready(page: Page) -> None:
    await page.until_text(".graphiql-query-editor .view-lines", "query Greet")
    await page.until_text(".graphiql-editor-tool .view-lines", "Ada")


async def test_a_query_runs_with_the_token_of_the_address(page: Page, origin: str) -> None:
    await page.open(f"http://{origin}/graphql#token={GOOD}")
    await ready(page)
    assert await page.evaluate(
        "[document.title, location.href, document.body.textContent.includes('Token in use')]"
    ) == [
        "Segments",
        f"http://{origin}/graphql",
        True,
    ]
    await page.click(RUN)
    await page.until_text(ANSWER, "Good day, Ada")
    await page.click("[aria-label='Show Documentation Explorer']")
    await page.until_text(".graphiql-doc-explorer", "Query")
    await page.click(".graphiql-doc-explorer-content a")
    await page.until_text(".graphiql-doc-explorer", "What may be asked.")
    assert page.problems == []


async def test_an_example_opens_in_a_tab_of_its_own_and_may_be_a_subscription(page: Page, origin: str) -> None:
    await page.open(f"http://{origin}/graphql#token={GOOD}")
    await ready(page)
    await page.click(".segments-menu")
    await page.click("[role=menuitem]:nth-of-type(2)")
    await page.until_text(".graphiql-query-editor .view-lines", "subscription CountDown")
    await page.until("document.querySelectorAll('.graphiql-tab').length === 2")
    await page.click(RUN)
    await page.until_text(ANSWER, '"countdown": 1')
    assert f"ws://{origin}/graphql" in page.fetched
    assert page.problems == []


async def test_a_token_is_asked_for_kept_for_the_tab_alone_and_forgotten(page: Page, origin: str) -> None:
    await page.open(f"http://{origin}/graphql")
    await ready(page)
    await page.until_text(".segments-refusal", f"The server wants a token. Paste one above. The server says: {REFUSAL}")
    await page.click(".segments-token input")
    await page.type("bad-token")
    await page.click(".segments-token button")
    await page.until_text(".segments-refusal", "The server refused this token; it may have expired.")
    await page.click(".segments-token input")
    await page.type(GOOD)
    await page.click(".segments-token button")
    await page.until_text(".segments-token", "Token in use")
    await page.click(RUN)
    await page.until_text(ANSWER, "Good day, Ada")
    assert await page.evaluate("[document.querySelector('.segments-refusal'), sessionStorage.token]") == [None, GOOD]
    assert GOOD not in await page.evaluate("JSON.stringify(localStorage) + document.cookie")
    await page.click(".segments-token button:last-child")
    await page.until_text(".segments-refusal", "The server wants a token.")
    assert await page.evaluate("sessionStorage.length") == 0
    assert {problem.split(": ")[0] for problem in page.problems} == {"Failed to load resource"}  # the 401s

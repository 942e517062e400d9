import gzip
import json
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route

from app.engine.graphiql import Example, GraphiQL, wants_page

SCRIPT = b"console.log('page')\n" * 100
EXAMPLES = [
    Example("All", "{ segments { id } }"),
    Example("One", "query One($id: ID!) { segment(id: $id) { id } }", {"id": "</script><script>alert(1)</script>"}),
]


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """What a build leaves, in small."""
    (tmp_path / "index.html").write_text(
        '<title>{{title}}</title><script type="application/json" id="settings">{{settings}}</script>'
        '<script type="module" src="{{assets}}/page-ABCDEFGH.js"></script>'
    )
    (tmp_path / "page-ABCDEFGH.js").write_bytes(SCRIPT)
    (tmp_path / "page-ABCDEFGH.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "font-ABCDEFGH.woff2").write_bytes(b"wOF2")
    return tmp_path


def client_of(routes: list[BaseRoute]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=routes)), base_url="http://segments.test")


@pytest.fixture
def client(assets: Path) -> httpx.AsyncClient:
    return client_of(GraphiQL("/graphql", "Segments & Co", EXAMPLES, assets).routes())


def settings_in(page: str) -> dict[str, object]:
    found = re.search(r'id="settings">(.*?)</script>', page)
    assert found
    settings: dict[str, object] = json.loads(found[1])
    return settings


async def test_the_page_holds_its_settings_as_json(client: httpx.AsyncClient) -> None:
    page = (await client.get("/graphql")).text
    assert "<title>Segments &amp; Co</title>" in page
    assert 'src="/graphql/assets/page-ABCDEFGH.js"' in page
    assert settings_in(page) == {
        "endpoint": "/graphql",
        "title": "Segments & Co",
        "examples": [
            {"title": "All", "query": EXAMPLES[0].query, "variables": {}},
            {"title": "One", "query": EXAMPLES[1].query, "variables": EXAMPLES[1].variables},
        ],
    }


async def test_no_example_can_end_the_settings(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graphql")).text.count("</script>") == 2


async def test_the_page_is_held_to_its_own_origin(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/graphql")).headers
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["worker-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert not re.search(r"https?:|\*|unsafe-eval|blob:", headers["content-security-policy"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-cache"


async def test_assets_are_kept_for_ever(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql/assets/page-ABCDEFGH.js", headers={"accept-encoding": "identity"})
    assert answer.content == SCRIPT
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await client.get("/graphql/assets/font-ABCDEFGH.woff2")).headers["content-type"] == "font/woff2"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, br", "gzip"), ("br;q=1.0, GZIP;q=0.5", "gzip"), ("gzip;q=0", None), ("br", None), ("", None)],
)
async def test_assets_are_sent_compressed_to_whoever_takes_it(
    client: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    answer = await client.get("/graphql/assets/page-ABCDEFGH.js", headers={"accept-encoding": accepted})
    assert answer.content == SCRIPT
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "page-ABCDEFGH.js.gz",
        "page-NOTTHERE.js",
        "%2e%2e",
        "%2e%2e%2fgraphiql.py",
        "..%5cgraphiql.py",
        "%00",
    ],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/graphql/assets/{name}")
    assert answer.status_code == 404


async def test_only_get_is_taken(client: httpx.AsyncClient) -> None:
    assert (await client.head("/graphql")).status_code == 200
    assert (await client.post("/graphql")).status_code == 405


async def test_the_page_works_beneath_a_prefix(assets: Path) -> None:
    client = client_of([Mount("/api", routes=GraphiQL("/graphql", "Segments", EXAMPLES, assets).routes())])
    page = (await client.get("/api/graphql")).text
    assert settings_in(page)["endpoint"] == "/api/graphql"
    assert 'src="/api/graphql/assets/page-ABCDEFGH.js"' in page


async def test_a_page_that_is_not_built_says_how(tmp_path: Path) -> None:
    page = GraphiQL("/graphql", "<Segments>", EXAMPLES, tmp_path / "nowhere")
    client = client_of(page.routes())
    answer = await client.get("/graphql")
    assert answer.status_code == 200
    assert "make graphiql" in answer.text
    assert "POST" in answer.text
    assert "&lt;Segments&gt;" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await client.get("/graphql/assets/page-ABCDEFGH.js")).status_code == 404


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [("text/html,application/xhtml+xml,*/*;q=0.8", True), ("application/json", False), ("*/*", False)],
)
async def test_a_browser_is_told_from_a_client(accept: str, wanted: bool) -> None:
    def answer(request: Request) -> JSONResponse:
        return JSONResponse(wants_page(request))

    client = client_of([Route("/", answer)])
    assert (await client.get("/", headers={"accept": accept})).json() is wanted

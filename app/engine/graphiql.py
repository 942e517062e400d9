"""The page a browser gets at the address of the API: GraphiQL, served whole from here, with no outside request.

`make graphiql` builds what it is made of into graphiql_assets/; the sources are in graphiql/ at the top.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

ASSETS = Path(__file__).with_name("graphiql_assets")

MEDIA_TYPES = {
    "js": "text/javascript",
    "css": "text/css",
    "ttf": "font/ttf",
    "woff": "font/woff",
    "woff2": "font/woff2",
}
ASSET_NAME = re.compile(rf"[a-z]+-[A-Z0-9]{{8}}\.({'|'.join(MEDIA_TYPES)})")

# Monaco makes style elements as it goes, for its theme and its decorations: hence 'unsafe-inline', for styles alone.
# Its images are data in its style sheet. 'self' covers the WebSocket of the same origin.
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
SEALED_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For what needs nothing: the assets (a worker is held to the policy of its own script) and the plain message."""

NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<h1>{title}</h1>
<p>The API itself works at this address: send it GraphQL by POST.</p>
<p>GraphiQL has not been built yet. To have it here, run <code>make graphiql</code> and load this page again.</p>
</html>
"""


@dataclass(frozen=True)
class Example:
    """A query that the page offers in its menu."""

    title: str
    query: str
    variables: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphiQL:
    """The page for the API at a path. The first example is open when a browser comes for the first time."""

    endpoint: str
    title: str
    examples: Sequence[Example] = ()
    assets: Path = ASSETS

    def routes(self) -> list[BaseRoute]:
        """GET of the page at the endpoint itself, and of its assets beneath it. POST is left to others."""
        return [Route(self.endpoint, self.page, methods=["GET"]), *self.asset_routes()]

    def asset_routes(self) -> list[BaseRoute]:
        """The assets alone, for a view that calls `page` itself."""
        return [Route(f"{self.endpoint}/assets/{{name}}", self.asset, methods=["GET"])]

    def page(self, request: Request) -> Response:
        """The page, or how to build it."""
        try:
            template = (self.assets / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return HTMLResponse(NOT_BUILT.format(title=escape(self.title)), headers=_headers(SEALED_POLICY))
        return HTMLResponse(self._fill_in(template, _outer_path(request)), headers=_headers(PAGE_POLICY))

    def asset(self, request: Request) -> Response:
        """One built file. Its name changes with its content, so browsers may keep it for ever."""
        name: str = request.path_params["name"]
        match = ASSET_NAME.fullmatch(name)
        path = self.assets / name
        if match is None or not path.is_file():
            return PlainTextResponse("Not found", status_code=404, headers=_headers(SEALED_POLICY))
        headers = _headers(SEALED_POLICY) | {
            "cache-control": "public, max-age=31536000, immutable",
            "vary": "accept-encoding",
        }
        compressed = path.with_name(f"{name}.gz")
        if _accepts_gzip(request) and compressed.is_file():
            path = compressed
            headers["content-encoding"] = "gzip"
        return FileResponse(path, headers=headers, media_type=MEDIA_TYPES[match[1]])

    def _fill_in(self, template: str, outer_path: str) -> str:
        values = {
            "title": escape(self.title),
            "assets": escape(f"{outer_path}{self.endpoint}/assets"),
            "settings": self._settings(f"{outer_path}{self.endpoint}"),
        }
        return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)

    def _settings(self, endpoint: str) -> str:
        """What the page's script reads, as JSON that no `</script>` can end."""
        examples = [
            {"title": example.title, "query": example.query, "variables": dict(example.variables)}
            for example in self.examples
        ]
        settings = {"endpoint": endpoint, "title": self.title, "examples": examples}
        return orjson.dumps(settings).decode().replace("<", "\\u003c")


def wants_page(request: Request) -> bool:
    """Whether this GET comes from a browser's address bar rather than from a GraphQL client."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def _headers(policy: str) -> dict[str, str]:
    return {
        "cache-control": "no-cache",
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


def _outer_path(request: Request) -> str:
    """The path beneath which a proxy or a mount has put the application."""
    path: str = request.scope.get("root_path", "")
    return path.rstrip("/")


def _accepts_gzip(request: Request) -> bool:
    offers = [offer.replace(" ", "").lower() for offer in request.headers.get("accept-encoding", "").split(",")]
    return any(re.fullmatch(r"gzip(;q=(1|0?\.\d*[1-9]\d*|1\.0*))?", offer) for offer in offers)

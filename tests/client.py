"""A server on a real port and a client that speaks to it over HTTP."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx
import orjson
import uvicorn
from starlette.types import ASGIApp

from app.auth import Permission, mint
from app.engine import connection
from app.engine.streams import Streams
from app.settings import Settings


@asynccontextmanager
async def serving(app: ASGIApp, streams: Streams | None = None, most_bytes: int = 1_000_000) -> AsyncIterator[str]:
    """Serves the app on a free port of the loopback, and ends its streams at last. Yields its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=5, **connection.config(most_bytes)
        )
    )
    server.capture_signals = _no_signals  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        if task.done():
            task.result()
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        if streams is not None:
            streams.ending.set()
        server.should_exit = True
        await task


class _no_signals:  # noqa: N801
    """The signals of the test run are pytest's."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class Client:
    """Sends GraphQL as one principal."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    @classmethod
    def of(
        cls,
        address: str,
        settings: Settings,
        secret: str,
        account_id: UUID,
        permissions: Iterable[Permission] = tuple(Permission),
        subject: str = "tester",
    ) -> Self:
        token = mint(secret, settings, account_id, subject, permissions, timedelta(hours=1))
        headers = {"authorization": f"Bearer {token}"}
        # Over plain HTTP: to load certificates for each client would take longer than most tests.
        return cls(httpx.AsyncClient(base_url=address, headers=headers, timeout=60, trust_env=False, verify=False))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def answer(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer, errors and all; the first one of a subscription."""
        answer: dict[str, Any] = orjson.loads(await self.text(query, **variables))
        return answer

    async def text(self, query: str, **variables: Any) -> str:
        """The answer as it comes."""
        asked = {"query": query, "variables": variables}
        if query.startswith("subscription"):
            async with contextlib.aclosing(self.events(asked)) as events:
                return await anext(events)
        return (await self.http.post("/graphql", json=asked)).text

    async def events(self, asked: dict[str, Any]) -> AsyncGenerator[str]:
        """The answers of a subscription, as they come."""
        accept = {"accept": "text/event-stream"}
        async with self.http.stream("POST", "/graphql", json=asked, headers=accept) as response:
            assert response.status_code == 200, await response.aread()
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    yield line.removeprefix("data: ")

    async def data(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer that must have no errors."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """The one error of an answer, with its code at the top."""
        answer = await self.answer(query, **variables)
        assert len(answer.get("errors", ())) == 1, answer
        error: dict[str, Any] = answer["errors"][0]
        return {"code": error["extensions"]["code"], **error}

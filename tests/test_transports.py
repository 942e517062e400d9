"""The product's own graph over each transport: sockets, event streams, and pages of other origins."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from app.auth import Permission, mint
from app.cli import listening
from app.server import Server
from app.settings import Settings
from tests.client import Client, serving
from tests.conftest import SECRET
from tests.engine.chat import Chat, chat
from tests.serving import ServingProcess
from tests.world import World

ORIGIN = "https://app.example"


@pytest.fixture
def token(settings: Settings, world: World) -> str:
    return mint(SECRET, settings, world.account_id, "tester", tuple(Permission), timedelta(hours=1))


@pytest.fixture
async def talk(server_address: str, token: str) -> AsyncIterator[Chat]:
    async with chat(server_address) as opened:
        await opened.begin(token)
        yield opened


async def answer(talk: Chat, query: str) -> Any:
    await talk.ask("1", query)
    message, complete = await talk.heard(), await talk.heard()
    assert (message["type"], complete) == ("next", {"id": "1", "type": "complete"})
    return message["payload"]


async def test_a_socket_answers_what_http_answers(talk: Chat, client: Client) -> None:
    query = "{ quotaUsage { used limit } segments(first: 2) { nodes { id name } } }"
    assert await answer(talk, query) == await client.answer(query)


async def test_a_token_that_is_no_token_closes_the_socket_with_4403(server_address: str) -> None:
    async with chat(server_address) as opened:
        await opened.say("connection_init", payload={"authorization": "Bearer nonsense"})
        assert (await opened.closing())[0] == 4403


async def test_there_are_no_sockets_elsewhere(server_address: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with chat(server_address, "/healthz"):
            pass
    assert refused.value.response.status_code == 403


async def test_an_event_stream_answers_what_json_answers(client: Client) -> None:
    query = "{ quotaUsage { used limit } }"
    response = await client.http.post("/graphql", json={"query": query}, headers={"accept": "text/event-stream"})
    lines = [line for line in response.text.split("\n") if line.startswith("data: ")]
    assert [json.loads(line.removeprefix("data: ")) for line in lines] == [await client.answer(query)]


async def test_answers_in_pieces_are_not_offered(client: Client) -> None:
    for query, directive in (
        ("{ ... @defer { __typename } }", "@defer"),
        ("{ segments { nodes @stream { id } } }", "@stream"),
    ):
        error = await client.error(query)
        assert error["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert directive in error["message"]


async def test_a_page_of_an_allowed_origin_may_ask(database_url: str, settings: Settings, token: str) -> None:
    allowing = settings.model_copy(update={"allowed_origins": (ORIGIN,)})
    server = Server(allowing, database_url, SECRET)
    async with serving(server.app, server.streams) as address, httpx.AsyncClient(base_url=address) as http:
        asks = {
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type, x-request-id, apollographql-client-name",
        }
        preflight = await http.options("/graphql", headers=asks)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        headers = {"origin": ORIGIN, "authorization": f"Bearer {token}"}
        response = await http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        assert response.json() == {"data": {"__typename": "Query"}}
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert "x-request-id" in response.headers["access-control-expose-headers"]
        assert {"Accept", "Authorization", "Origin"} <= {each.strip() for each in response.headers["vary"].split(",")}
        refused = await http.post("/graphql", json={"query": "{ a }"}, headers={"origin": ORIGIN})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == ORIGIN
        stranger = await http.options("/graphql", headers={**asks, "origin": "https://evil.example"})
        assert "access-control-allow-origin" not in stranger.headers
        async with chat(address, origin=ORIGIN) as opened:
            await opened.begin(token)


async def test_pages_of_other_origins_may_not_ask_unless_they_are_allowed(client: Client) -> None:
    response = await client.http.post("/graphql", json={"query": "{ __typename }"}, headers={"origin": ORIGIN})
    assert "access-control-allow-origin" not in response.headers
    asks = {"origin": ORIGIN, "access-control-request-method": "POST"}
    assert (await client.http.options("/graphql", headers=asks)).status_code == 405


async def test_a_process_that_is_stopped_tells_its_sockets_that_it_will_be_back(
    database_url: str, token: str, tmp_path: Path
) -> None:
    process = ServingProcess(database_url, SECRET, tmp_path / "log")
    await process.start()
    try:
        async with chat(process.address) as opened:
            await opened.begin(token)
            await process.stop()
            assert (await opened.closing())[0] == 1001
        assert "Traceback" not in process.logged()
    finally:
        await process.stop()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Only Linux ends connections so.")
async def test_the_connection_of_a_client_that_reads_nothing_is_ended() -> None:
    lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    class Writing(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(bytes(20_000_000))

        def connection_lost(self, error: Exception | None) -> None:
            lost.set_result(error)

    listener = listening(Settings(host="127.0.0.1", port=0, send_timeout=0.2))
    async with await asyncio.get_running_loop().create_server(Writing, sock=listener):
        with socket.create_connection(listener.getsockname()):
            assert isinstance(await asyncio.wait_for(lost, 20), TimeoutError)

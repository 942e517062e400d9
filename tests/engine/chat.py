"""A client of graphql-transport-ws that says what a test tells it to, right or wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.engine.streaming import PATIENCE

PROTOCOL = "graphql-transport-ws"
NUMBERS = count()


class Chat:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, kind: str, **more: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **more}))

    async def ask(self, name: str, query: str, **variables: Any) -> None:
        await self.say("subscribe", id=name, payload={"query": query, "variables": variables})

    async def heard(self) -> dict[str, Any]:
        """The next message. Raises ConnectionClosed when the server has closed the socket instead."""
        text = await asyncio.wait_for(self.connection.recv(), PATIENCE)
        assert isinstance(text, str), "messages are text frames"
        message: dict[str, Any] = json.loads(text)
        return message

    async def begin(self, token: str = "ada") -> None:
        await self.say("connection_init", payload={"authorization": f"Bearer {token}"})
        assert await self.heard() == {"type": "connection_ack"}

    async def hear_all(self) -> None:
        """Ends by ConnectionClosed."""
        while True:
            await self.heard()

    async def closing(self) -> tuple[int, str]:
        """The code and reason with which the server closes the socket, passing over what it says before."""
        with pytest.raises(ConnectionClosed) as closed:
            await self.hear_all()
        frame = closed.value.rcvd
        assert frame is not None, "closed without a word"
        return frame.code, frame.reason

    async def answers(self) -> bool:
        """Whether the socket still serves. Passes over what it says in between."""
        payload = {"still": next(NUMBERS)}
        await self.say("ping", payload=payload)
        while await self.heard() != {"type": "pong", "payload": payload}:
            pass
        return True


@asynccontextmanager
async def chat(address: str, path: str = "/graphql", **options: Any) -> AsyncIterator[Chat]:
    """Connected, and nothing said yet."""
    options = {"subprotocols": [PROTOCOL], "ping_interval": None, "proxy": None, "close_timeout": 1, **options}
    async with connect(address.replace("http", "ws", 1) + path, **options) as connection:
        yield Chat(connection)

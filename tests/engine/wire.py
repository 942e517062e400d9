"""A client that writes its requests by itself, each in one piece or in as many as it likes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from tests.engine.streaming import PATIENCE


class Wire:
    """One connection of a client that writes its requests by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes) -> None:
        """The parts come one after another."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(0.02)

    async def answer(self) -> tuple[int, bytes, Any]:
        """The status, the head and the JSON of the next answer."""
        async with asyncio.timeout(PATIENCE):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            content = await self._reader.readexactly(int(length[1]))
        return int(head[9:12]), head, orjson.loads(content)

    async def asked(self, request: bytes) -> Any:
        await self.send(request)
        return (await self.answer())[2]

    async def until_closed(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read()

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def wire_to(address: str) -> AsyncIterator[Wire]:
    found = Wire(*await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2])))
    try:
        yield found
    finally:
        found.close()

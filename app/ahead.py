"""Makes the next piece of work while the last one is being used."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import TypeVar

Piece = TypeVar("Piece")


async def ahead(pieces: Iterator[Piece]) -> AsyncGenerator[Piece]:
    """The pieces, each made in a thread while the one before is in use: one ahead, so that memory stays bounded.

    Close it (`contextlib.aclosing`) when leaving early: it waits for the piece that is being made.
    """
    coming = asyncio.ensure_future(asyncio.to_thread(next, pieces, None))
    try:
        while (piece := await coming) is not None:
            coming = asyncio.ensure_future(asyncio.to_thread(next, pieces, None))
            yield piece
    finally:
        await asyncio.gather(coming, return_exceptions=True)

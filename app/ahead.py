"""Makes the next piece of work while the last one is being used."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import TypeVar

Piece = TypeVar("Piece")

YOUNG_OBJECTS = 1_000_000
"""How many objects are made before the garbage collector looks at them."""


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


@contextmanager
def rare_collections() -> Iterator[None]:
    """Lets the garbage collector look seldom while the block runs, and not at what is there already.

    For work on many rows that make no cycles: looking for some took two thirds of the time of reading a file.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()

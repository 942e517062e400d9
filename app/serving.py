"""The HTTP server of one process, from its first request until it was told to stop and has."""

import gc
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import click
import uvicorn

from app.engine import connection
from app.server import Server
from app.settings import Settings
from app.stopping import heed

YOUNG_OBJECTS = 20_000
"""Objects that are made before Python looks for cycles among them; 700 without us."""

SECONDS_OF_ONE_WISH = 0.5
"""In which several signals mean one thing. When a whole process group is signalled, `make` and the like pass on to us
what we got ourselves."""


class StoppableServer(uvicorn.Server):
    """Says where it is once it serves. Stops at the first SIGTERM or SIGINT with care, at a second one, which comes
    half a second later or more, at once.

    With care: from then on /readyz answers 503, for `shutdown_delay` seconds everything is served on, then nothing is
    accepted any more, what runs is finished, and what has not finished after `shutdown_timeout` is cancelled.
    """

    def __init__(self, server: Server, settings: Settings, announcement: str) -> None:
        super().__init__(
            uvicorn.Config(
                server.app,
                log_config=None,
                log_level=settings.log_level.lower(),
                access_log=False,
                server_header=False,
                timeout_keep_alive=round(settings.keep_alive),
                timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout)),
                **connection.config(settings.max_body_bytes),
            )
        )
        self._server = server
        self._delay = settings.shutdown_delay
        self._announcement = announcement
        self._told_at: float | None = None
        self._hurried_by: signal.Signals | None = None

    def serve_until_stopped(self, listener: socket.socket) -> None:
        """Returns when it has stopped with care. When it was made to stop at once, it exits as shells say that the
        signal ended it: with 128 and its number."""
        self.run(sockets=[listener])
        if self._hurried_by is not None:
            sys.exit(128 + self._hurried_by)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _spare_garbage_collection()
        click.echo(self._announcement)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._server.streams.ending.set()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        stopping = await super().on_tick(counter)
        return stopping or (self._told_at is not None and monotonic() >= self._told_at + self._delay)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, does not end by raising the signal again: to have stopped as told is no failure."""
        heed(self._told)
        yield

    def _told(self, number: signal.Signals) -> None:
        self._server.readiness.stopping = True
        now = monotonic()
        if self._told_at is None:
            self._told_at = now
        elif now >= self._told_at + SECONDS_OF_ONE_WISH:
            self._hurried_by = number
            self.should_exit = self.force_exit = True


def _spare_garbage_collection() -> None:
    """Rows come by the thousand and make no cycles: to look for these among all that a process is made of takes up to
    half of the time of a large answer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 50, 100)

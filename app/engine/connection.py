"""uvicorn's connections, with a few of their habits changed, and how uvicorn is to be told of them."""

import asyncio
from typing import Any

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveEvent,
)
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.engine.cycle import Cycle, Runner
from app.engine.heads import BODY, KnownHead, KnownHeads

GOING_AWAY = 1001

MOST_HEAD_BYTES = 65_536
"""Of the headers of a request, or of a single thing in it that has begun and does not end."""

PIECE = 8_192
"""Bytes that are taken from a socket at a time. Frames are short: of empty ones, this is more than a thousand."""

LINGER = 10.0
"""Seconds that a client has to read what is left for it, once the server is done with its socket."""


class TooLongError(Exception):
    """The headers of a request are too long. The parser hands on that it was raised, and uvicorn answers with 400."""


class Requests(HttpToolsProtocol):
    """Waits for the head of a request for as long as for a next one, and reads no more of it than there may be.

    uvicorn would do both without end, and headers take twenty times their length in memory. A head that came before is
    not parsed again.
    """

    _until: float | None = None
    """When it will have waited for long enough, by the loop's clock. None while it does not wait."""
    _timer: asyncio.TimerHandle | None = None
    """Set for some moment up to then: to move a moment takes less than to set a timer for each request."""
    _headers = 0
    """Bytes of headers, trailers included."""
    _pending = 0
    """Bytes since something in a request came to its end."""
    _begun = 0
    """Requests of which something was parsed."""
    _parsed = 0
    """Those of them that were parsed to their end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._known = KnownHeads()
        self._event = asyncio.Event()
        self._runner = Runner(self.loop, self.app, self.tasks)
        self._wait()

    def data_received(self, data: bytes) -> None:
        begun = self._begun
        whole = begun == self._parsed and (self.cycle is None or self.cycle.response_complete)
        if whole and (known := self._known.split(data)):
            self._begin(*known)
            return
        self._pending += len(data)
        super().data_received(data)
        if whole and self._begun == self._parsed == begun + 1 and self._may_come_again():
            self._known.learn(data, self.scope)
        if self._pending > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("This is too long.")

    def on_message_begin(self) -> None:
        self._begun += 1
        self._headers = 0
        self._wait()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._pending = 0
        self._headers += len(name) + len(value)
        if self._headers > MOST_HEAD_BYTES:
            raise TooLongError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._pending = 0
        self._heard()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending = 0
        self._parsed += 1
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As uvicorn's, which would set a timer of its own."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        if self._timer is not None:
            self._timer.cancel()
        self._runner.end()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """The connection is another protocol's from here on, which hears of its end."""
        self._runner.end()
        if self._timer is not None:
            self._timer.cancel()
        super().handle_websocket_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = Cycle  # uvicorn makes its own.
        super()._start_asgi_task(cycle, app)

    def _begin(self, known: KnownHead, body: bytes) -> None:
        """Begins a request without the parser, which is between two of them."""
        self._heard()
        self._event.clear()
        self.scope = {**known.scope, BODY: body, "state": self.app_state.copy()}  # type: ignore[typeddict-item]
        self.cycle = cycle = Cycle(
            self.scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            self.access_log,
            self.server_state.default_headers,
            self._event,
            False,
            True,
            self.on_response_complete,
        )
        cycle.begin(body)
        self._runner.run(cycle)

    def _may_come_again(self) -> bool:
        """Whether the connection goes on as usual after the request that was parsed just now."""
        cycle = self.cycle  # None when it was a WebSocket's.
        return (
            cycle is not None
            and cycle.keep_alive
            and self.scope["http_version"] == "1.1"
            and self.limit_concurrency is None
        )

    def _wait(self) -> None:
        self._until = self.loop.time() + self.timeout_keep_alive
        if self._timer is None:
            self._timer = self.loop.call_at(self._until, self._look)

    def _heard(self) -> None:
        self._until = None

    def _look(self) -> None:
        self._timer = None
        if self._until is None:
            return
        if self._until > self.loop.time():
            self._timer = self.loop.call_at(self._until, self._look)
        else:
            self.timeout_keep_alive_handler()


class Connection(WebSocketsSansIOProtocol):
    """Hands text that is not UTF-8 to the application, and does not wait for ever for a client that does not read."""

    _rest = b""
    """What was read and has not been taken yet."""

    def data_received(self, data: bytes) -> None:
        """A piece at a time. One read can bring so many frames that others would not be served for seconds."""
        if self._rest:
            self._rest += data
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        super().data_received(data[:PIECE])
        self._rest = data[PIECE:]
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.close_sent:
            # What is no handshake to `websockets`, uvicorn would leave open, and then fail to stop for it.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()
        if self.transport.is_closing():
            self._rest = b""
        elif self._rest:
            self.transport.pause_reading()
            self.loop.call_soon(self._take_rest)

    def _take_rest(self) -> None:
        self._take(self._rest)
        if not (self._rest or self.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()

    async def receive(self) -> ASGIReceiveEvent:
        event = await super().receive()
        if self._rest and not self.transport.is_closing():
            self.transport.pause_reading()
        return event

    def handle_ping(self) -> None:
        """Not answered for a client that reads nothing: uvicorn would keep an answer to each, without end."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def send_receive_event_to_app(self) -> None:
        """As bytes, which the application refuses in its own way. uvicorn would log a traceback."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()

    def shutdown(self) -> None:
        """Says that the server is going away, with 1001. uvicorn would say 1012."""
        if self.handshake_complete and not self.close_sent:
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
            self.conn.send_close(GOING_AWAY)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
        else:
            super().shutdown()

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        """The transport's own `close` waits until everything is written, and so for ever when nobody reads."""
        super().on_task_complete(task)
        self.loop.call_later(LINGER, self.transport.abort)


def config(most_bytes: int) -> dict[str, Any]:
    """What uvicorn's Config must say. Of WebSockets: pings are the engine's own, and so is the word for too long.

    Only what is longer by far uvicorn refuses itself, with 1009, before it is read whole. What proxies say of clients
    nobody reads.
    """
    return {
        "http": Requests,
        "proxy_headers": False,
        "ws": Connection,
        "ws_max_size": 2 * most_bytes,
        "ws_ping_interval": None,
        "ws_ping_timeout": None,
    }


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True

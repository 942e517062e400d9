"""uvicorn's WebSocket connection, with a few of its habits changed, and how uvicorn is to be told of it."""

import asyncio
from typing import Any

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

GOING_AWAY = 1001

PIECE = 8_192
"""Bytes that are taken from a socket at a time. Frames are short: of empty ones, this is more than a thousand."""

LINGER = 10.0
"""Seconds that a client has to read what is left for it, once the server is done with its socket."""


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
    """What uvicorn's Config must say of WebSockets: pings are the engine's own, and so is the word for too long.

    Only what is longer by far uvicorn refuses itself, with 1009, before it is read whole.
    """
    return {"ws": Connection, "ws_max_size": 2 * most_bytes, "ws_ping_interval": None, "ws_ping_timeout": None}


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True

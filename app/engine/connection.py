"""uvicorn's WebSocket connection, with a few of its habits changed, and how uvicorn is to be told of it."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

GOING_AWAY = 1001

LINGER = 10.0
"""Seconds that a client has to read what is left for it, once the server is done with its socket."""


class Connection(WebSocketsSansIOProtocol):
    """Hands text that is not UTF-8 to the application, and does not wait for ever for a client that does not read."""

    def data_received(self, data: bytes) -> None:
        """What is no handshake to `websockets`, uvicorn would leave open, and then fail to stop for it."""
        super().data_received(data)
        if not self.handshake_initiated and not self.close_sent:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()

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

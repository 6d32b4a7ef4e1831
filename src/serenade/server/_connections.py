"""Bound what a client may leave unfinished on uvicorn's connections.

uvicorn waits without limit for the rest of a request's head and for the client to read the
response. It also buffers heads, pipelined requests and answers to pings without limit. These
subclasses bound time and bytes, and the number of connections: at the limit, the connection
that has been idle for longest is closed for a new one.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from serenade.server._guard import HEADERS
from serenade.server._refusals import Refused

if TYPE_CHECKING:
    from websockets.frames import Frame

    from serenade.server._settings import Settings

_HEAD = 2**15  # bytes of a request's head, and of bytes outside heads and bodies
_LINES = 100  # most headers of a request
_FRAGMENTS = 1024  # most fragments of a WebSocket message
_PIPELINED = 8  # most requests sent before the first response
_LINGER = 2.0  # seconds for the client to read why it was refused


class _BoundedWrites(asyncio.Protocol):
    """Connection that closes if the client stops reading."""

    settings: Settings
    transport: asyncio.Transport
    waiting: float | None = None
    """Loop time since which the client has sent no request; None during a request."""

    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Call `pause_writing` as soon as one byte cannot be sent.
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=0)
        self.waiting = asyncio.get_running_loop().time()

    def pause_writing(self) -> None:
        super().pause_writing()
        loop = asyncio.get_running_loop()
        self._write_timer = loop.call_later(self._write_timeout(), self.transport.abort)

    def resume_writing(self) -> None:
        self._cancel_write_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_write_timer()
        super().connection_lost(exc)

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()

    def _write_timeout(self) -> float:
        return self.settings.timeout


class Http(_BoundedWrites, HttpToolsProtocol):
    """HTTP protocol that bounds heads in size, number and time.

    Attributes:
        settings: limits, set by a subclass.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_begun = False  # an incomplete head was received
    _refused = False
    _refusal: Refused | None = None
    _unclaimed = 0  # bytes since the last head or part of a body
    _size = 0
    _lines = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close the connection that has been idle for longest if there are too many."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > self.settings.connections:
            ours = cast("set[_BoundedWrites]", self.connections)
            since = {one: one.waiting for one in ours if one.waiting is not None}
            oldest = min(since, key=since.__getitem__)
            if oldest is self:
                self._refuse(Refused(503, "Overloaded", "too many connections", retry=1))
            else:
                # It closes in the next turn of the loop; until then, do not choose it again.
                oldest.waiting = None
                oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count bytes that belong to neither a head nor a body."""
        if self._refused:
            return
        self._unclaimed += len(data)
        super().data_received(data)
        if self._unclaimed > _HEAD and not self._refused:
            self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """Refuse too many pipelined requests."""
        self._size = self._lines = 0
        self._head_begun = True
        if len(self.pipeline) >= _PIPELINED:
            self._refusal = Refused(
                429, "Overloaded", "too many pipelined requests; wait for a response"
            )
            raise self._refusal
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the bytes of the request line."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the bytes of a header or trailer."""
        self._lines += 1
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the timer of the head before the application runs."""
        self._unclaimed = 0
        # Keep the timer during a WebSocket upgrade: the request may announce a body that never
        # arrives.
        if not (self.parser.should_upgrade() and self._should_upgrade()):
            self._head_begun = False
            self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body to the application, which counts it."""
        self._unclaimed = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Start the timer for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
            self._await_request()

    def handle_websocket_upgrade(self) -> None:
        """Cancel the timers; `Live` takes over the connection."""
        self._stop_waiting()
        self._cancel_write_timer()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse an unreadable request with the JSON of all refusals."""
        self._refuse(self._refusal or Refused(400, "NotHTTP", f"{msg} Send HTTP/1.1."))

    def _unsupported_upgrade_warning(self) -> None:
        self.cycle.keep_alive = False  # the parser reads no further

    def _count_head(self, size: int) -> None:
        self._size += size
        if self._size > _HEAD or self._lines > _LINES:
            self._refusal = _too_large()
            raise self._refusal

    def _await_request(self) -> None:
        self._stop_waiting()
        self.waiting = self.loop.time()
        self._head_timer = self.loop.call_later(self.settings.patience, self._end_slow_head)

    def _stop_waiting(self) -> None:
        self.waiting = None
        if self._head_timer is not None:
            self._head_timer.cancel()

    def _end_slow_head(self) -> None:
        if not self._head_begun:
            self.transport.close()
            return
        message = f"no complete request head within {self.settings.patience:g} s; try again"
        self._refuse(Refused(408, "TooSlow", message))

    def _refuse(self, refused: Refused) -> None:
        """Send the refusal, read no more, and leave time for the client to read it."""
        if self.transport.is_closing():
            return
        self._refused = True
        self._stop_waiting()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # its response must not follow this one
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.abort()
                return
        self.transport.write(_encode(refused))
        self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)


class Live(_BoundedWrites, WebSocketsSansIOProtocol):
    """WebSocket protocol that stops reading while the client does not read.

    Attributes:
        settings: limits, set by a subclass.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the time for the client to confirm a close."""
        super().connection_made(transport)
        self.close_timeout = _LINGER

    def data_received(self, data: bytes) -> None:
        """Answer a broken handshake, which uvicorn would leave unanswered."""
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.write(_encode(_too_large()))
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        """Close on too many fragments: empty ones do not count towards the size of a message."""
        if self.close_sent:
            return
        if len(self.frames) >= _FRAGMENTS:
            self.conn.fail(1009, f"more than {_FRAGMENTS} fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_parser_exception(self) -> None:
        """Close; before the handshake is over there is no close frame, which uvicorn expects."""
        if self.conn.close_sent is not None:
            super().handle_parser_exception()
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006, "reason": ""})
        self.transport.close()

    def send_500_response(self) -> None:
        """Answer, unless the connection ended, which uvicorn does not expect."""
        if not self.conn.eof_sent:
            super().send_500_response()

    def send_receive_event_to_app(self) -> None:
        """Close on text that is not UTF-8, which uvicorn would log with a traceback."""
        self.waiting = None
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.conn.fail(1007)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def pause_writing(self) -> None:
        """Also pause reading."""
        super().pause_writing()
        self._pause_reading()

    def resume_writing(self) -> None:
        """Resume reading, unless a message waits for the application."""
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """Receive as uvicorn does, but keep reading paused while writing is paused."""
        message = await super().receive()
        if not self.writable.is_set():
            self._pause_reading()
        return message

    def _pause_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def _write_timeout(self) -> float:
        return self.settings.idle


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _too_large() -> Refused:
    return Refused(
        431,
        "TooLarge",
        f"the request's head exceeds {_HEAD} bytes or {_LINES} headers; send fewer headers",
    )


def _encode(refused: Refused) -> bytes:
    body = json.dumps({"error": refused.to_dict()}).encode()
    headers = HEADERS | refused.headers() | {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[refused.status] + lines.encode() + b"\r\n" + body

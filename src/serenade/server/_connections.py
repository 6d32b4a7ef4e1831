"""Connections as uvicorn has them, and an end to what a client may leave undone on them.

uvicorn waits for ever for the rest of a request's head and for its answer to be taken, and keeps
as many bytes of heads, of requests sent ahead, and of answers to pings as are sent. Here all of
that has an end, and so has the number of connections: where it is reached, the one that has
waited longest without asking for anything gives way to the next.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from serenade.server._app import HEADERS
from serenade.server._refusals import Refused

if TYPE_CHECKING:
    from serenade.server._settings import Settings

_HEAD = 2**15  # bytes of a request's head; also of what is neither head nor body of a chunked one
_LINES = 100  # headers of a request
_AHEAD = 8  # requests that are sent before the first is answered
_LINGER = 2.0  # seconds in which the sender of something refused may read why


class _Taken(asyncio.Protocol):
    """A connection that ends where its other side does not take what it is sent."""

    settings: Settings
    transport: asyncio.Transport
    waiting: float | None = None
    """Since when it has held a connection without asking for anything; None where it has."""

    _untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Any byte that cannot be sent is then told by `pause_writing`.
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=0)
        self.waiting = asyncio.get_running_loop().time()

    def pause_writing(self) -> None:
        super().pause_writing()
        loop = asyncio.get_running_loop()
        self._untaken = loop.call_later(self._patience(), self.transport.abort)

    def resume_writing(self) -> None:
        self._forget()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()

    def _patience(self) -> float:
        return self.settings.timeout


class Http(_Taken, HttpToolsProtocol):
    """HTTP whose heads are bounded in size, number and time.

    Attributes:
        settings: limits; subclasses have them.
    """

    _late: asyncio.TimerHandle | None = None
    _begun = False  # a head that is not complete
    _refused = False
    _why: Refused | None = None
    _unclaimed = 0  # bytes since the last head or piece of a body
    _size = 0
    _lines = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Where there are too many, the one that asks for nothing for longest gives way."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > self.settings.connections:
            ours = cast("set[_Taken]", self.connections)
            since = {one: one.waiting for one in ours if one.waiting is not None}
            oldest = min(since, key=since.__getitem__)
            if oldest is self:
                self._refuse(Refused(503, "Overloaded", "too many connections", retry=1))
            else:
                # It is gone with the next turn of the loop; who comes before pushes out another.
                oldest.waiting = None
                oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What is neither a head nor a body counts."""
        if self._refused:
            return
        self._unclaimed += len(data)
        super().data_received(data)
        if self._unclaimed > _HEAD and not self._refused:
            self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """Only so many may come before the first is answered."""
        self._size = self._lines = 0
        self._begun = True
        if len(self.pipeline) >= _AHEAD:
            self._why = Refused(429, "Overloaded", "too many requests ahead of their answers")
            raise self._why
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the head."""
        self._grown(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A part of the head, or of what follows a body in chunks."""
        self._lines += 1
        self._grown(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The application's turn."""
        self._unclaimed = 0
        # What becomes a WebSocket is waited for until it has: it may state a body that never comes.
        if not (self.parser.should_upgrade() and self._should_upgrade()):
            self._begun = False
            self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The application's, and counted by it."""
        self._unclaimed = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """The client's turn."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
            self._await_request()

    def handle_websocket_upgrade(self) -> None:
        """From here on the connection is `Live`'s."""
        self._stop_waiting()
        self._forget()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read is refused in the shape of all refusals."""
        self._refuse(self._why or Refused(400, "NotHTTP", f"{msg} Send HTTP/1.1."))

    def _unsupported_upgrade_warning(self) -> None:
        self.cycle.keep_alive = False  # the parser reads no further

    def _grown(self, size: int) -> None:
        self._size += size
        if self._size > _HEAD or self._lines > _LINES:
            self._why = _too_large()
            raise self._why

    def _await_request(self) -> None:
        self._stop_waiting()
        self.waiting = self.loop.time()
        self._late = self.loop.call_later(self.settings.patience, self._too_late)

    def _stop_waiting(self) -> None:
        self.waiting = None
        if self._late is not None:
            self._late.cancel()

    def _too_late(self) -> None:
        if not self._begun:
            self.transport.close()
            return
        limit = f"the request's head did not come within {self.settings.patience:g} s; try again"
        self._refuse(Refused(408, "TooSlow", limit))

    def _refuse(self, refused: Refused) -> None:
        """Say so, take no more, and leave time for it to be read."""
        if self.transport.is_closing():
            return
        self._refused = True
        self._stop_waiting()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # its answer must not follow this one
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.abort()
                return
        self.transport.write(_answer(refused))
        self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)


class Live(_Taken, WebSocketsSansIOProtocol):
    """A WebSocket that reads no more while its answers, of pings too, are not taken.

    Attributes:
        settings: limits; subclasses have them.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One who does not answer its end is not waited for long."""
        super().connection_made(transport)
        self.close_timeout = _LINGER

    def data_received(self, data: bytes) -> None:
        """A handshake that uvicorn would leave without an answer gets one."""
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.write(_answer(_too_large()))
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """A message is whole; text that is none would be logged with a traceback."""
        self.waiting = None
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.conn.fail(1007)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def pause_writing(self) -> None:
        """Nothing more is read either."""
        super().pause_writing()
        self._hold()

    def resume_writing(self) -> None:
        """Reading goes on, unless a message waits."""
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """As uvicorn, but that reading does not go on while writing cannot."""
        message = await super().receive()
        if not self.writable.is_set():
            self._hold()
        return message

    def _hold(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def _patience(self) -> float:
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
        f"the request's head is over {_HEAD} bytes or {_LINES} lines; send fewer headers",
    )


def _answer(refused: Refused) -> bytes:
    body = json.dumps({"error": refused.to_dict()}).encode()
    headers = HEADERS | refused.headers() | {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[refused.status] + lines.encode() + b"\r\n" + body

"""Share the event loop's time for parsing fairly among connections.

A client can send a megabyte of frames or chunks of some bytes each, and parsing them takes a
thousand times as long as parsing the same bytes in one piece. So input is parsed in small slices,
the connection that has used least time first, and parsing rests when it has taken a while.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_READ = 2**14  # most bytes that are read from a connection before they are parsed
_SLICE = 2**12  # bytes that are parsed in one turn: at most 700 frames, some milliseconds
_WORK = 0.004  # seconds after which parsing rests if more input waits
_REST = 0.008  # seconds of the rest, in which responses and new connections are served


class Turns:
    """Order in which the connections of a server parse their input.

    This is start-time fair queueing: the key of a connection is the time that it has used, but at
    least that of the connection parsed last, so that no connection saves up time.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, FairInput]] = []
        self._order = itertools.count()
        self._now = 0.0
        self._scheduled = False

    def add(self, connection: FairInput) -> None:
        """Let a connection parse a slice of its input when its turn comes."""
        key = max(connection.spent, self._now)
        heapq.heappush(self._waiting, (key, next(self._order), connection))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        end = time.perf_counter() + _WORK
        while self._waiting and time.perf_counter() < end:
            self._now, _, connection = heapq.heappop(self._waiting)
            start = time.thread_time()
            more = connection.parse_slice()
            connection.spent = self._now + time.thread_time() - start
            if more:
                self.add(connection)
        self._scheduled = bool(self._waiting)
        if self._waiting:
            asyncio.get_running_loop().call_later(_REST, self._run)


class FairInput(asyncio.BufferedProtocol):
    """Protocol that passes its input to another protocol in slices, in turn with others.

    Args:
        inner: protocol that parses the input.
        turns: order among the connections of the server.

    Attributes:
        inner: see above; replaced when a connection becomes a WebSocket.
        spent: seconds of processor time that parsing has taken, see `Turns`.
    """

    def __init__(self, inner: asyncio.Protocol, turns: Turns) -> None:
        self.inner = inner
        self.spent = 0.0
        self._turns = turns
        self._buffer = bytearray(_READ)
        self._start = self._end = 0  # of the input that was read and not parsed
        self._held = False  # the inner protocol paused reading
        self._in_turn = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the inner protocol a transport whose reading it can pause."""
        self._transport = cast("asyncio.Transport", transport)
        self.inner.connection_made(cast("asyncio.Transport", _SlicedTransport(self)))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - of asyncio's interface
        """Return the buffer for the next input; it is empty whenever reading is not paused."""
        return memoryview(self._buffer)

    def buffer_updated(self, nbytes: int) -> None:
        """Pause reading until the input was parsed."""
        self._start, self._end = 0, nbytes
        self._transport.pause_reading()
        self._await_turn()

    def eof_received(self) -> bool | None:
        """Pass on the end of the input."""
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        """Pass on that the client reads too slowly."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the client reads again."""
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop unparsed input."""
        self._start = self._end = 0
        self.inner.connection_lost(exc)

    def parse_slice(self) -> bool:
        """Parse a slice of the input; return whether more waits."""
        if self._may_parse():
            data = bytes(self._buffer[self._start : min(self._end, self._start + _SLICE)])
            self._start += len(data)
            try:
                self.inner.data_received(data)
            except Exception as error:  # noqa: BLE001 - as asyncio's transports do
                self._fail(error)
        self._in_turn = self._may_parse()
        if self._start == self._end:
            self._set_reading()
        return self._in_turn

    def hold(self, held: bool) -> None:
        """Stop or continue to parse and read, as the inner protocol asks."""
        self._held = held
        if self._start == self._end:
            self._set_reading()
        elif not held:
            self._await_turn()

    @property
    def transport(self) -> asyncio.Transport:
        """Transport of the connection."""
        return self._transport

    def _may_parse(self) -> bool:
        return self._start < self._end and not self._held and not self._transport.is_closing()

    def _await_turn(self) -> None:
        if not self._in_turn:
            self._in_turn = True
            self._turns.add(self)

    def _set_reading(self) -> None:
        if self._transport.is_closing():
            return
        change: Callable[[], None] = (
            self._transport.pause_reading if self._held else self._transport.resume_reading
        )
        change()

    def _fail(self, error: Exception) -> None:
        context = {"message": "a protocol failed", "exception": error, "protocol": self.inner}
        asyncio.get_running_loop().call_exception_handler(context)
        self._transport.abort()


class _SlicedTransport:
    """Transport that a protocol behind a `FairInput` sees."""

    def __init__(self, owner: FairInput) -> None:
        self._owner = owner

    def pause_reading(self) -> None:
        self._owner.hold(True)

    def resume_reading(self) -> None:
        self._owner.hold(False)

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        self._owner.inner = protocol

    def get_protocol(self) -> asyncio.Protocol:
        return self._owner.inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner.transport, name)

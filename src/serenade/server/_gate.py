"""Admit a bounded number of requests and run their work in one thread per core."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import shutil
import time
from typing import TYPE_CHECKING, TypeVar

from serenade.runtime import StoppedError
from serenade.server._refusals import Refused
from serenade.server._shares import Shares
from serenade.server._storage import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from serenade.server._settings import Settings
    from serenade.server._shares import Turn

T = TypeVar("T")

CLOSING = 5.0
"""Most seconds for stopped work to end when the server ends."""


class Job:
    """Admitted request.

    Args:
        shares: threads that run the work.
        client: name of the client, which gets its share of them.
        folder: folder for its files, removed after the work has ended.
    """

    def __init__(self, shares: Shares, client: str, folder: Path) -> None:
        self.folder = folder
        self.turn: Turn | None = None
        self._shares = shares
        self._client = client

    async def run(self, work: Callable[[], T], timeout: float) -> T:
        """Call `work` in a thread and return its result; stop it when its client has left.

        Args:
            work: function to call.
            timeout: seconds to wait.

        Raises:
            Refused: 503, the work took longer than `timeout`, or the server ends.
        """
        self.turn = self._shares.submit(self._client, work)
        try:
            async with asyncio.timeout(timeout):
                result: T = await asyncio.wrap_future(self.turn.future)
                return result
        except TimeoutError:
            raise Refused(
                503,
                "TimedOut",
                f"no answer within {timeout:g} s; send less at once or try again later",
                retry=timeout,
            ) from None
        except StoppedError:
            raise Refused(503, "Stopped", "the server ends; try again later", retry=1) from None
        finally:
            self.turn.stop()


class Slots:
    """Limited number of places, of which one client may hold half.

    A place is held before a body is read, so without the second limit one client could shut out
    all others at little cost.

    Args:
        kind: what holds a place, in the plural, for messages.
        most: most places.
        alone: whether a client may hold all places while no other client holds one.

    >>> slots = Slots("streams", 2, alone=False)
    >>> slots.take("a")
    >>> slots.take("a")
    Traceback (most recent call last):
    serenade.server._refusals.Refused: too many streams of this client at once; try again later
    >>> slots.take("b")
    >>> slots.held
    2
    """

    def __init__(self, kind: str, most: int, *, alone: bool) -> None:
        self._kind = kind
        self._most = most
        self._alone = alone
        self._held: collections.Counter[str] = collections.Counter()

    @property
    def held(self) -> int:
        """Number of places that clients hold."""
        return self._held.total()

    def take(self, client: str, retry: float | None = None) -> None:
        """Hold a place for a client, until `leave`.

        Args:
            client: name of the client.
            retry: seconds after which to try again, for the refusal.

        Raises:
            Refused: 429, all places are taken, or half of them by this client.
        """
        own = self._held[client]
        lonely = self._alone and own == self.held
        if self.held >= self._most:
            excess = self._kind
        elif own >= max(1, self._most // 2) and not lonely:
            excess = f"{self._kind} of this client"
        else:
            self._held[client] += 1
            return
        message = f"too many {excess} at once; try again later"
        raise Refused(429, "Overloaded", message, retry=retry)

    def leave(self, client: str) -> None:
        """Give a place of a client back."""
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]


class Gate:
    """Limit on the number of requests; requests above the limit are refused at once.

    A request holds its place and its files from before its body is read until its work has ended,
    even if the client has left. So disk, memory and threads stay bounded. With a single API key
    there is one client, which may hold all places.

    Args:
        settings: limits of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shares = Shares(settings.concurrency, "predict")
        self._storage = Storage()
        self._slots = Slots("requests", settings.places, alone=len(settings.api_keys) == 1)
        self._seconds = 0.1  # moving average of the duration of work

    @property
    def inside(self) -> int:
        """Number of requests that hold a place."""
        return self._slots.held

    @contextlib.asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[Job]:
        """Hold a place for a request.

        Args:
            client: name of the client.

        Raises:
            Refused: 429, all places are taken, or half of them by this client; 503, the disk
                refuses a folder for its files.
        """
        wait = max(1.0, self.inside * self._seconds / self._settings.concurrency)
        self._slots.take(client, min(wait, 60))
        try:
            folder = self._storage.make_folder()
        except Refused:
            self._slots.leave(client)
            raise
        job = Job(self._shares, client, folder)
        leave = functools.partial(self._leave, client, folder)
        try:
            yield job
        finally:
            turn = job.turn
            if turn is None or turn.future.done():
                leave()
            else:
                loop = asyncio.get_running_loop()
                # The loop may end before the work does.
                turn.future.add_done_callback(lambda _: _call(loop, leave))

    def measure(self, work: Callable[[], T]) -> T:
        """Call `work` and record its duration; the average sets the header Retry-After."""
        start = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds += 0.1 * (time.perf_counter() - start - self._seconds)

    def close(self) -> None:
        """Stop running work and remove its files."""
        self._shares.close(CLOSING)
        self._storage.close()

    def _leave(self, client: str, folder: Path) -> None:
        self._slots.leave(client)
        shutil.rmtree(folder, ignore_errors=True)


def _call(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(leave)
    except RuntimeError:
        leave()

"""Admit a bounded number of requests and run their work in one thread per core."""

from __future__ import annotations

import asyncio
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


class Gate:
    """Limit on the number of requests; requests above the limit are refused at once.

    A request holds its place and its files from before its body is read until its work has ended,
    even if the client has left. So disk, memory and threads stay bounded.

    Args:
        settings: limits of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shares = Shares(settings.concurrency, "predict")
        self._storage = Storage()
        self._inside = 0
        self._seconds = 0.1  # moving average of the duration of work

    @property
    def inside(self) -> int:
        """Number of requests that hold a place."""
        return self._inside

    @contextlib.asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[Job]:
        """Hold a place for a request.

        Args:
            client: name of the client.

        Raises:
            Refused: 429, all places are taken; 503, the disk refuses a folder for its files.
        """
        if self._inside >= self._settings.places:
            wait = max(1.0, self._inside * self._seconds / self._settings.concurrency)
            raise Refused(
                429, "Overloaded", "too many requests at once; try again later", retry=min(wait, 60)
            )
        folder = self._storage.make_folder()
        self._inside += 1
        job = Job(self._shares, client, folder)
        leave = functools.partial(self._leave, folder)
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

    def _leave(self, folder: Path) -> None:
        self._inside -= 1
        shutil.rmtree(folder, ignore_errors=True)


def _call(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(leave)
    except RuntimeError:
        leave()

"""Admit a bounded number of requests and run their work in one thread per core."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from serenade.server._refusals import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from concurrent.futures import Future
    from typing import Any

    from serenade.server._settings import Settings

T = TypeVar("T")


class Job:
    """Admitted request.

    Args:
        pool: threads that run the work.
        folder: folder for its files, removed after the work has ended.

    Attributes:
        stop: set when the request has ended; the work checks it and stops.
    """

    def __init__(self, pool: ThreadPoolExecutor, folder: Path) -> None:
        self.folder = folder
        self.stop = threading.Event()
        self.future: Future[Any] | None = None
        self._pool = pool

    async def run(self, work: Callable[[], T], timeout: float) -> T:
        """Call `work` in a thread and return its result.

        Args:
            work: function to call.
            timeout: seconds to wait.

        Raises:
            Refused: 503, the work took longer than `timeout`.
        """
        future = self.future = self._pool.submit(work)
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Refused(
                503,
                "TimedOut",
                f"no answer within {timeout:g} s; send less at once or try again later",
                retry=timeout,
            ) from None
        finally:
            self.stop.set()


class Gate:
    """Limit on the number of requests; requests above the limit are refused at once.

    A request holds its place and its files from before its body is read until its work has ended,
    even if the client has left. So disk, memory and threads stay bounded.

    Args:
        settings: limits of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.concurrency, "predict")
        self._inside = 0
        self._seconds = 0.1  # moving average of the duration of work

    @property
    def inside(self) -> int:
        """Number of requests that hold a place."""
        return self._inside

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[Job]:
        """Hold a place for a request.

        Raises:
            Refused: 429, all places are taken.
        """
        if self._inside >= self._settings.places:
            wait = max(1.0, self._inside * self._seconds / self._settings.concurrency)
            raise Refused(
                429, "Overloaded", "too many requests at once; try again later", retry=min(wait, 60)
            )
        self._inside += 1
        folder = tempfile.TemporaryDirectory(prefix="serenade-", ignore_cleanup_errors=True)
        job = Job(self._pool, Path(folder.name))
        leave = functools.partial(self._leave, folder)
        try:
            yield job
        finally:
            future = job.future
            if future is None or future.done() or future.cancel():
                leave()
            else:
                loop = asyncio.get_running_loop()
                # The loop may end before the work does.
                future.add_done_callback(lambda _: _call(loop, leave))

    def measure(self, work: Callable[[], T]) -> T:
        """Call `work` and record its duration; the average sets the header Retry-After."""
        start = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds += 0.1 * (time.perf_counter() - start - self._seconds)

    def close(self) -> None:
        """Wait for running work."""
        self._pool.shutdown(cancel_futures=True)

    def _leave(self, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._inside -= 1
        folder.cleanup()


def _call(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(leave)
    except RuntimeError:
        leave()

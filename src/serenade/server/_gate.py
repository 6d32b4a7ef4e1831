"""Who may come in, and who works: a bounded number of requests, a thread for each core."""

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
    """A request that was let in.

    Args:
        pool: what works.
        folder: for its files; it is removed when nothing uses it any more.

    Attributes:
        stop: set once nobody waits for the work any more; the work looks at it.
    """

    def __init__(self, pool: ThreadPoolExecutor, folder: Path) -> None:
        self.folder = folder
        self.stop = threading.Event()
        self.future: Future[Any] | None = None
        self._pool = pool

    async def run(self, work: Callable[[], T], timeout: float) -> T:
        """What `work` gives, called in a thread.

        Raises:
            Refused: 503, it was not there in time.
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
    """Lets in as many requests as there are places, and refuses the others at once.

    A request holds its place, and its files, from before its body is read until its work has
    really ended, even when its sender has gone: so neither disk nor memory nor threads grow with
    how many ask.

    Args:
        settings: how many.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.concurrency, "judge")
        self._inside = 0
        self._seconds = 0.1  # a request's work, lately

    @property
    def inside(self) -> int:
        """Requests that hold a place."""
        return self._inside

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[Job]:
        """A place for a request.

        Raises:
            Refused: 429, all are taken.
        """
        if self._inside >= self._settings.places:
            wait = max(1.0, self._inside * self._seconds / self._settings.concurrency)
            raise Refused(
                429, "Overloaded", "too many requests at once; try again later", retry=min(wait, 60)
            )
        self._inside += 1
        folder = tempfile.TemporaryDirectory(prefix="serenade-", ignore_cleanup_errors=True)
        job = Job(self._pool, Path(folder.name))
        leave = functools.partial(self._left, folder)
        try:
            yield job
        finally:
            future = job.future
            if future is None or future.done() or future.cancel():
                leave()
            else:
                loop = asyncio.get_running_loop()
                # The loop may have ended before the work has: then nobody counts any more.
                future.add_done_callback(lambda _: _call(loop, leave))

    def timed(self, work: Callable[[], T]) -> T:
        """What `work` gives; how long it takes tells the refused when to come again."""
        start = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds += 0.1 * (time.perf_counter() - start - self._seconds)

    def close(self) -> None:
        """Wait for what works."""
        self._pool.shutdown(cancel_futures=True)

    def _left(self, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._inside -= 1
        folder.cleanup()


def _call(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(leave)
    except RuntimeError:
        leave()

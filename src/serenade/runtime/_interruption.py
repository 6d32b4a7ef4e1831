"""Stop work in another thread, together with the ONNX session that it runs."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_LOCAL = threading.local()


class StoppedError(Exception):
    """Work was stopped from another thread, because no client waits for its result."""


class Interruption:
    """Way to stop the work of one or more threads.

    The work runs in `activate`. It stops at its next call of `check`, and `run_interruptibly` also
    ends a running session: a graph may contain an endless loop.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[int, Any] = {}

    @property
    def is_stopped(self) -> bool:
        """Whether the work was stopped."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Stop the work; may be called from any thread, and more than once."""
        with self._lock:
            self._stopped.set()
            for options in self._running.values():
                options.terminate = True

    def check(self) -> None:
        """Stop here if the work was stopped.

        Raises:
            StoppedError: the work was stopped.
        """
        if self._stopped.is_set():
            raise StoppedError

    @contextlib.contextmanager
    def activate(self) -> Iterator[None]:
        """Let the work of this thread be stopped by this object."""
        before = get_interruption()
        _LOCAL.current = self
        try:
            yield
        finally:
            _LOCAL.current = before

    def run(self, call: Callable[[], T], options: Any) -> T:
        """Call a function that runs a session with `onnxruntime.RunOptions`, see `stop`."""
        with self._lock:
            if self.is_stopped:
                raise StoppedError
            self._running[id(options)] = options
        try:
            return call()
        except Exception:
            if self.is_stopped:  # onnxruntime's own error says the same with more words
                raise StoppedError from None
            raise
        finally:
            with self._lock:
                del self._running[id(options)]


def get_interruption() -> Interruption | None:
    """Return the interruption that is active in this thread."""
    found: Interruption | None = getattr(_LOCAL, "current", None)
    return found


def check_interruption() -> None:
    """Stop here if the work of this thread was stopped.

    Raises:
        StoppedError: the work was stopped.
    """
    current = get_interruption()
    if current is not None:
        current.check()


def run_interruptibly(call: Callable[[], T], options: Any) -> T:
    """Call a function that runs a session so that it can be stopped.

    In the main thread, the function is called in another thread: Python handles Ctrl+C only in the
    main thread, and not before a function of onnxruntime has returned.

    Args:
        call: function to call.
        options: the `onnxruntime.RunOptions` of the session.

    Raises:
        StoppedError: the work was stopped.
    """
    current = get_interruption()
    if current is not None:
        current.check()
        return current.run(call, options)
    if threading.current_thread() is not threading.main_thread():
        return call()
    own = Interruption()
    future = _start_helper().submit(own.run, call, options)
    try:
        return future.result()
    except KeyboardInterrupt:
        own.stop()
        concurrent.futures.wait([future])
        raise


@functools.cache
def _start_helper() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(1, "onnx")


if hasattr(os, "register_at_fork"):  # a forked process has no such thread
    os.register_at_fork(after_in_child=_start_helper.cache_clear)

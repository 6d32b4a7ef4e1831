"""Map a function over items in threads, in order and with few items held at a time."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from serenade.runtime import Interruption, get_interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(
    function: Callable[[T], R], items: Iterable[T], threads: int
) -> Iterator[tuple[T, R]]:
    """Yield each item with the result of a function, in the order of the items.

    Threads are enough, because decoding, resampling and the encoders release the interpreter
    lock.

    Args:
        function: called from several threads at once.
        items: taken when they are needed; at most two per thread are held.
        threads: number of threads; with one, the function is called in this thread.

    >>> list(map_in_threads(abs, [-1, -2], 2))
    [(-1, 1), (-2, 2)]
    """
    if threads <= 1:
        for item in items:
            yield item, function(item)
        return
    pool = ThreadPoolExecutor(threads)
    outer = get_interruption()
    interruption = outer or Interruption()

    def call(item: T) -> R:
        with interruption.activate():
            return function(item)

    finished = False
    try:
        waiting: deque[tuple[T, Future[R]]] = deque()
        for item in items:
            waiting.append((item, pool.submit(call, item)))
            if len(waiting) >= 2 * threads:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
        finished = True
    finally:
        if outer is None and not finished:  # such as Ctrl+C: the other items are not needed
            interruption.stop()
        pool.shutdown(cancel_futures=True)

"""Show a progress bar on standard error, on a terminal and for long work only."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds before a bar appears."""

_INTERVAL = 0.2  # seconds between two drawings
_WIDTH = 30


class ProgressBar:
    """Progress bar with the time left, which threads may advance; it is erased at the end.

    Args:
        total: amount of work, of any unit.
        label: name of the work.
    """

    def __init__(self, total: float, label: str) -> None:
        self._total = total
        self._label = label
        self._done = 0.0
        self._begun = self._drawn = time.monotonic()
        self._lock = threading.Lock()
        self._paused = not sys.stderr.isatty()
        self._visible = False

    def advance(self, amount: float = 1.0) -> None:
        """Count an amount of work as done, and draw the bar if it is time."""
        with self._lock:
            self._done += amount
            now = time.monotonic()
            late = now - self._begun > PATIENCE and now - self._drawn > _INTERVAL
            if late and not self._paused and self._done < self._total:
                self._draw(now)

    def pass_items(self, items: Iterable[T], step: float = 1.0) -> Iterator[T]:
        """Yield items and count a step for each; the bar is erased while an item is used."""
        quiet = self._paused
        try:
            for item in items:
                self._erase()
                yield item
                self._paused = quiet
                self.advance(step)
        finally:
            self._erase()

    def _erase(self) -> None:
        with self._lock:
            self._paused = True
            if self._visible:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
            self._visible = False

    def _draw(self, now: float) -> None:
        share = self._done / self._total
        minutes, seconds = divmod(round((now - self._begun) * (1 / max(share, 1e-9) - 1)), 60)
        bar = "#" * round(share * _WIDTH)
        rest = f"{minutes}:{seconds:02d} left" if share else ""
        sys.stderr.write(f"\r\x1b[K{self._label} [{bar:<{_WIDTH}}] {share:.0%} {rest}")
        sys.stderr.flush()
        self._drawn, self._visible = now, True


def show_progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Pass items on, and show a bar on a terminal if they take over two seconds.

    Args:
        items: passed on as they come.
        total: how many there will be.
        label: name of the work.

    >>> list(show_progress("ab", 2, "spelling"))
    ['a', 'b']
    """
    return ProgressBar(total, label).pass_items(items)

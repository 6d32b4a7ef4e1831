"""Join predicted windows to segments: average overlaps, merge neighbours of one emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from serenade.inference._windows import Window

    Part = tuple[int, int, NDArray[np.float64]]


class SegmentJoiner:
    """Joins windows to segments as soon as later windows cannot change them.

    An utterance is divided into cells of one hop. A cell's probabilities are the mean of the
    windows that overlap it, weighted by the overlap. Neighbouring cells with the same most
    probable emotion are one segment, and pauses always divide segments. More smoothing gains
    little: see docs/benchmarks/timeline.md.

    Args:
        hop: distance between windows, in samples.
    """

    def __init__(self, hop: int) -> None:
        self._hop = hop
        self._windows: list[Part] = []
        self._cell = 0  # first sample of the next cell
        self._open: Part | None = None  # cells of the current segment and their mean

    def add(self, window: Window, probabilities: NDArray[np.float64]) -> Iterator[Part]:
        """Take the next full window of `Windower`.

        Args:
            window: window with `window.full`.
            probabilities: its probabilities, `(classes,)`.

        Yields:
            Finished segments: first sample, first sample after it, probabilities.
        """
        if not self._windows:
            self._cell = window.origin
        # An utterance may end exactly where the window before ended: that one counts once.
        if not self._windows or self._windows[-1][:2] != (window.start, window.end):
            self._windows.append((window.start, window.end, probabilities))
        # Later windows start after this one: cells before its start are complete.
        complete = window.end if window.last else window.start
        while self._cell < complete:
            end = min(self._cell + self._hop, window.end)
            if end > complete:
                break
            yield from self._join(self._cell, end, self._average(self._cell, end))
            self._cell = end
        self._windows = [known for known in self._windows if known[1] > self._cell]
        if window.last:
            yield from self._close()
            self._windows = []

    def _average(self, start: int, end: int) -> NDArray[np.float64]:
        overlaps = [max(0, min(end, stop) - max(start, first)) for first, stop, _ in self._windows]
        return np.average([found for *_, found in self._windows], axis=0, weights=overlaps)

    def _join(self, start: int, end: int, cell: NDArray[np.float64]) -> Iterator[Part]:
        """Add a cell to the current segment; yield that segment if the emotion changes."""
        if self._open is not None and self._open[2].argmax() != cell.argmax():
            yield from self._close()
        if self._open is None:
            self._open = start, end, cell
            return
        first, middle, mean = self._open
        self._open = first, end, mean + (end - middle) / (end - first) * (cell - mean)

    def _close(self) -> Iterator[Part]:
        if self._open is not None:
            yield self._open
        self._open = None

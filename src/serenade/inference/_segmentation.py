"""From judged windows to segments: overlapping windows averaged, equal neighbours joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from serenade.inference._windows import Look

    Part = tuple[int, int, NDArray[np.float64]]


class Segments:
    """Joins what windows say into segments, as soon as nothing later can change them.

    An utterance is divided into cells of one hop. A cell's probabilities are the mean of the
    windows over it, weighted by their share of it; neighbouring cells with the same most probable
    emotion are one segment. Pauses always divide. More smoothing was tried on joined clips of
    unseen speakers (docs/benchmarks/timeline.md): a second on both sides gained 0.002 and cost a
    second of latency; more lost more where emotions change than it gained where they last.

    Args:
        hop: in samples, that of the windows.
    """

    def __init__(self, hop: int) -> None:
        self._hop = hop
        self._looks: list[tuple[int, int, NDArray[np.float64]]] = []
        self._cell = 0  # where the next cell starts
        self._open: Part | None = None  # cells that are one segment so far, and their mean

    def add(self, look: Look, probabilities: NDArray[np.float64]) -> Iterator[Part]:
        """Take the next whole window.

        Args:
            look: of `Windows`, `look.whole`.
            probabilities: `(classes,)`.

        Yields:
            Segments that are finished: first sample, first sample behind, probabilities.
        """
        if not self._looks:
            self._cell = look.origin
        # An utterance may end just where its last window did: that one counts once.
        if not self._looks or self._looks[-1][:2] != (look.start, look.end):
            self._looks.append((look.start, look.end, probabilities))
        # Windows to come start after this one: cells before it are complete.
        complete = look.end if look.last else look.start
        while self._cell < complete:
            end = min(self._cell + self._hop, look.end)
            if end > complete:
                break
            yield from self._joined(self._cell, end, self._mean(self._cell, end))
            self._cell = end
        self._looks = [known for known in self._looks if known[1] > self._cell]
        if look.last:
            yield from self._closed()
            self._looks = []

    def _mean(self, start: int, end: int) -> NDArray[np.float64]:
        shares = [max(0, min(end, stop) - max(start, first)) for first, stop, _ in self._looks]
        return np.average([found for *_, found in self._looks], axis=0, weights=shares)

    def _joined(self, start: int, end: int, found: NDArray[np.float64]) -> Iterator[Part]:
        if self._open is not None and self._open[2].argmax() != found.argmax():
            yield from self._closed()
        if self._open is None:
            self._open = start, end, found
            return
        first, middle, mean = self._open
        self._open = first, end, mean + (end - middle) / (end - first) * (found - mean)

    def _closed(self) -> Iterator[Part]:
        if self._open is not None:
            yield self._open
        self._open = None

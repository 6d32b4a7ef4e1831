"""Predict the windows of a signal, and join them to segments and timelines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from serenade.inference._prediction import Timeline
from serenade.inference._threads import map_in_threads
from serenade.inference._windows import DEFAULT_HOP, DEFAULT_WINDOW, Windower

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from serenade.inference._classifier import Classifier
    from serenade.inference._own_adaptation import OwnAdaptation
    from serenade.inference._prediction import Segment
    from serenade.inference._windows import Window

    Part = tuple[int, int, NDArray[np.float64]]
    Predicted = tuple[Window, NDArray[np.float64]]

_SHORTEST_CELL = 160
"""Samples of the shortest cell, 10 ms: formats in milliseconds give others no length."""


class SegmentJoiner:
    """Joins windows to segments as soon as later windows cannot change them.

    An utterance is divided into cells of one hop. A rest of less than 10 ms, or of less than half a
    hop if that is shorter, belongs to the cell before it. A cell's probabilities are the mean of
    the windows that overlap it, weighted by the overlap. Neighbouring cells with the same most
    probable emotion are one segment, and pauses always divide segments. More smoothing gains
    little: see docs/benchmarks/timeline.md. Each cell of values is a segment, so that these are a
    curve.

    Args:
        hop: distance between windows, in samples.
        values: whether the model predicts values, not probabilities.
    """

    def __init__(self, hop: int, *, values: bool = False) -> None:
        self._hop = hop
        self._values = values
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
            end = self._find_end(window)
            if end > complete:
                break
            yield from self._join(self._cell, end, self._average(self._cell, end))
            self._cell = end
        self._windows = [known for known in self._windows if known[1] > self._cell]
        if window.last:
            yield from self._close()
            self._windows = []

    def _find_end(self, window: Window) -> int:
        """Return the first sample after the next cell."""
        end = self._cell + self._hop
        # Windows are at least as long as a hop: only the last can reach the end of this cell.
        rest = min(_SHORTEST_CELL, self._hop // 2)
        return window.end if window.last and window.end - end < rest else end

    def _average(self, start: int, end: int) -> NDArray[np.float64]:
        overlaps = [max(0, min(end, stop) - max(start, first)) for first, stop, _ in self._windows]
        return np.average([found for *_, found in self._windows], axis=0, weights=overlaps)

    def _join(self, start: int, end: int, cell: NDArray[np.float64]) -> Iterator[Part]:
        """Add a cell to the current segment; yield that segment if the emotion changes."""
        if self._open is not None and (self._values or self._open[2].argmax() != cell.argmax()):
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


class Spans(NamedTuple):
    """Length of the windows and distance between them, in seconds."""

    window: float = DEFAULT_WINDOW
    hop: float = DEFAULT_HOP


def predict_windows(
    classifier: Classifier, blocks: Iterable[NDArray[np.float32]], spans: Spans, jobs: int | None
) -> Iterator[Predicted]:
    """Yield the windows of a signal with their probabilities before adaptation.

    Args:
        classifier: model that predicts.
        blocks: parts `(samples,)` of the signal at the model's rate.
        spans: length and distance of the windows.
        jobs: number of threads; None for one per core.
    """
    rate = classifier.sampling_rate
    windower = Windower(round(spans.window * rate), round(spans.hop * rate))

    def cut_windows() -> Iterator[Window]:
        for block in blocks:
            yield from windower.push(block)
        yield from windower.finish()

    yield from predict_cut_windows(classifier, cut_windows(), jobs)


def predict_cut_windows(
    classifier: Classifier, windows: Iterable[Window], jobs: int | None
) -> Iterator[Predicted]:
    """Yield windows with their probabilities before adaptation; see `predict_windows`."""
    yield from map_in_threads(
        lambda window: classifier.plain_probabilities(window.signal),
        windows,
        jobs or os.cpu_count() or 1,
    )


def join_windows(
    classifier: Classifier,
    predicted: Iterable[Predicted],
    spans: Spans,
    own: OwnAdaptation | None = None,
) -> tuple[Segment, ...]:
    """Adapt the probabilities of windows, and join them to segments.

    Args:
        classifier: model that made the probabilities.
        predicted: see `predict_windows`.
        spans: length and distance of the windows.
        own: adaptation to the recording itself, instead of that of the model.
    """
    hop = round(spans.hop * classifier.sampling_rate)
    joiner = SegmentJoiner(hop, values=bool(classifier.dimensions))
    segments: list[Segment] = []
    for window, plain in predicted:
        adapted = classifier.adapt_probabilities(plain) if own is None else own.adapt(window, plain)
        segments += (classifier.segment(*part) for part in joiner.add(window, adapted))
    return tuple(segments)


def predict_timeline(
    classifier: Classifier,
    name: str,
    blocks: Iterable[NDArray[np.float32]],
    spans: Spans,
    jobs: int | None,
    own: OwnAdaptation | None = None,
) -> Timeline:
    """Predict the timeline of a signal.

    Args:
        classifier: model that predicts.
        name: file name of the recording.
        blocks: see `predict_windows`.
        spans: length and distance of the windows.
        jobs: number of threads; None for one per core.
        own: see `join_windows`.
    """
    size = 0

    def count_samples() -> Iterator[NDArray[np.float32]]:
        nonlocal size
        for block in blocks:
            size += block.size
            yield block

    predicted = predict_windows(classifier, count_samples(), spans, jobs)
    segments = join_windows(classifier, predicted, spans, own)
    remarks = classifier.remarks | ({} if own is None else own.remarks)
    return Timeline(name, size / classifier.sampling_rate, classifier.labels, segments, **remarks)

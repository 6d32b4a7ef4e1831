"""Predict the windows of a signal, and join them to a timeline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from serenade.inference._prediction import Timeline
from serenade.inference._segmentation import SegmentJoiner
from serenade.inference._threads import map_in_threads
from serenade.inference._windows import DEFAULT_HOP, DEFAULT_WINDOW, Windower

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from serenade.inference._classifier import Classifier
    from serenade.inference._own_adaptation import OwnAdaptation
    from serenade.inference._prediction import Segment
    from serenade.inference._windows import Window

    Predicted = tuple[Window, NDArray[np.float64]]


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

    yield from map_in_threads(
        lambda window: classifier.plain_probabilities(window.signal),
        cut_windows(),
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
    joiner = SegmentJoiner(round(spans.hop * classifier.sampling_rate))
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

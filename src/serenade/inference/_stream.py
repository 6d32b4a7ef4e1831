"""Predict a signal while it arrives, in updates: from a microphone, a telephone line or a pipe."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from serenade.audio import Intake, to_float32
from serenade.errors import InputError
from serenade.inference._own_adaptation import OwnAdaptation
from serenade.inference._prediction import list_adaptation, round_values
from serenade.inference._segmentation import SegmentJoiner
from serenade.inference._source import to_array
from serenade.inference._windows import (
    DEFAULT_HOP,
    DEFAULT_WINDOW,
    LONGEST_WINDOW,
    PAUSE,
    Windower,
    check_windows,
)
from serenade.voice_activity import DETECTOR_FRAME, DETECTOR_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from serenade.adaptation import Expect
    from serenade.inference._classifier import Classifier
    from serenade.inference._prediction import Segment
    from serenade.inference._windows import Window

RESAMPLING = 0.3
"""Longest delay of the resampler in seconds, measured for rates from 8 to 192 kHz."""

_SHORTEST_EARLY = 0.1  # seconds between early updates


@dataclasses.dataclass(frozen=True)
class Update:
    """New results of a stream.

    Args:
        start: beginning, in seconds of the stream, of the speech that was predicted.
        end: end of that speech.
        speaking: whether the utterance continues; False if a pause has ended it.
        probabilities: probability of each emotion between `start` and `end`, from one window, for
            a live display.
        segments: segments that are finished and will not change. They are those of
            `Model.timeline` for the same signal.
        adapted_to: number of earlier windows that a stream with `adapt` is adapted to.
        assumed: assumed content of the stream; empty without adaptation.
        values: value of each dimension between `start` and `end`; see `Prediction`.
    """

    start: float
    end: float
    speaking: bool
    probabilities: Mapping[str, float]
    segments: tuple[Segment, ...] = ()
    adapted_to: int = 0
    assumed: str = ""
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return JSON data: start, end, speaking, probabilities, segments, and an adaptation.

        A model of values also has `values`.
        """
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "speaking": self.speaking,
            "probabilities": {k: round(v, 4) for k, v in self.probabilities.items()},
            "segments": [segment.to_dict() for segment in self.segments],
            **round_values(self.values),
            **list_adaptation(self),
        }


class Stream:
    """Takes samples in chunks of any size and returns predictions as soon as they are known.

    The finished segments of all updates together are those of `Model.timeline` for the same
    signal, however it is cut. Memory does not grow.

    An empty chunk changes nothing. A stream that contains only silence ends without an update. A
    chunk with NaN, infinite or extremely loud samples is refused as a whole with an AudioError,
    and the stream continues with the next chunk.

    Args:
        model: model that predicts.
        sampling_rate: sampling rate of the samples in Hz.
        window: see `Model.timeline`.
        hop: see `Model.timeline`.
        early: seconds between updates at the beginning of an utterance, until a window is full;
            at least 0.1, or None for the hop. Segments do not depend on it.
        adapt: see `Model.timeline`; updates then state to how many windows the model is adapted.
        source: name of the stream in error messages.

    Raises:
        SignalFormatError: the sampling rate is not one.
        ModelError: the model has another rate than 16 kHz, or cannot adapt.
        InputError: see `Model.timeline`; or `early` is under 0.1 s.

    >>> import numpy as np, serenade
    >>> stream = serenade.stream(sampling_rate=48000)
    >>> stream.push(np.zeros(4800, np.int16)), stream
    ([], Stream(48000 Hz, window 2 s, hop 1 s, 0.10 s taken))
    >>> stream.close()
    []
    """

    def __init__(
        self,
        model: Classifier,
        sampling_rate: int,
        *,
        window: float = DEFAULT_WINDOW,
        hop: float = DEFAULT_HOP,
        early: float | None = None,
        adapt: Expect | None = None,
        source: str = "stream",
    ) -> None:
        check_windows(window, hop)
        growth = hop if early is None else early
        if early is not None and not _SHORTEST_EARLY <= early <= LONGEST_WINDOW:
            raise InputError(
                f"need {_SHORTEST_EARLY:g} <= early <= {LONGEST_WINDOW:g} in seconds, got {early}"
            )
        model.require_windows()
        self.model = model
        self.window = window
        self.hop = hop
        self._intake = Intake(sampling_rate, model.sampling_rate, source)
        length, step, live = (round(one * model.sampling_rate) for one in (window, hop, growth))
        self._windower = Windower(length, step, live=live)
        self._joiner = SegmentJoiner(step, values=bool(model.dimensions))
        self._own = None if adapt is None else OwnAdaptation(model, adapt)
        self._closed = False

    def __repr__(self) -> str:
        return (
            f"Stream({self._intake.source_rate} Hz, window {self.window:g} s, hop {self.hop:g} s, "
            f"{self.time:.2f} s taken{', closed' * self._closed})"
        )

    @property
    def time(self) -> float:
        """Length in seconds of the signal so far."""
        return self._intake.duration

    @property
    def latency(self) -> float:
        """Longest delay in seconds of signal between speech and its update.

        The delay consists of a hop, until the next window ends; the pause that ends an utterance,
        in case it ends just before; a frame of the speech detector; and the resampler's delay.
        Computing adds about 1% of the length of the speech on one core. A segment is finished two
        windows after its emotion has changed, or when the utterance ends.
        """
        resampling = RESAMPLING * (self._intake.source_rate != self._intake.sampling_rate)
        return self.hop + (PAUSE + 1) * DETECTOR_FRAME / DETECTOR_RATE + resampling

    def push(self, chunk: ArrayLike) -> list[Update]:
        """Take the next samples.

        Args:
            chunk: array or tensor `(samples,)` or `(samples, channels)`; floats in [-1, 1], or
                integers, which are scaled by the range of their type.

        Returns:
            New results in the order of time; often none.

        Raises:
            AudioError: the chunk cannot be used and was not taken.
            InputError: the stream is closed.
        """
        if self._closed:
            raise InputError("the stream is closed: open a new one with model.stream(rate)")
        signal = self._intake.push(to_float32(to_array(chunk), self._intake.source))
        return self._make_updates(self._windower.push(signal))

    def close(self) -> list[Update]:
        """End the stream and return the remaining results; closing again does nothing."""
        if self._closed:
            return []
        self._closed = True
        updates = self._make_updates(self._windower.push(self._intake.finish()))
        return updates + self._make_updates(self._windower.finish())

    def _make_updates(self, windows: Iterable[Window]) -> list[Update]:
        return [self._make_update(window) for window in windows]

    def _make_update(self, window: Window) -> Update:
        probabilities = self.model.plain_probabilities(window.signal)
        remarks = {} if self._own is None else self._own.remarks
        if self._own is None:
            probabilities = self.model.adapt_probabilities(probabilities)
        else:
            probabilities = self._own.adapt(window, probabilities)
        now = self.model.segment(window.start, window.end, probabilities)
        parts = self._joiner.add(window, probabilities) if window.full else ()
        finished = tuple(self.model.segment(*part) for part in parts)
        return Update(
            now.start,
            now.end,
            not window.last,
            now.probabilities,
            finished,
            values=now.values,
            **remarks,
        )

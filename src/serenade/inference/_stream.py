"""A signal that is judged while it comes: a microphone, a telephone line, a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serenade.audio import Intake, to_float32
from serenade.inference._prediction import Update
from serenade.inference._segmentation import Segments
from serenade.inference._windows import DEFAULT_HOP, DEFAULT_WINDOW, PAUSE, Windows, check_windows
from serenade.voice_activity import DETECTOR_FRAME, DETECTOR_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from serenade.inference._model import Model
    from serenade.inference._windows import Look

RESAMPLING = 0.3
"""Most that the resampler holds back, in seconds; measured for rates from 8 to 192 kHz."""


class Stream:
    """Takes samples in chunks of any size, tells what it has learnt from them.

    The finished segments of all updates together are those of `Model.timeline` for the same
    signal, however it was cut: both go the same way. Memory does not grow.

    What happens to odd input: an empty chunk is taken and means nothing; silence is no speech, and
    a stream of nothing else ends without an update; a chunk with NaN, infinite or absurdly loud
    samples is refused whole with an AudioError, as if it had never come, and the stream goes on
    with the next.

    Args:
        model: what judges.
        sampling_rate: of the samples, in Hz.
        window: as of `Model.timeline`.
        hop: likewise.
        source: what error messages call the stream.

    Raises:
        SignalFormatError: not a sampling rate.
        ModelError: the model looks at signals of another rate than 16 kHz.
        ValueError: see `check_windows`.

    >>> import numpy as np, serenade
    >>> stream = serenade.stream(sampling_rate=48000)
    >>> stream.push(np.zeros(4800, np.int16)), stream.time, stream.close()
    ([], 0.1, [])
    """

    def __init__(
        self,
        model: Model,
        sampling_rate: int,
        *,
        window: float = DEFAULT_WINDOW,
        hop: float = DEFAULT_HOP,
        source: str = "stream",
    ) -> None:
        check_windows(window, hop)
        model.require_windows()
        self.model = model
        self.hop = hop
        self._intake = Intake(sampling_rate, model.sampling_rate, source)
        length, step = (round(seconds * model.sampling_rate) for seconds in (window, hop))
        self._windows = Windows(length, step, live=True)
        self._segments = Segments(step)
        self._closed = False

    @property
    def time(self) -> float:
        """Seconds taken so far."""
        return self._intake.duration

    @property
    def latency(self) -> float:
        """Seconds of signal after which speech is in an update, at most.

        A hop, until the next window ends; the pause after which an utterance counts as ended,
        should it end just before; a frame of the speech detector; what the resampler holds back.
        Time to compute comes on top: about 1% of the speech on one core. A segment is finished
        two windows after its emotion has changed, or when the utterance ends.
        """
        resampling = RESAMPLING * (self._intake.source_rate != self._intake.sampling_rate)
        return self.hop + (PAUSE + 1) * DETECTOR_FRAME / DETECTOR_RATE + resampling

    def push(self, chunk: ArrayLike) -> list[Update]:
        """Take the next samples.

        Args:
            chunk: `(samples,)` or `(samples, channels)`; floats in [-1, 1] or signed integers,
                which are scaled by their type's full scale.

        Returns:
            What is known now and was not before, in the order of time; often nothing.

        Raises:
            AudioError: the chunk cannot be used, and was not taken.
            ValueError: the stream is closed.
        """
        if self._closed:
            raise ValueError("the stream is closed: open another one")
        signal = self._intake.push(to_float32(chunk, self._intake.source))
        return self._updates(self._windows.push(signal))

    def close(self) -> list[Update]:
        """End the stream; returns what was still to be said. Closing it again does nothing."""
        if self._closed:
            return []
        self._closed = True
        updates = self._updates(self._windows.push(self._intake.finish()))
        return updates + self._updates(self._windows.finish())

    def _updates(self, looks: Iterable[Look]) -> list[Update]:
        return [self._update(look) for look in looks]

    def _update(self, look: Look) -> Update:
        found = self.model.probabilities(look.signal)
        now = self.model.segment(look.start, look.end, found)
        parts = self._segments.add(look, found) if look.whole else ()
        done = tuple(self.model.segment(*part) for part in parts)
        return Update(now.start, now.end, not look.last, now.probabilities, done)

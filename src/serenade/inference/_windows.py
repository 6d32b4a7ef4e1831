"""Cut a signal into the windows that are predicted: utterances first, then windows over each.

The signal arrives in pieces of any size, and the windows do not depend on the pieces. Memory holds
one window and one pause, however long the signal is.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from serenade.audio import from_array
from serenade.errors import InputError
from serenade.voice_activity import DETECTOR_FRAME, DETECTOR_RATE, VoiceActivity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DEFAULT_WINDOW = 2.0
DEFAULT_HOP = 1.0
"""Default length of a window and distance between windows, in seconds."""

LONGEST_WINDOW = 3600.0
"""Longest window in seconds."""

LONGEST_UTTERANCE = 12.0
"""Length in seconds up to which a recording is taken as one utterance."""

SPEECH = 0.1
"""Probability from which a frame counts as speech, selected by F1 on RAVDESS with noise."""

_SURE, _SURE_FRAMES = 0.5, 5
# An utterance has at least 5 frames (0.16 s) of a probability of 0.5 or more. Of 45 recordings of
# actors, each has at least 37 with white noise at 0 dB. The number was chosen on music and sounds
# of games; docs/recordings.md counts what passes and what is lost.

PAUSE = 14
"""Frames without speech, 0.45 s, that end an utterance; shorter pauses belong to it."""

_ONSET = 2  # frames before the first speech frame in which speech may have begun
_SHORTEST = round(0.2 * DETECTOR_RATE)  # shorter sounds are not utterances


def check_windows(window: float, hop: float) -> None:
    """Check the length and the hop of windows.

    Args:
        window: length in seconds.
        hop: distance in seconds.

    Raises:
        InputError: the window is under 0.5 s or over an hour, or the hop is under 0.01 s or longer
            than the window, which would leave gaps.
    """
    if not 0.5 <= window <= LONGEST_WINDOW or not 0.01 <= hop <= window:
        raise InputError(
            f"need 0.5 <= window <= {LONGEST_WINDOW:g} and 0.01 <= hop <= window in seconds, "
            f"got window {window} and hop {hop}"
        )


def measure_speech(signal: NDArray[np.float32], sampling_rate: int) -> float:
    """Return the seconds of a recording's utterances; 0 if it contains none.

    Args:
        signal: samples `(samples,)`.
        sampling_rate: sampling rate in Hz.
    """
    if sampling_rate != DETECTOR_RATE:
        signal = from_array(signal, sampling_rate, sampling_rate=DETECTOR_RATE).signal
    # Where an utterance begins depends on the windows: those of a timeline give the same speech.
    windower = Windower(*(round(one * DETECTOR_RATE) for one in (DEFAULT_WINDOW, DEFAULT_HOP)))
    windows = itertools.chain(windower.push(signal), windower.finish())
    return sum(part.end - part.origin for part in windows if part.last) / DETECTOR_RATE


@dataclasses.dataclass(frozen=True, eq=False)
class Window:
    """Part of an utterance that is predicted in one piece.

    Args:
        start: its first sample, counted from the beginning of the signal.
        signal: its samples, `(samples,)`.
        origin: first sample of its utterance.
        full: False for windows at the beginning of an utterance that are shorter than the
            others. A live display shows them; segments are made without them.
        last: whether it is the last window of its utterance.
    """

    start: int
    signal: NDArray[np.float32]
    origin: int
    full: bool
    last: bool

    @property
    def end(self) -> int:
        """First sample after the window."""
        return self.start + self.signal.size

    def drop_samples(self) -> Window:
        """Return the window with zeros as samples, which take no memory."""
        zeros = np.broadcast_to(np.float32(0), self.signal.shape)
        return dataclasses.replace(self, signal=zeros)


class Windower:
    """Finds utterances in a signal and lays windows over them.

    The first window starts with the utterance, the next one a hop later, and the last one ends
    with it. An utterance shorter than a window is one window. Probes are trained on whole
    utterances and predict similar windows best; docs/benchmarks/timeline.md compares a fixed grid.

    Args:
        window: length of a window, in samples.
        hop: distance between windows, in samples.
        live: samples between the windows at the beginning of an utterance that grow until one is
            full; 0 for none.
    """

    def __init__(self, window: int, hop: int, *, live: int = 0) -> None:
        self.window = window
        self.hop = hop
        self._live = live
        self._activity = VoiceActivity()
        self._frames = 0  # frames processed so far
        self._kept = np.zeros(0, dtype=np.float32)  # samples that may still be needed
        self._base = 0  # position of the first of them in the signal
        self._origin: int | None = None  # first sample of the current utterance
        self._free = 0  # end of the utterance before
        self._speech_end = 0  # end of the last frame with speech
        self._sure = 0  # frames of the current utterance that are speech for sure
        self._covered = 0  # samples of the current utterance up to the end of its last window

    def push(self, signal: NDArray[np.float32]) -> Iterator[Window]:
        """Take a piece `(samples,)` of the signal at 16 kHz, and yield the windows in it."""
        self._kept = np.concatenate([self._kept, signal])
        yield from self._process_frames(self._activity.push(signal))
        self._drop_unreachable()

    def finish(self) -> Iterator[Window]:
        """End the signal, and yield the remaining windows."""
        size = self._base + self._kept.size
        yield from self._process_frames(self._activity.finish())
        self._speech_end = min(self._speech_end, size)
        yield from self._cut_windows()
        yield from self._end_utterance()

    def _process_frames(self, probabilities: NDArray[np.float32]) -> Iterator[Window]:
        for probability in probabilities:
            place = self._frames * DETECTOR_FRAME
            self._frames += 1
            if probability >= SPEECH:
                if self._origin is None:
                    self._origin = max(self._free, place - _ONSET * DETECTOR_FRAME)
                    self._sure = self._covered = 0
                self._speech_end = place + DETECTOR_FRAME
                self._sure += int(probability >= _SURE)
                if self._sure < _SURE_FRAMES:  # the utterance may begin later
                    self._origin = max(self._origin, self._speech_end - self.window)
                # The last frame of the signal may be incomplete: `finish` cuts its windows.
                if self._speech_end <= self._base + self._kept.size:
                    yield from self._cut_windows()
            elif (
                self._origin is not None
                and place + DETECTOR_FRAME - self._speech_end >= PAUSE * DETECTOR_FRAME
            ):
                yield from self._end_utterance()

    def _cut_windows(self) -> Iterator[Window]:
        """Yield the windows that end in the speech so far."""
        while self._origin is not None and self._sure >= _SURE_FRAMES:
            length = self._find_next_length()
            if self._origin + length > self._speech_end:
                return
            self._covered = length
            # Only `_end_utterance` knows that an utterance ends, and gives its last window.
            yield self._cut(self._origin + length, full=length >= self.window, last=False)

    def _find_next_length(self) -> int:
        """Return the samples of the utterance up to the end of its next window."""
        if self._live:
            growing = (self._covered // self._live + 1) * self._live
            if growing < self.window:
                return growing
        if self._covered < self.window:
            return self.window
        return self.window + ((self._covered - self.window) // self.hop + 1) * self.hop

    def _end_utterance(self) -> Iterator[Window]:
        """Yield the last window of the utterance, if it is long enough and speech for sure."""
        if self._origin is None:
            return
        if self._speech_end - self._origin >= _SHORTEST and self._sure >= _SURE_FRAMES:
            yield self._cut(self._speech_end, full=True, last=True)
        self._free = self._speech_end
        self._origin = None

    def _cut(self, end: int, *, full: bool, last: bool) -> Window:
        assert self._origin is not None
        start = max(self._origin, end - self.window)
        signal = self._kept[start - self._base : end - self._base].copy()
        return Window(start, signal, self._origin, full, last)

    def _drop_unreachable(self) -> None:
        """Drop samples that later windows cannot contain."""
        if self._origin is None:
            reach = max(self._free, (self._frames - _ONSET) * DETECTOR_FRAME)
        else:
            reach = max(self._origin, self._speech_end - self.window)
        if reach > self._base:
            self._kept = self._kept[reach - self._base :].copy()
            self._base = reach

"""Which stretches of a signal are looked at: windows inside what is said without a pause.

A signal comes in pieces of any size; what is decided does not depend on how it was cut. Memory is
that of one window and one pause, however long the signal.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from serenade.voice_activity import DETECTOR_FRAME, DETECTOR_RATE, VoiceActivity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DEFAULT_WINDOW, DEFAULT_HOP = 2.0, 1.0
"""Length of windows and the distance between them, in seconds, unless told otherwise."""

SPEECH = 0.1
"""Probability from which a frame counts as speech: chosen on RAVDESS in noise by F1."""

PAUSE = 14
"""Frames without speech, 0.45 s, that end an utterance; shorter pauses belong to it."""

_BEFORE = 2  # frames before the first that counts, in which it may have begun
_LEAST = round(0.2 * DETECTOR_RATE)  # shorter sounds are no utterance


def check_windows(window: float, hop: float) -> None:
    """Refuse windows that say nothing or leave gaps.

    Args:
        window: length in seconds.
        hop: in seconds.

    Raises:
        ValueError: a window under 0.5 s, a hop that is not positive or longer than the window.
    """
    if not window >= 0.5 or not 0.01 <= hop <= window:
        raise ValueError(
            "need window >= 0.5 and 0.01 <= hop <= window in seconds, "
            f"got window {window} and hop {hop}"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Look:
    """A stretch of speech to be judged as a whole.

    Args:
        start: first sample, counted from the signal's beginning.
        signal: its samples, `(samples,)`.
        origin: first sample of the utterance it belongs to.
        whole: False for the windows at the beginning of an utterance that are shorter than
            others: a live display shows them, segments are made without them.
        last: whether the utterance ends with it.
    """

    start: int
    signal: NDArray[np.float32]
    origin: int
    whole: bool
    last: bool

    @property
    def end(self) -> int:
        """First sample behind it."""
        return self.start + self.signal.size


class Windows:
    """Finds utterances and lays windows over them.

    The first window starts with the utterance, the next a hop later, the last ends with it; an
    utterance shorter than a window is one. Probes are trained on whole utterances, and do best on
    what resembles one: on joined clips of unseen speakers this beat windows on a fixed grid.

    Args:
        window: length of a window, in samples.
        hop: between windows, in samples.
        live: whether an utterance's first windows are given before they are whole.
    """

    def __init__(self, window: int, hop: int, *, live: bool = False) -> None:
        self.window = window
        self.hop = hop
        self._live = live
        self._activity = VoiceActivity()
        self._frames = 0  # judged so far
        self._kept = np.zeros(0, dtype=np.float32)  # samples that may still be needed
        self._base = 0  # number of the first of them
        self._origin: int | None = None  # of the utterance that goes on
        self._free = 0  # where the last utterance ended
        self._heard = 0  # where the last frame with speech ended
        self._windows = 0  # of the utterance, whole or not

    def push(self, signal: NDArray[np.float32]) -> Iterator[Look]:
        """Take a piece of the signal, `(samples,)` at 16 kHz; gives what can be judged now."""
        self._kept = np.concatenate([self._kept, signal])
        yield from self._frame_by_frame(self._activity.push(signal))
        self._forget()

    def finish(self) -> Iterator[Look]:
        """What remains to be judged at the signal's end."""
        size = self._base + self._kept.size
        yield from self._frame_by_frame(self._activity.finish())
        self._heard = min(self._heard, size)
        yield from self._due()
        yield from self._ended()

    def _frame_by_frame(self, probabilities: NDArray[np.float32]) -> Iterator[Look]:
        for probability in probabilities:
            place = self._frames * DETECTOR_FRAME
            self._frames += 1
            if probability >= SPEECH:
                if self._origin is None:
                    self._origin = max(self._free, place - _BEFORE * DETECTOR_FRAME)
                    self._windows = 0
                self._heard = place + DETECTOR_FRAME
                if self._heard <= self._base + self._kept.size:  # else the last frame: see finish
                    yield from self._due()
            elif (
                self._origin is not None
                and place + DETECTOR_FRAME - self._heard >= PAUSE * DETECTOR_FRAME
            ):
                yield from self._ended()

    def _due(self) -> Iterator[Look]:
        """Windows that end in what was heard."""
        while self._origin is not None:
            end = self._origin + (self._windows + 1) * self.hop
            if end > self._heard:
                return
            self._windows += 1
            whole = end - self._origin >= self.window
            if whole or self._live:
                # That the utterance ends here is known later: the last window is `_ended`'s.
                yield self._look(end, whole=whole, last=False)

    def _ended(self) -> Iterator[Look]:
        """The last window of the utterance, where it is long enough to be one."""
        if self._origin is None:
            return
        if self._heard - self._origin >= _LEAST:
            yield self._look(self._heard, whole=True, last=True)
        self._free = self._heard
        self._origin = None

    def _look(self, end: int, *, whole: bool, last: bool) -> Look:
        assert self._origin is not None
        start = max(self._origin, end - self.window)
        signal = self._kept[start - self._base : end - self._base].copy()
        return Look(start, signal, self._origin, whole, last)

    def _forget(self) -> None:
        """Drop samples that no window can reach any more."""
        if self._origin is None:
            reach = max(self._free, (self._frames - _BEFORE) * DETECTOR_FRAME)
        else:
            reach = max(self._origin, self._heard - self.window)
        if reach > self._base:
            self._kept = self._kept[reach - self._base :].copy()
            self._base = reach

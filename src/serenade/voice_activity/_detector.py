"""Compute the probability of speech for each frame of a signal that arrives in pieces.

The network is silero-vad 6 (Silero Team, github.com/snakers4/silero-vad), in its version for 16 kHz
that takes many frames per call. `benchmarks/voice_activity.py` compares it with an energy detector.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.runtime import check_interruption, open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

DETECTOR_RATE = 16000
"""Sampling rate of the signal in Hz."""

DETECTOR_FRAME = 512
"""Samples of a frame: 32 ms. Frames follow each other without overlap."""

_CONTEXT = 64  # samples of the previous frame that the network takes again
_STATE = (1, 1, 128)
_CALL = 64  # frames per call, which the working memory grows with
_SETTLED = 2000  # frames of digital silence, 64 s, after which the probability is constant


class VoiceActivity:
    """Detector of speech in one signal, in constant memory.

    >>> activity = VoiceActivity()
    >>> activity.push(np.zeros(1000, np.float32)).shape, activity.finish().shape
    ((1,), (1,))
    """

    def __init__(self) -> None:
        self._session = _open_detector()
        self._rest = np.zeros(0, dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._state = np.zeros(_STATE, dtype=np.float32), np.zeros(_STATE, dtype=np.float32)
        self._silent = 0  # consecutive frames of digital silence so far
        self._last = np.float32(0)  # probability of the last frame that the network ran on

    def push(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a piece of the signal.

        Args:
            signal: mono samples `(samples,)` at 16 kHz, any number of them.

        Returns:
            Probabilities `(frames,)` of the frames that are complete. They do not depend on how
            the signal is divided into pieces.
        """
        self._rest = np.concatenate([self._rest, signal])
        count = self._rest.size // DETECTOR_FRAME
        frames = self._rest[: count * DETECTOR_FRAME].reshape(count, DETECTOR_FRAME)
        self._rest = self._rest[count * DETECTOR_FRAME :].copy()
        found = [self._process(frames[first : first + _CALL]) for first in range(0, count, _CALL)]
        return np.concatenate([np.zeros(0, dtype=np.float32), *found])

    def finish(self) -> NDArray[np.float32]:
        """Return the probability of an incomplete last frame, `(1,)`, or nothing, `(0,)`."""
        if not self._rest.size:
            return self._rest
        return self.push(np.zeros(DETECTOR_FRAME - self._rest.size, dtype=np.float32))

    def _process(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on frames, except for those after long digital silence.

        A file of kilobytes can contain days of silence, and the probability is constant then.
        """
        sounding = (frames != 0).any(axis=1).tolist()
        if self._silent >= _SETTLED and not any(sounding):
            self._silent += len(frames)
            return np.full(len(frames), self._last)
        run = np.ones(len(frames), dtype=np.bool_)
        for place, sounds in enumerate(sounding):
            self._silent = 0 if sounds else self._silent + 1
            run[place] = self._silent <= _SETTLED
        if run.all():
            found = self._run(frames)
            self._last = found[-1]
            return found
        found = np.empty(len(frames), dtype=np.float32)
        for place in range(len(frames)):  # one by one, because the silence may end here
            if run[place]:
                self._last = self._run(frames[place : place + 1])[0]
            found[place] = self._last
        return found

    def _run(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        check_interruption()
        before = np.concatenate([self._context[None], frames[:-1, -_CONTEXT:]])
        self._context = frames[-1, -_CONTEXT:].copy()
        h, c = self._state
        inputs = {"input": np.concatenate([before, frames], axis=1), "h": h, "c": c}
        probabilities, h, c = self._session.run(["speech_probs", "hn", "cn"], inputs)
        self._state = h, c
        return np.asarray(probabilities, dtype=np.float32)


@functools.cache
def _open_detector() -> Any:
    # A GPU takes longer for a frame than the CPU.
    return open_session(Path(__file__).with_name("silero-vad-16k.onnx"), device="cpu")

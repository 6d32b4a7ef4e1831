"""The probability of speech, frame by frame, of a signal that comes in pieces.

The network is silero-vad 6 (Silero Team, github.com/snakers4/silero-vad), its graph for 16 kHz
that takes many frames in one call. Beside an energy detector of our own, tuned likewise, it lost a
little in steady noise and won much where something else than speech makes a sound:
`benchmarks/voice_activity.py`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.runtime import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

DETECTOR_RATE = 16000
"""Sampling rate it takes, in Hz."""

DETECTOR_FRAME = 512
"""Samples of a frame: 32 ms. Frames follow each other without overlap."""

_CONTEXT = 64  # samples of the frame before that the network sees again
_STATE = (1, 1, 128)
_CALL = 64  # frames in one call; its working memory grows with them
_SETTLED = 2000  # frames of digital silence, 64 s, after which the network says the same for ever


class VoiceActivity:
    """Speech probabilities of one signal, in constant memory.

    >>> activity = VoiceActivity()
    >>> activity.push(np.zeros(1000, np.float32)).shape, activity.finish().shape
    ((1,), (1,))
    """

    def __init__(self) -> None:
        self._session = _session()
        self._rest = np.zeros(0, dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._state = np.zeros(_STATE, dtype=np.float32), np.zeros(_STATE, dtype=np.float32)
        self._silent = 0  # frames of digital silence up to here
        self._last = np.float32(0)  # probability of the last frame that was run

    def push(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a piece of the signal.

        Args:
            signal: mono samples at 16 kHz, `(samples,)`, of any length.

        Returns:
            Probabilities of the frames that are whole now, `(frames,)`. They do not depend on how
            the signal was cut.
        """
        self._rest = np.concatenate([self._rest, signal])
        count = self._rest.size // DETECTOR_FRAME
        frames = self._rest[: count * DETECTOR_FRAME].reshape(count, DETECTOR_FRAME)
        self._rest = self._rest[count * DETECTOR_FRAME :].copy()
        found = [self._judge(frames[first : first + _CALL]) for first in range(0, count, _CALL)]
        return np.concatenate([np.zeros(0, dtype=np.float32), *found])

    def finish(self) -> NDArray[np.float32]:
        """The probability of the last frame, were it filled up with silence; `(0,)` or `(1,)`."""
        if not self._rest.size:
            return self._rest
        return self.push(np.zeros(DETECTOR_FRAME - self._rest.size, dtype=np.float32))

    def _judge(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the frames but those deep in digital silence.

        A file of kilobytes can hold days of it; the network's answer no longer moves by then.
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
        for place in range(len(frames)):  # one by one, since the silence may end here
            if run[place]:
                self._last = self._run(frames[place : place + 1])[0]
            found[place] = self._last
        return found

    def _run(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        before = np.concatenate([self._context[None], frames[:-1, -_CONTEXT:]])
        self._context = frames[-1, -_CONTEXT:].copy()
        h, c = self._state
        inputs = {"input": np.concatenate([before, frames], axis=1), "h": h, "c": c}
        probabilities, h, c = self._session.run(["speech_probs", "hn", "cn"], inputs)
        self._state = h, c
        return np.asarray(probabilities, dtype=np.float32)


@functools.cache
def _session() -> Any:
    return open_session(Path(__file__).with_name("silero-vad-16k.onnx"))

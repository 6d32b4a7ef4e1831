"""Voice quality: jitter, shimmer and the harmonics-to-noise ratio.

Jitter and shimmer are Praat's "local" measures (Boersma & Weenink, Praat manual, "Voice 2. Jitter"
and "Voice 3. Shimmer"): the mean absolute difference between consecutive periods, or consecutive
amplitudes, over the mean period or amplitude. The ratio of harmonics to noise is Boersma's (1993),
from the normalised autocorrelation at the period.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features._feature import Feature
from serenade.features.voice._cycles import Cycles, find_cycles
from serenade.features.voice._pitch import Pitch, PitchTrack

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_FACTORS = np.array([[1.3], [1.6]])  # Praat's: beyond, cycles are not compared
_HNR_RANGE = (-20.0, 40.0)  # dB; the autocorrelation resolves no more
_WEAKEST, _STRONGEST = (np.float32(1 / (1 + 10 ** (-level / 10))) for level in _HNR_RANGE)


def _changes(cycles: Cycles) -> NDArray[np.float64]:
    """Return absolute differences between neighbouring cycles, and the later value.

    Shape `(2, 2, cycles - 1)`: difference and value, of period and of amplitude; 0 where the two
    cycles may not be compared.
    """
    values = np.array([cycles.periods, cycles.amplitudes])
    earlier, later = values[:, :-1], values[:, 1:]
    low, high = np.minimum(earlier, later), np.maximum(earlier, later)
    fit = cycles.linked[:-1] & (low > 0) & (high <= _MAX_FACTORS * low)
    changes: NDArray[np.float64] = np.array([high - low, later]) * fit
    return changes


def _local(cycles: Cycles, which: int) -> float:
    """Mean absolute difference over mean value, 0 where there is none."""
    difference, level = _changes(cycles)[:, which].sum(axis=1).tolist()
    return difference / level if level > 0 else 0.0


def jitter_local(cycles: Cycles) -> float:
    """Compute the mean absolute difference of consecutive periods over the mean period.

    >>> periods = np.array([0.010, 0.011, 0.010, 0.011])
    >>> cycles = Cycles(np.cumsum(periods), np.ones(4, np.float32), periods, np.ones(4, bool))
    >>> round(jitter_local(cycles), 3), shimmer_local(cycles)
    (0.094, 0.0)
    """
    return _local(cycles, 0)


def shimmer_local(cycles: Cycles) -> float:
    """Compute the mean absolute difference of consecutive amplitudes over the mean amplitude."""
    return _local(cycles, 1)


def hnr_db(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the harmonics-to-noise ratio 10 log10(r / (1 - r)) in dB (Boersma 1993, equation 4).

    Args:
        strength: normalised autocorrelation at the period, any shape. `Pitch` limits the signal
            to about 2 kHz, and so the noise that counts.

    Returns:
        Of the same shape, clipped to [-20, 40].

    >>> hnr_db(np.array([0.5, 0.99], np.float32)).round(2)
    array([ 0.  , 19.96], dtype=float32)
    """
    r = np.minimum(np.maximum(strength, _WEAKEST), _STRONGEST)
    ratio: NDArray[np.float32] = np.log(r / (1 - r))
    ratio *= np.float32(10 / np.log(10))
    return ratio


@dataclasses.dataclass(frozen=True)
class Voice(Feature):
    """Jitter, shimmer and harmonics-to-noise ratio around each frame.

    Attributes:
        pitch: how F0 is found.
        window_seconds: cycles within this window around a frame count for its jitter and shimmer.

    >>> time = np.arange(8000) / 16000
    >>> tone = sum(np.sin(2 * np.pi * 200 * k * time) for k in range(1, 6)) / 5
    >>> jitter, shimmer, hnr = Voice()(tone.astype(np.float32), 16000)[25]
    >>> bool(jitter < 0.001), bool(shimmer < 0.01), bool(hnr > 30)
    (True, True, True)
    """

    pitch: Pitch = dataclasses.field(default_factory=Pitch)
    window_seconds: float = 0.060

    @property
    def names(self) -> tuple[str, ...]:
        """Jitter and shimmer as ratios, 0 where there is no voice; the ratio in dB."""
        return ("jitter_local", "shimmer_local", "hnr_db")

    def __call__(self, signal: NDArray[Any], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the columns `names`, `(frames, 3)`; frames and errors as in `Pitch`."""
        track = self.pitch.track(signal, sampling_rate)
        return self.of(find_cycles(signal, sampling_rate, track), track)

    def of(self, cycles: Cycles, track: PitchTrack) -> NDArray[np.float32]:
        """Compute the columns from F0 and cycles."""
        count = len(track.frequency)
        reach = round(self.window_seconds / (2 * track.hop_seconds))
        width = count + 2 * reach + 1
        frame = np.minimum((cycles.times[1:] / track.hop_seconds + 0.5).astype(np.intp), count - 1)
        place = frame + (reach + 1) + width * np.arange(4)[:, None]
        sums = np.bincount(place.ravel(), _changes(cycles).ravel(), 4 * width).reshape(2, 2, width)
        np.cumsum(sums, axis=2, out=sums)
        difference, level = sums[:, :, 2 * reach + 1 :] - sums[:, :, :count]
        # What cancels to less than this is the rounding of the running sums.
        some = level > 1e-9 * sums[1, :, -1:]
        result = np.empty((count, 3), dtype=np.float32)
        result[:, :2] = np.where(some, difference / np.where(some, level, 1), 0).T
        result[:, 2] = hnr_db(track.strength)
        return result

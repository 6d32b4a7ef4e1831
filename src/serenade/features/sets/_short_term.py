"""The 34 short-term features of pyAudioAnalysis (Giannakopoulos 2015), all frames at once.

Definitions, order and names are that package's, its own mel filters and chroma included, so that
results published with it can be repeated; its loop over frames is not. Transforms run in float64:
digital silence in a signal with an offset has all its energy at 0 Hz, and float32's rounding
would fill a spectrum that must be empty above. Later steps run in float32.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.fft

from serenade._malloc import keep_scratch
from serenade.features._feature import Feature
from serenade.features.sets._short_term_sums import (
    N_CHROMA,
    N_MFCC,
    FrameSums,
    magnitudes,
    make_short_term_tables,
    sum_samples,
    widen,
)
from serenade.features.spectral import as_signal, frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 131072  # samples per block of frames, about: 1 MB of float64


def short_term_features(
    signal: NDArray[Any], sampling_rate: int, window: int, hop: int
) -> NDArray[np.float32]:
    """Compute the 34 features of every complete window of a signal.

    The signal's mean is removed and its peak set to one first, so that gain does not matter.

    Args:
        signal: mono samples, shape `(samples,)`; the mean is added up to one window.
        sampling_rate: in Hz.
        window: length of a frame in samples, at least 20.
        hop: distance between frames in samples.

    Returns:
        Shape `(frames, 34)`, float32.

    Raises:
        SignalFormatError: the signal is not one-dimensional and real.
        ValueError: a window of fewer than 20 samples, which ten bands cannot be made of.
    """
    if window < 20 or hop < 1:
        raise ValueError(
            f"need a window of at least 20 samples and a hop of at least 1, got {window}, {hop}"
        )
    samples = as_signal(signal)
    keep_scratch()
    # In float64: a quiet stretch has many samples whose side of the mean hangs on its last digits.
    wide, mean = widen(samples)
    peak = max(float(samples.max()) - mean, mean - float(samples.min())) + 1e-10
    if samples.size < window:
        wide = np.append(wide, np.full(window - samples.size, mean))
        samples = wide.astype(np.float32)
    bins = window // 2
    count = 1 + (samples.size - window) // hop
    sums = FrameSums(count, make_short_term_tables(sampling_rate, bins))
    sums.crossings, squares = sum_samples(samples, mean, window, hop)
    np.divide(squares, peak**2, out=sums.stretches[0])
    # Blocks of about equal size, of even numbers of frames because transforms run two by two.
    blocks = max(1, round(count * window / _BLOCK))
    size = min(-(-count // (2 * blocks)) * 2, count)
    buffer = np.empty((size, bins), dtype=np.float32)
    rows = frames(wide, window, hop)
    for start in range(0, count, size):
        block = slice(start, min(start + size, count))
        spectrum = scipy.fft.rfft(rows[block], axis=1)
        spectrum[:, 0] -= mean * window  # an offset shows at 0 Hz only
        magnitude = buffer[: len(spectrum)]
        magnitudes(spectrum, 1.0 / (bins * peak), magnitude)
        sums.add(block, magnitude)
    return sums.features(window)


@dataclasses.dataclass(frozen=True)
class ShortTerm34(Feature):
    """pyAudioAnalysis' 34 short-term features over consecutive windows.

    Attributes:
        window: length of a frame in seconds.
        hop: distance between frames in seconds.

    >>> ShortTerm34()(np.zeros(16000, np.float32), 16000).shape
    (10, 34)
    """

    version: ClassVar[int] = 1
    window: float = 0.100
    hop: float = 0.100

    @property
    def names(self) -> tuple[str, ...]:
        """The names and order of pyAudioAnalysis."""
        return (
            *("zcr", "energy", "energy_entropy", "spectral_centroid", "spectral_spread"),
            *("spectral_entropy", "spectral_flux", "spectral_rolloff"),
            *(f"mfcc_{index}" for index in range(1, N_MFCC + 1)),
            *(f"chroma_{index}" for index in range(1, N_CHROMA + 1)),
            "chroma_std",
        )

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the 34 features, shape `(frames, 34)`; see `short_term_features`."""
        window, hop = round(self.window * sampling_rate), round(self.hop * sampling_rate)
        return short_term_features(signal, sampling_rate, window, hop)

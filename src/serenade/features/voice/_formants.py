"""Formants: resonances of the vocal tract, by selective linear prediction.

An all-pole model is fitted to the part of each frame's power spectrum where the first formants
lie (Makhoul 1975, "Linear prediction: a tutorial review", section VI: selective linear
prediction), so neither resampling nor another transform is needed: the autocorrelation is the
cosine transform of the pre-emphasised power. Roots of the prediction polynomial, and so centre
frequencies and bandwidths, are found from the valleys of its magnitude on circles inside the unit
circle (McCandless 1974), for all frames at once.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft

from serenade.features._feature import Feature
from serenade.features.spectral import Framing, power_spectrogram
from serenade.features.voice._lpc import find_prediction_roots, levinson

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PREEMPHASIS_HZ = 50.0  # +6 dB per octave from here on, as Praat has it
_WHITENING = 1e-9  # of the power, added to it: a silent frame stays solvable
_NARROWEST, _WIDEST = 1.0, 700.0  # Hz, of a formant's bandwidth
_LOWEST, _MARGIN = 90.0, 50.0  # Hz from either end of the band, where no formant is


@functools.lru_cache(maxsize=16)
def make_selection(
    sampling_rate: int, n_fft: int, max_formant: float = 5500.0, order: int = 10
) -> tuple[NDArray[np.float32], float]:
    """Compute the matrix from a power spectrum to the autocorrelation of its lower band.

    Args:
        sampling_rate: in Hz.
        n_fft: length of the transform.
        max_formant: upper edge of the band in Hz; half the sampling rate where that is less.
        order: of the prediction, twice the formants expected in the band.

    Returns:
        A matrix to multiply spectra by from the right, shape `(bins in the band, order + 1)`, and
        the band's width in Hz after rounding to bins.
    """
    last = min(round(max_formant * n_fft / sampling_rate), n_fft // 2)
    frequency = np.arange(last + 1) * (sampling_rate / n_fft)
    decay = np.exp(-2 * np.pi * _PREEMPHASIS_HZ / sampling_rate)
    gain = np.abs(1 - decay * np.exp(-2j * np.pi * frequency / sampling_rate)) ** 2
    matrix = np.cos(np.pi / last * np.outer(np.arange(last + 1), np.arange(order + 1)))
    matrix *= gain[:, None]
    matrix[[0, -1]] *= 0.5  # the two ends of the half circle count once
    return matrix.astype(np.float32), float(frequency[-1])


def find_formants(
    autocorrelation: NDArray[np.float32], band: float, count: int = 3
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the formants of frames from the autocorrelation of their lower band.

    Args:
        autocorrelation: of each frame, shape `(frames, order + 1)`, by `make_selection`.
        band: its width in Hz.
        count: formants wanted, at most half of the order.

    Returns:
        Centre frequencies and bandwidths in Hz, both `(frames, count)`, by ascending frequency; 0
        where a frame has fewer.
    """
    # Scaling by lag 0 keeps quiet frames away from the end of float32's range.
    total = autocorrelation[:, :1].astype(np.float64) * (1 + _WHITENING)
    scaled = autocorrelation / np.where(total > 0, total, 1)
    scaled[:, 0] = 1
    frame, root = find_prediction_roots(levinson(scaled)[0].astype(np.float32))
    frequency = np.angle(root) * np.float32(band / np.pi)
    bandwidth = np.log(np.abs(root)) * np.float32(-2 * band / np.pi)
    kept = (bandwidth >= _NARROWEST) & (bandwidth <= _WIDEST)
    kept &= (frequency >= _LOWEST) & (frequency <= band - _MARGIN)
    frame = frame[kept]
    number = np.arange(len(frame)) - np.searchsorted(frame, frame)
    wanted = number < count
    place = frame[wanted], number[wanted]
    result = np.zeros((2, len(autocorrelation), count), dtype=np.float32)
    result[0][place] = frequency[kept][wanted]
    result[1][place] = bandwidth[kept][wanted]
    return result[0], result[1]


@dataclasses.dataclass(frozen=True)
class Formants(Feature):
    """Centre frequency and bandwidth of the first formants, in every frame, voiced or not.

    Attributes:
        count: formants wanted.
        max_formant: upper edge in Hz of the band that is modelled; 5000 suits men, 5500 women.
        order: of the prediction; twice the number of formants in the band.
        window_seconds: length of the Hamming window.
        hop_seconds: distance between frames.

    >>> noise = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    >>> Formants()(noise, 16000).shape
    (26, 6)
    """

    count: int = 3
    max_formant: float = 5500.0
    order: int = 10
    window_seconds: float = 0.025
    hop_seconds: float = 0.010

    def __post_init__(self) -> None:
        if not 1 <= self.count <= self.order // 2 or self.max_formant < 1000:
            raise ValueError(f"need 1 <= count <= order / 2 and max_formant >= 1000, got {self}")

    @property
    def names(self) -> tuple[str, ...]:
        """`f1_hz` … then `b1_hz` …, 0 where a frame has fewer formants."""
        numbers = range(1, self.count + 1)
        return (*(f"f{i}_hz" for i in numbers), *(f"b{i}_hz" for i in numbers))

    def __call__(self, signal: NDArray[Any], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the columns `names`, shape `(1 + samples // hop, 2 * count)`.

        Raises:
            SignalFormatError: the signal is not one-dimensional and real.
        """
        framing = make_speech_framing(sampling_rate, self.window_seconds, self.hop_seconds)
        matrix, band = make_selection(sampling_rate, framing.n_fft, self.max_formant, self.order)
        power = power_spectrogram(signal, framing)
        return np.concatenate(
            find_formants(power[:, : len(matrix)] @ matrix, band, self.count), axis=1
        )


def make_speech_framing(
    sampling_rate: int, window_seconds: float = 0.025, hop_seconds: float = 0.010
) -> Framing:
    """Return centred Hamming windows of even length in a transform of similar length.

    >>> make_speech_framing(16000)
    Framing(n_fft=400, hop_length=160, win_length=400, window='hamming', center=True, ...)
    """
    length = max(2, 2 * round(sampling_rate * window_seconds / 2))
    return Framing(
        n_fft=2 * scipy.fft.next_fast_len(length // 2),
        hop_length=max(1, round(sampling_rate * hop_seconds)),
        win_length=length,
        window="hamming",
    )

"""Normalised autocorrelation of frames, for pitch (Boersma 1993): limited to 2 kHz, by FFT."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft

from serenade.errors import SignalFormatError
from serenade.features.spectral import (
    frame_sums,
    frames,
    square,
    window_function,
    windowed_spectra,
)
from serenade.features.voice._decimate import decimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_LOWEST_RATE = 4000.0  # Hz, at least, of the signal that is correlated with itself
_LAGS_PER_SAMPLE = 2  # the correlation is evaluated between samples too, then interpolated
_TINY = 1e-30


@dataclasses.dataclass(frozen=True, eq=False)
class PitchTables:
    """Constants of one setting at one rate."""

    factor: int  # of decimation
    hop: int  # in decimated samples, as is the window
    window: NDArray[np.float32]
    n_fft: int
    lags: NDArray[np.float64]  # in seconds, ascending, shape (lags,)
    correlate: NDArray[np.float32]  # power spectrum to autocorrelation, (bins, lags)
    energy: NDArray[np.float32]  # power spectrum to autocorrelation at lag 0, (bins,)


def parabola(
    left: NDArray[Any], middle: NDArray[Any], right: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Place, within half a step of the middle, and height of the peak through three points.

    >>> shift, height = parabola(*(np.array([4 - (x - 0.25) ** 2]) for x in (-1, 0, 1)))
    >>> shift, height
    (array([0.25]), array([4.]))
    """
    bend = np.minimum(left - 2 * middle + right, np.float32(-1e-20))
    tilt = left - right
    shift = np.maximum(np.minimum(tilt / (2 * bend), 0.5), -0.5)
    return shift, middle - 0.25 * tilt * shift


@functools.lru_cache(maxsize=16)
def make_pitch_tables(
    fmin: float, fmax: float, hop_seconds: float, sampling_rate: int
) -> PitchTables:
    """Compute constants for frames of three periods of `fmin`, `hop_seconds` apart.

    Raises:
        SignalFormatError: a sampling rate below 4000 Hz.
    """
    if sampling_rate < _LOWEST_RATE:
        raise SignalFormatError(
            f"signal at {sampling_rate} Hz", "too low a rate for pitch", "resample it to 16000 Hz"
        )
    hop = max(1, round(sampling_rate * hop_seconds))
    # Only a divisor of the hop keeps frames on whole samples at the lower rate.
    highest = min(hop, int(sampling_rate / _LOWEST_RATE))
    factor = next(f for f in range(highest, 0, -1) if hop % f == 0)
    rate = sampling_rate / factor
    length = 2 * round(1.5 * rate / fmin)
    shortest, longest = rate / fmax, rate / fmin
    steps = np.arange(
        np.floor(_LAGS_PER_SAMPLE * shortest) - 1, np.ceil(_LAGS_PER_SAMPLE * longest) + 2
    )
    lags = steps / _LAGS_PER_SAMPLE
    n_fft = scipy.fft.next_fast_len(length + int(np.ceil(lags[-1])), real=True)
    window = window_function("hann", length)
    weights = np.full(n_fft // 2 + 1, 2.0)
    weights[0] = 1.0
    if n_fft % 2 == 0:
        weights[-1] = 1.0
    cosines = np.cos(2 * np.pi / n_fft * np.outer(np.arange(len(weights)), lags))
    cosines *= weights[:, None]
    own = np.abs(np.fft.rfft(window, n_fft)) ** 2
    share = (own @ cosines) / (own @ weights)  # the window's autocorrelation, 1 at lag 0
    return PitchTables(
        factor=factor,
        hop=hop // factor,
        window=window,
        n_fft=n_fft,
        lags=lags / rate,
        correlate=(cosines / share).astype(np.float32),
        energy=weights.astype(np.float32),
    )


def decimate_frames(
    samples: NDArray[np.float32], tables: PitchTables
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return frames of the decimated signal, their means, and their loudness over the loudest."""
    low = decimate(samples, tables.factor)
    peak = max(low.max(), -low.min())
    scale = np.float32(1 / peak if peak > _TINY else 0)
    length = tables.window.size
    count = 1 + samples.size // (tables.hop * tables.factor)
    padded = np.zeros(max((count - 1) * tables.hop, low.size) + length, dtype=np.float32)
    np.multiply(low, scale, out=padded[length // 2 : length // 2 + low.size])
    rows = frames(padded, length, tables.hop)[:count]
    means = frame_sums(padded, length, tables.hop)[:count] / length
    # Loudness is that of the frame's middle half, which is what the window lets through.
    half = length // 2
    square = frame_sums(np.square(padded[length // 4 :]), half, tables.hop)[:count] / half
    power = np.maximum(square - np.square(means), 0)
    loudness = np.sqrt(power / max(power.max(), _TINY))
    return rows, means.astype(np.float32), loudness.astype(np.float32)


def autocorrelations(
    rows: NDArray[np.float32], means: NDArray[np.float32], tables: PitchTables
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Iterate over blocks of frames and their normalised autocorrelation, shape `(block, lags)`."""
    for block, spectrum in windowed_spectra(rows, tables.window, tables.n_fft, means):
        power = square(spectrum, np.empty(spectrum.shape, dtype=np.float32))
        energy = np.maximum(power @ tables.energy, np.float32(_TINY))
        correlation = power @ tables.correlate
        correlation /= energy[:, None]
        yield block, correlation

"""Normalised autocorrelation of frames, for pitch (Boersma 1993): limited to 2 kHz, by FFT."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft

from serenade.errors import SignalFormatError
from serenade.features.spectral import (
    as_signal,
    frame_sums,
    frames,
    square,
    window_function,
    windowed_spectra,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SIDE = 8  # zero crossings of the sinc on each side, in samples of the lower rate
_BLOCK = 16  # outputs per row of the product
_PASS = 0.9  # cut-off as a share of half the lower rate
_KAISER_BETA = 6.0  # about 60 dB of attenuation


@functools.lru_cache(maxsize=16)
def _filter_matrices(factor: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute Toeplitz matrices from two blocks of input to the outputs that start in the first.

    Shape `(_BLOCK * factor, _BLOCK)` each.
    """
    half = _SIDE * factor
    offsets = np.arange(-half, half + 1)
    taps = np.sinc(_PASS * offsets / factor) * np.kaiser(2 * half + 1, _KAISER_BETA)
    taps /= taps.sum()
    matrix = np.zeros((2 * _BLOCK * factor, _BLOCK), dtype=np.float32)
    for column in range(_BLOCK):
        matrix[column * factor : column * factor + taps.size, column] = taps
    return matrix[: _BLOCK * factor], matrix[_BLOCK * factor :]


def decimate(signal: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Filter the signal and keep every `factor`-th sample, without delay.

    The filter is a windowed sinc (Kaiser, linear phase); beyond its ends the signal counts as 0.

    Args:
        signal: mono samples, shape `(samples,)`.
        factor: at least 1; 1 returns the signal itself.

    Returns:
        Shape `(ceil(samples / factor),)`, float32; sample `n` is at input sample
        `n * factor`.

    Raises:
        SignalFormatError: the signal is not one-dimensional and real.
        ValueError: a factor below 1.

    >>> decimate(np.ones(400, np.float32), 4)[20:23].round(3)
    array([1., 1., 1.], dtype=float32)
    """
    if factor < 1:
        raise ValueError(f"factor must be at least 1, got {factor}")
    samples = as_signal(signal)
    if factor == 1:
        return samples
    first, second = _filter_matrices(factor)
    count = -(-samples.size // factor)
    blocks = -(-count // _BLOCK)
    half = _SIDE * factor
    step = _BLOCK * factor
    padded = np.empty((blocks + 1) * step, dtype=np.float32)
    padded[:half] = padded[half + samples.size :] = 0
    padded[half : half + samples.size] = samples
    rows = padded.reshape(-1, step)
    result: NDArray[np.float32] = rows[:-1] @ first
    result += rows[1:] @ second
    return result.ravel()[:count]


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

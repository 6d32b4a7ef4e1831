"""Mel scales, mel filters, mel spectrograms and decibels.

Two scales are in use: Slaney's Auditory Toolbox (1998; linear below 1 kHz, logarithmic above) and
O'Shaughnessy's formula as HTK has it, 2595 log10(1 + f / 700). Values equal librosa's.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from serenade.features.spectral._stft import framed_spectra, square

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from serenade.features.spectral._stft import Framing

# Filters multiplied at once: neighbouring triangles cover few bins, so 128 mel filters cost an
# eighth of the full matrix product; smaller groups lose more to calls than they save.
_GROUP = 16


@dataclasses.dataclass(frozen=True, eq=False)
class FilterBank:
    """Non-negative weights of each filter at each frequency.

    Attributes:
        weights: shape `(filters, bins)`, of the spectra's floating-point type.

    >>> FilterBank(np.eye(2, 3, dtype=np.float32))(np.ones((1, 3), np.float32))
    array([[1., 1.]], dtype=float32)
    """

    weights: NDArray[Any]

    @functools.cached_property
    def _bands(self) -> list[tuple[slice, slice, NDArray[Any]]]:
        """Return groups of filters, the bins that they use, and the transposed weights."""
        bands = []
        for start in range(0, len(self.weights), _GROUP):
            group = self.weights[start : start + _GROUP]
            used = np.flatnonzero(group.any(axis=0))
            bins = slice(used[0], used[-1] + 1) if used.size else slice(0, 1)
            bands.append(
                (slice(start, start + _GROUP), bins, np.ascontiguousarray(group[:, bins].T))
            )
        return bands

    def __call__(self, spectrum: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Compute weighted sums of spectra.

        Args:
            spectrum: power or magnitude, shape `(frames, bins)`.
            out: where to write, shape `(frames, filters)`.

        Returns:
            Shape `(frames, filters)`.
        """
        if out is None:
            out = np.empty((len(spectrum), len(self.weights)), dtype=spectrum.dtype)
        for filters, bins, weights in self._bands:
            np.matmul(spectrum[:, bins], weights, out=out[:, filters])
        return out


Scale: TypeAlias = Literal["slaney", "htk"]

_LINEAR_STEP = 200 / 3  # Hz per mel below the knee
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _LINEAR_STEP
_LOG_STEP = math.log(6.4) / 27  # above it, 27 mels take a frequency to 6.4 times its value
_DECIBEL = 10 / math.log(10)


def hz_to_mel(frequency: NDArray[Any] | float, scale: Scale = "slaney") -> NDArray[np.float64]:
    """Convert frequencies in Hz to mels.

    >>> hz_to_mel(np.array([500.0, 6400.0]))
    array([ 7.5, 42. ])
    """
    hertz = np.asarray(frequency, dtype=np.float64)
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + hertz / 700.0))
    above = _KNEE_MEL + np.log(np.maximum(hertz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hertz < _KNEE_HZ, hertz / _LINEAR_STEP, above)


def mel_to_hz(mel: NDArray[Any] | float, scale: Scale = "slaney") -> NDArray[np.float64]:
    """Convert mels to frequencies in Hz, the inverse of `hz_to_mel`.

    >>> mel_to_hz(np.array([7.5, 42.0])).round(6)
    array([ 500., 6400.])
    """
    mels = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mels / 2595.0) - 1.0))
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mels, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mels < _KNEE_MEL, mels * _LINEAR_STEP, above)


def triangles(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute triangular filters: filter `i` rises from corner `i` to `i + 1`, falls to `i + 2`.

    Args:
        points: where to evaluate them, shape `(bins,)`.
        corners: in the same unit, increasing, shape `(filters + 2,)`.

    Returns:
        Shape `(filters, bins)`.
    """
    widths = np.diff(corners)[:, None]
    rising = (points - corners[:-2, None]) / widths[:-1]
    falling = (corners[2:, None] - points) / widths[1:]
    return np.maximum(0.0, np.minimum(rising, falling))


@functools.lru_cache(maxsize=64)
def mel_bank(
    sampling_rate: int,
    n_fft: int,
    n_mels: int = 128,
    *,
    fmin: float = 0.0,
    fmax: float | None = None,
    scale: Scale = "slaney",
    norm: Literal["slaney"] | None = "slaney",
) -> FilterBank:
    """Compute mel filters over the bins of a transform.

    Args:
        sampling_rate: in Hz.
        n_fft: length of the transform.
        n_mels: number of filters.
        fmin: lower edge of the first filter in Hz.
        fmax: upper edge of the last in Hz; half the sampling rate if None.
        scale: which mel scale spaces them.
        norm: `slaney` gives every triangle the area one (in Hz), None the height one.

    Returns:
        Filters of `n_fft // 2 + 1` weights.

    Raises:
        ValueError: no room between `fmin` and `fmax`.

    >>> mel_bank(16000, 400, n_mels=80).weights.shape
    (80, 201)
    """
    fmax = sampling_rate / 2 if fmax is None else fmax
    if not 0 <= fmin < fmax or n_mels < 1:
        raise ValueError(f"need 0 <= fmin < fmax and n_mels >= 1, got {fmin}, {fmax} and {n_mels}")
    edges = hz_to_mel(np.array([fmin, fmax]), scale)
    corners = mel_to_hz(np.linspace(edges[0], edges[1], n_mels + 2), scale)
    bins = np.arange(n_fft // 2 + 1, dtype=np.float64) * (sampling_rate / n_fft)
    weights = triangles(bins, corners)
    if norm == "slaney":
        weights *= 2.0 / (corners[2:] - corners[:-2])[:, None]
    return FilterBank(weights.astype(np.float32))


def filtered_power(
    spectra: Iterator[tuple[slice, NDArray[np.complex64]]], count: int, bank: FilterBank
) -> NDArray[np.float32]:
    """Compute the filtered power of spectra given in blocks, shape `(count, filters)`."""
    result = np.empty((count, len(bank.weights)), dtype=np.float32)
    power: NDArray[np.float32] | None = None
    for block, spectrum in spectra:
        if power is None:  # the first block is the largest
            power = np.empty(spectrum.shape, dtype=np.float32)
        bank(square(spectrum, power[: len(spectrum)]), out=result[block])
    return result


def mel_spectrogram(
    signal: NDArray[Any], framing: Framing, bank: FilterBank
) -> NDArray[np.float32]:
    """Compute the mel power without holding the whole spectrogram.

    Args:
        signal: mono samples, shape `(samples,)`.
        framing: windows and transform.
        bank: filters over `framing.bins` bins, of `mel_bank`.

    Returns:
        Shape `(frames, filters)`, float32.

    Raises:
        SignalFormatError: the signal is not one-dimensional and real.
        TooShortError: not centred and shorter than `n_fft`.
    """
    return filtered_power(framed_spectra(signal, framing), framing.count(signal.size), bank)


def power_to_db(
    power: NDArray[np.float32],
    ref: float | Callable[[NDArray[np.float32]], Any] = 1.0,
    amin: float = 1e-10,
    top_db: float | None = 80.0,
) -> NDArray[np.float32]:
    """Convert power to decibels, 10 log10(power / ref).

    Args:
        power: any shape, non-negative.
        ref: power of 0 dB, or a function that finds it, such as `np.max`.
        amin: smaller powers count as this.
        top_db: everything is raised to at least this much below the loudest; None leaves it.

    Returns:
        Of the same shape, float32.

    >>> power_to_db(np.array([1e-20, 1.0, 100.0], np.float32))
    array([-60.,   0.,  20.], dtype=float32)
    """
    zero = float(ref(power)) if callable(ref) else ref
    level = np.maximum(power, np.float32(amin))
    # The natural logarithm is vectorised on more machines than log10.
    np.log(level, out=level)
    level *= np.float32(_DECIBEL)
    if zero != 1.0:
        level -= np.float32(_DECIBEL * math.log(max(amin, abs(zero))))
    if top_db is not None and level.size:
        np.maximum(level, level.max() - np.float32(top_db), out=level)
    return level

"""Chroma: magnitude by pitch class, and the tonal centroids of it; values equal librosa's."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from serenade.features.spectral._mel import FilterBank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.features.spectral._spectrum import Spectrum

_LOWEST, _HIGHEST = 150.0, 4000.0  # Hz: range of the peaks
_LEAST = 0.1  # of a frame's largest magnitude: smaller peaks are noise
_STEPS = 100  # bins that the deviations of peaks are counted in


def estimate_tuning(spectrum: Spectrum, n_chroma: int = 12) -> float:
    """Estimate the deviation from A4 = 440 Hz, in steps of the scale.

    librosa's `estimate_tuning`: the most frequent deviation of spectral peaks from the scale.

    Args:
        spectrum: of a signal.
        n_chroma: steps per octave.

    Returns:
        Between -0.5 and 0.5.

    >>> from serenade.features import Framing, Spectrum
    >>> sharp = 440 * 2 ** (0.25 / 12)
    >>> tone = np.sin(2 * np.pi * sharp * np.arange(16000) / 16000).astype(np.float32)
    >>> abs(estimate_tuning(Spectrum.of(tone, 16000, Framing(4096, 1024))) - 0.25) < 0.02
    True
    """
    frequencies, heights = _peaks(spectrum)
    if not len(heights):
        return 0.0
    loud = frequencies[heights >= np.median(heights)]
    deviations = np.mod(n_chroma * np.log2(loud / 27.5), 1.0)
    deviations[deviations >= 0.5] -= 1.0
    counts, edges = np.histogram(deviations, np.linspace(-0.5, 0.5, _STEPS + 1))
    return float(edges[np.argmax(counts)])


def _peaks(spectrum: Spectrum) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return frequency and height of each spectral peak, interpolated between bins."""
    values = spectrum.magnitude.astype(np.float64)
    floor = _LEAST * values.max(axis=1, keepdims=True)
    left, middle, right = values[:, :-2], values[:, 1:-1], values[:, 2:]
    # Neighbours below the floor count as silent.
    above = np.where(values > floor, values, 0.0)
    peak = (above[:, 1:-1] > above[:, :-2]) & (above[:, 1:-1] >= above[:, 2:])
    inside = spectrum.frequencies[1:-1]
    frames, bins = np.nonzero(peak & (inside >= _LOWEST) & (inside < _HIGHEST))
    slope = (right - left)[frames, bins] / 2
    bend = (left + right - 2 * middle)[frames, bins]
    # A parabola through the three bins: where it is highest, and how high.
    shift = np.where(np.abs(slope) < np.abs(bend), -slope / np.where(bend, bend, 1.0), 0.0)
    step = spectrum.sampling_rate / spectrum.n_fft
    return (bins + 1 + shift) * step, middle[frames, bins] + slope * shift / 2


_A0 = 440.0 / 16  # Hz; octaves are counted from it
_CENTRE, _WIDTH = 5.0, 2.0  # octaves: the Gaussian that favours the middle of the range


@functools.lru_cache(maxsize=128)
def chroma_bank(
    sampling_rate: int, n_fft: int, n_chroma: int = 12, tuning: float = 0.0
) -> FilterBank:
    """Compute Gaussian weights on the pitch-class circle (Ellis 2007), C first.

    Args:
        sampling_rate: in Hz.
        n_fft: length of the transform.
        n_chroma: pitch classes per octave.
        tuning: deviation from A4 = 440 Hz, in pitch classes.

    Returns:
        `n_chroma` filters of `n_fft // 2 + 1` weights.
    """
    frequencies = np.arange(1, n_fft) * (sampling_rate / n_fft)
    pitch = n_chroma * np.log2(frequencies / _A0) - tuning
    # Nothing is the pitch of 0 Hz: half a circle away from the first bin's, and broad.
    pitch = np.concatenate([[pitch[0] - 1.5 * n_chroma], pitch])
    widths = np.concatenate([np.maximum(np.diff(pitch), 1.0), [1.0]])
    half = np.round(n_chroma / 2)
    distance = pitch - np.arange(n_chroma)[:, None] + half + 10 * n_chroma
    distance = np.remainder(distance, n_chroma) - half
    weights = np.exp(-0.5 * (2 * distance / widths) ** 2)
    weights /= np.sqrt(np.sum(weights**2, axis=0))
    weights *= np.exp(-0.5 * ((pitch / n_chroma - _CENTRE) / _WIDTH) ** 2)
    weights = np.roll(weights, -3 * (n_chroma // 12), axis=0)  # from A first to C first
    return FilterBank(weights[:, : n_fft // 2 + 1].astype(np.float32))


def _normalise(values: NDArray[np.float32], size: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide rows by their size; rows of size 0 stay unchanged."""
    divisor = np.where(size < np.finfo(np.float32).tiny, np.float32(1), size)
    return np.asarray(values / divisor[:, None])


def chroma(spectrum: Spectrum, n_chroma: int = 12) -> NDArray[np.float32]:
    """Compute the chromagram of magnitudes, each frame divided by its largest value.

    librosa's `chroma_stft` of a magnitude spectrogram, the recording's tuning being estimated.

    Args:
        spectrum: of a signal.
        n_chroma: pitch classes per octave, the first of them C.

    Returns:
        Shape `(frames, n_chroma)`, between 0 and 1; all 0 where silent.
    """
    tuning = estimate_tuning(spectrum, n_chroma)
    bank = chroma_bank(spectrum.sampling_rate, spectrum.n_fft, n_chroma, tuning)
    values = bank(spectrum.magnitude)
    return _normalise(values, values.max(axis=1))


def tonnetz(chromagram: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the tonal centroids (Harte, Sandler & Gasser 2006) of a chromagram.

    Args:
        chromagram: shape `(frames, n_chroma)`.

    Returns:
        Shape `(frames, 6)`: sine and cosine on the circles of fifths, minor and major thirds.

    >>> tonnetz(np.eye(1, 12, dtype=np.float32)).round(3)
    array([[0. , 1. , 0. , 1. , 0. , 0.5]], dtype=float32)
    """
    steps = np.linspace(0, 12, chromagram.shape[1], endpoint=False)
    angles = np.multiply.outer(np.array([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3]), steps)
    angles[::2] -= 0.5  # cosine becomes sine
    radii = np.array([1, 1, 1, 1, 0.5, 0.5])[:, None]
    circles = (radii * np.cos(np.pi * angles)).astype(np.float32)
    return np.asarray(_normalise(chromagram, np.abs(chromagram).sum(axis=1)) @ circles.T)

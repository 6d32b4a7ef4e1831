"""Chroma: magnitude by pitch class, and the tonal centroids of it; values equal librosa's."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from serenade.features.spectral._filterbank import FilterBank
from serenade.features.spectral._tuning import estimate_tuning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.features.spectral._spectrum import Spectrum

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

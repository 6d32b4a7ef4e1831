"""How far a recording is tuned from A4 = 440 Hz; values equal librosa's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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

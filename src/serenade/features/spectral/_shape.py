"""Descriptors of a spectrum's shape: each takes a `Spectrum`, so that several share one transform.

Values equal librosa's where it has the descriptor. Sums that nearly cancel run in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from serenade.errors import SignalFormatError
from serenade.features.spectral._mel import power_to_db
from serenade.features.spectral._temporal import entropy_of_stretches, sum_stretches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.features.spectral._spectrum import Spectrum


def _moments(spectrum: Spectrum) -> NDArray[np.float64]:
    """Compute the total, first and second moment over frequency of each frame's magnitude."""
    frequencies = spectrum.frequencies
    basis = np.stack([np.ones_like(frequencies), frequencies, frequencies**2], axis=1)
    return np.asarray(spectrum.magnitude.astype(np.float64) @ basis)


def centroid_and_spread(spectrum: Spectrum) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the centre of gravity of the magnitude and the standard deviation about it.

    Args:
        spectrum: of a signal.

    Returns:
        Two arrays of shape `(frames,)` in Hz, 0 where a frame is silent.
    """
    total, first, second = _moments(spectrum).T
    total = np.where(total > 0, total, 1.0)
    centre = first / total
    # E f² - (E f)²: float64 keeps twelve digits of it even for a pure tone.
    spread = np.sqrt(np.maximum(second / total - centre**2, 0.0))
    return centre.astype(np.float32), spread.astype(np.float32)


def spectral_centroid(spectrum: Spectrum) -> NDArray[np.float32]:
    """Compute the centre of gravity of the magnitude in Hz, `(frames,)`; 0 in silence."""
    return centroid_and_spread(spectrum)[0]


def spectral_spread(spectrum: Spectrum) -> NDArray[np.float32]:
    """Compute the standard deviation about the centroid in Hz, `(frames,)`."""
    return centroid_and_spread(spectrum)[1]


def spectral_entropy(spectrum: Spectrum, n_blocks: int = 10) -> NDArray[np.float32]:
    """Compute the entropy in bits of the power in equal bands, shape `(frames,)`."""
    return entropy_of_stretches(sum_stretches(spectrum.power, n_blocks)).astype(np.float32)


def spectral_flux(spectrum: Spectrum) -> NDArray[np.float32]:
    """Compute the squared distance between successive normalised magnitude spectra.

    Giannakopoulos & Pikrakis 2014, section 4.4.

    Args:
        spectrum: of a signal.

    Returns:
        Shape `(frames,)`; the first frame, and a silent frame after a silent one, have 0.
    """
    magnitude = spectrum.magnitude
    total = magnitude.sum(axis=1, keepdims=True)
    shares = magnitude / np.where(total > 0, total, np.float32(1))
    flux = np.zeros(len(shares), dtype=np.float32)
    steps = np.diff(shares, axis=0)
    np.einsum("ij,ij->i", steps, steps, out=flux[1:])
    return flux


def spectral_rolloff(spectrum: Spectrum, share: float = 0.85) -> NDArray[np.float32]:
    """Find the lowest frequency with at least `share` of the magnitude at or below it.

    Args:
        spectrum: of a signal.
        share: between 0 and 1.

    Returns:
        Shape `(frames,)`, in Hz; 0 where silent.
    """
    cumulative = np.cumsum(spectrum.magnitude, axis=1, dtype=np.float64)
    reached = cumulative >= share * cumulative[:, -1:]
    return np.asarray(spectrum.frequencies[reached.argmax(axis=1)], dtype=np.float32)


def spectral_flatness(spectrum: Spectrum, amin: float = 1e-10) -> NDArray[np.float32]:
    """Divide the geometric by the arithmetic mean of the power: 1 for noise, near 0 for a tone.

    Args:
        spectrum: of a signal.
        amin: smaller powers count as this, so silence has flatness 1.

    Returns:
        Shape `(frames,)`.
    """
    power = np.maximum(spectrum.power, np.float32(amin))
    arithmetic = power.mean(axis=1, dtype=np.float64)
    geometric = np.exp(np.log(power, out=power).mean(axis=1, dtype=np.float64))
    return np.asarray(geometric / arithmetic, dtype=np.float32)


def _bands(spectrum: Spectrum, fmin: float, n_bands: int) -> list[slice]:
    """Return octave bands as in librosa: all but the last leave out their last bin."""
    frequencies = spectrum.frequencies
    edges = np.concatenate([[0.0], fmin * 2.0 ** np.arange(n_bands + 1)])
    if edges[-2] >= spectrum.sampling_rate / 2:
        raise SignalFormatError(
            f"spectrum of a signal at {spectrum.sampling_rate} Hz",
            f"no room for {n_bands} octaves above {fmin} Hz",
            "ask for fewer bands or a lower fmin",
        )
    starts = np.searchsorted(frequencies, edges[:-1], side="left")
    stops = np.searchsorted(frequencies, edges[1:], side="right")
    if np.any(stops <= starts):
        raise SignalFormatError(
            f"spectrum of {len(frequencies)} bins at {spectrum.sampling_rate} Hz",
            f"no bin in some of {n_bands} octaves above {fmin} Hz",
            "use a longer transform or a higher fmin",
        )
    starts[1:] -= 1
    stops[-1] = len(frequencies)
    return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]


def spectral_contrast(
    spectrum: Spectrum, fmin: float = 200.0, n_bands: int = 6, quantile: float = 0.02
) -> NDArray[np.float32]:
    """Compute the level of peaks over valleys in octave bands (Jiang et al. 2002).

    Args:
        spectrum: of a signal.
        fmin: upper edge of the lowest band in Hz; each further band is an octave.
        n_bands: bands above that one; the last reaches to half the sampling rate.
        quantile: share of a band's bins, at least one, that make a peak or a valley.

    Returns:
        Shape `(frames, n_bands + 1)`, in dB.

    Raises:
        SignalFormatError: the bands do not fit the sampling rate or the transform.
    """
    magnitude = spectrum.magnitude
    peaks = np.empty((len(magnitude), n_bands + 1), dtype=np.float32)
    valleys = np.empty_like(peaks)
    for index, band in enumerate(_bands(spectrum, fmin, n_bands)):
        stop = band.stop if index == n_bands else band.stop - 1
        values = np.sort(magnitude[:, band.start : stop], axis=1)
        count = max(1, round(quantile * (band.stop - band.start)))
        valleys[:, index] = values[:, :count].mean(axis=1)
        peaks[:, index] = values[:, -count:].mean(axis=1)
    return power_to_db(peaks) - power_to_db(valleys)

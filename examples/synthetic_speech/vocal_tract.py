"""Filter sources with moving resonances: formants in cascade for voice, a band for frication.

Resonators are those of Klatt (1980), "Software for a cascade/parallel formant synthesizer",
JASA 67. They are applied by overlap-add: every 5 ms another filter, each crossfaded into the
next, because coefficients switched under a running filter click.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HOP = 0.005
"""Distance of the filters in seconds."""

UPPER = (3500.0, 4500.0, 5500.0, 6500.0, 7500.0)
"""Constant formants above the third, of a tract of 17.5 cm, in Hz."""

NASAL_POLE = 270.0
"""Frequency of the nasal pole in Hz; a zero of the same frequency cancels it."""

_BANDWIDTHS = (65.0, 90.0, 150.0)
_UPPER_BANDWIDTHS = (220.0, 300.0, 400.0, 500.0, 600.0)
_NASAL_BANDWIDTH = 100.0
_RINGING = 0.053  # seconds in which a resonance of the narrowest bandwidth decays by 84 dB
_HIGHEST = 0.46  # of the sampling rate: resonances above are left out


def hop_of(sampling_rate: int) -> int:
    """Return the distance of the filters in samples."""
    return round(HOP * sampling_rate)


def _pair(
    frequency: NDArray[np.float64], bandwidth: NDArray[np.float64] | float, sampling_rate: int
) -> NDArray[np.float64]:
    """Compute the polynomials of pairs of poles or zeros, shape `(blocks, 3)`."""
    radius = np.exp(-np.pi * np.asarray(bandwidth) / sampling_rate) + 0 * frequency
    cosine = np.cos(2 * np.pi * frequency / sampling_rate)
    return np.stack([radius**0, -2 * radius * cosine, radius**2], axis=-1)


def _product(polynomials: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Multiply row by row, shape `(blocks, 1 + 2 * pairs)`."""
    result = polynomials[0]
    for factor in polynomials[1:]:
        longer = np.zeros((len(result), result.shape[1] + 2))
        for power in range(3):
            longer[:, power : power + result.shape[1]] += factor[:, power, None] * result
        result = longer
    return result


def _response(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64], sampling_rate: int
) -> NDArray[np.complex128]:
    size = fft_size(sampling_rate)
    response: NDArray[np.complex128] = np.fft.rfft(numerator, size) / np.fft.rfft(denominator, size)
    return response


def fft_size(sampling_rate: int) -> int:
    """Return a power of two with room for two hops of signal and the ringing after them."""
    return 1 << math.ceil(math.log2((2 * HOP + _RINGING) * sampling_rate))


def cascade(
    formants: NDArray[np.float64],
    widening: float,
    nasal_zero: NDArray[np.float64],
    tract_length: float,
    sampling_rate: int,
) -> NDArray[np.complex128]:
    """Compute frequency responses of the voiced path, 1 at 0 Hz.

    Args:
        formants: F1 to F3 in Hz, shape `(blocks, 3)`.
        widening: factor on the first bandwidth: an open glottis damps it.
        nasal_zero: in Hz, shape `(blocks,)`.
        tract_length: relative to 17.5 cm.
        sampling_rate: in Hz.

    Returns:
        Shape `(blocks, fft_size // 2 + 1)`.
    """
    factors = (widening, 1.0, 1.0)
    lower = [
        _pair(formants[:, place], _BANDWIDTHS[place] * factor, sampling_rate)
        for place, factor in enumerate(factors)
    ]
    upper = [
        _pair(np.array([frequency / tract_length]), bandwidth, sampling_rate)
        for frequency, bandwidth in zip(UPPER, _UPPER_BANDWIDTHS, strict=True)
        if frequency / tract_length < _HIGHEST * sampling_rate
    ]
    pole = _pair(np.array([NASAL_POLE]), _NASAL_BANDWIDTH, sampling_rate)
    zero = _pair(nasal_zero, _NASAL_BANDWIDTH, sampling_rate)
    # Two quotients: one polynomial of all poles would lose digits.
    moving = _response(zero, _product(lower), sampling_rate)
    fixed = _response(np.ones((1, 1)), _product([pole, *upper]), sampling_rate)
    response = moving * fixed
    return response / response[:, :1].real


def band(
    centre: NDArray[np.float64], bandwidth: NDArray[np.float64], sampling_rate: int
) -> NDArray[np.complex128]:
    """Compute frequency responses of a band that keep the variance of white noise near 1.

    Args:
        centre: in Hz, shape `(blocks,)`.
        bandwidth: in Hz, shape `(blocks,)`.
        sampling_rate: in Hz.

    Returns:
        Shape `(blocks, fft_size // 2 + 1)`.
    """
    centre = np.minimum(centre, (_HIGHEST - 0.02) * sampling_rate)
    poles = _pair(centre, bandwidth, sampling_rate)
    ends = np.array([[1.0, 0.0, -1.0]])  # zeros at 0 Hz and at half the rate
    once = _response(ends * (1 - poles[:, 2:]) / 2, poles, sampling_rate)
    return once**2 * np.sqrt(sampling_rate / 2 / bandwidth)[:, None]


def run(
    parts: Sequence[tuple[NDArray[np.float64], NDArray[np.complex128]]], sampling_rate: int
) -> NDArray[np.float64]:
    """Filter each source with its own moving filter, and add them up.

    Args:
        parts: sources of shape `(samples,)`, each with the responses of its blocks: block
            number i is centred on `i * hop_of(sampling_rate)`, and the last on the end or later.
        sampling_rate: in Hz.

    Returns:
        Shape `(samples,)`.
    """
    hop, size = hop_of(sampling_rate), fft_size(sampling_rate)
    blocks, samples = len(parts[0][1]), len(parts[0][0])
    window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)  # adds up to 1 at every hop
    spectrum = np.zeros((blocks, size // 2 + 1), np.complex128)
    for source, responses in parts:
        padded = np.zeros((blocks + 1) * hop)
        padded[hop : hop + samples] = source
        framed = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop]
        spectrum += np.fft.rfft(framed * window, size) * responses
    pieces = np.fft.irfft(spectrum, size)
    done = np.zeros(blocks * hop + size)
    for block, piece in enumerate(pieces):
        done[block * hop : block * hop + size] += piece
    return done[hop : hop + samples]

"""Compute the constant matrices that spectra are multiplied by."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from serenade.errors import SignalFormatError
from serenade.features.spectral import (
    Framing,
    dct_matrix,
    hz_to_mel,
    mel_to_hz,
    triangles,
    window_function,
)
from serenade.features.voice import make_selection, make_speech_framing

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_MELS = 26
N_MFCC = 14
_WINDOW_SECONDS = 0.020
_LOWEST_RATE = 8000  # Hz


@dataclasses.dataclass(frozen=True, eq=False)
class DescriptorTables:
    """Constants at one sampling rate; spectra are multiplied by the matrices from the right."""

    framing: Framing  # of a signal that is padded already
    of_power: NDArray[np.float32]  # for power spectra
    parts: dict[str, slice]  # the columns of their products
    of_mel: NDArray[np.float32]  # for mel bands in dB: MFCC, mean, two slopes
    loudness: NDArray[np.float32]  # weight of each band
    formant_band: float  # Hz


@functools.lru_cache(maxsize=8)
def make_descriptor_tables(sampling_rate: int) -> DescriptorTables:
    """Compute the constants for a sampling rate in Hz.

    Raises:
        SignalFormatError: a rate below 8000 Hz, which the bands do not fit.
    """
    if sampling_rate < _LOWEST_RATE:
        raise SignalFormatError(
            f"signal at {sampling_rate} Hz", "too low a rate for speech", "resample it to 16000 Hz"
        )
    framing = dataclasses.replace(make_speech_framing(sampling_rate, _WINDOW_SECONDS), center=False)
    nyquist = sampling_rate / 2
    hertz = np.arange(framing.bins, dtype=np.float64) * (sampling_rate / framing.n_fft)
    # Divided by the window's energy, power is the variance of white noise of that density.
    scale = np.sum(np.square(window_function(framing.window, framing.length), dtype=np.float64))
    ends = hz_to_mel(np.array([20.0, min(8000.0, nyquist)]), "htk")
    corners = mel_to_hz(np.linspace(ends[0], ends[1], N_MELS + 2), "htk")
    centres = corners[1:-1]
    mel = triangles(hertz, corners).T
    lags, formant_band = make_selection(sampling_rate, framing.n_fft)
    columns = {
        "mel": mel / np.maximum(mel.sum(axis=0), 1e-9),
        "power": np.stack(
            [
                np.full(framing.bins, 1 / framing.bins),
                (hertz > 50) & (hertz <= 1000),
                (hertz > 1000) & (hertz <= 5000),
            ],
            axis=1,
        ),
        "moments": np.stack([hertz / nyquist, (hertz / nyquist) ** 2], axis=1) / framing.bins,
        "lags": np.pad(lags, ((0, framing.bins - len(lags)), (0, 0))),
    }
    places = np.cumsum([0, *(block.shape[1] for block in columns.values())]).tolist()
    of_mel = [
        dct_matrix(N_MELS, N_MFCC + 1)[:, 1:],
        np.full((N_MELS, 1), 1 / N_MELS),
        _slope(centres, 0, 500)[:, None],
        _slope(centres, 500, 1500)[:, None],
    ]
    return DescriptorTables(
        framing=framing,
        of_power=(np.concatenate(list(columns.values()), axis=1) / scale).astype(np.float32),
        parts={name: slice(*places[i : i + 2]) for i, name in enumerate(columns)},
        of_mel=np.concatenate(of_mel, axis=1).astype(np.float32),
        loudness=_equal_loudness(centres).astype(np.float32),
        formant_band=formant_band,
    )


def _slope(hertz: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Compute weights that give the slope per kHz of values at these frequencies within a band."""
    used = (hertz >= low) & (hertz <= high)
    offset = np.where(used, (hertz - hertz[used].mean()) / 1000, 0)
    return np.asarray(offset / np.sum(offset**2))


def _equal_loudness(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute Hermansky's (1990) equal-loudness curve, equation 4, to the power 1/3."""
    square = (2 * np.pi * hertz) ** 2
    curve = (square + 56.8e6) * square**2 / ((square + 6.3e6) ** 2 * (square + 0.38e9))
    return np.asarray(np.cbrt(curve))

"""One spectrogram for all the descriptors of a signal."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft

from serenade.features.spectral._stft import Framing, power_spectrogram

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """One signal's spectrogram, computed once and read by any number of descriptors.

    Attributes:
        power: |STFT|², shape `(frames, bins)`, float32.
        sampling_rate: in Hz.
        n_fft: length of the transform behind it.

    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32)
    >>> spectrum = Spectrum.of(tone, 8000, Framing(n_fft=256, hop_length=128))
    >>> float(spectrum.frequencies[spectrum.magnitude[10].argmax()])
    1000.0
    """

    power: NDArray[np.float32]
    sampling_rate: int
    n_fft: int

    @classmethod
    def of(cls, signal: NDArray[Any], sampling_rate: int, framing: Framing) -> Spectrum:
        """Compute the spectrum of a signal; arguments and errors as for `stft`."""
        return cls(power_spectrogram(signal, framing), sampling_rate, framing.n_fft)

    @functools.cached_property
    def magnitude(self) -> NDArray[np.float32]:
        """|STFT|, shape `(frames, bins)`."""
        magnitude: NDArray[np.float32] = np.sqrt(self.power)
        return magnitude

    @functools.cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """Frequency of each bin in Hz, shape `(bins,)`."""
        frequencies: NDArray[np.float64] = scipy.fft.rfftfreq(self.n_fft, 1.0 / self.sampling_rate)
        return frequencies

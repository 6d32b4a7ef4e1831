"""The low-level descriptors of the attentive convolutional recurrent network.

X. He, L. Ren, Y. He, "Speech Emotion Recognition using Convolutional Neural Networks and Recurrent
Neural Networks with Attention Model".
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.errors import SignalFormatError
from serenade.features._feature import Feature
from serenade.features.spectral import (
    Framing,
    as_signal,
    dct_matrix,
    energy,
    mel_bank,
    power_spectrogram,
    power_to_db,
    zero_crossing_rate,
)
from serenade.features.voice import Pitch, find_formants, make_selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

_N_SPECTRUM = 256
_N_FFT = 2 * _N_SPECTRUM
_N_FORMANTS = 3
_N_MELS = 26
_N_MFCC = 13


@dataclasses.dataclass(frozen=True)
class HeLLD(Feature):
    """275 descriptors per frame: 256 of the spectrum, F0, 3 formants, energy, ZCR, 13 MFCC.

    The paper states a window of 20 ms that overlaps by 10 ms, a 256-dimensional FFT, fundamental
    frequency, formant, frame energy, zero-crossing rate and 13-dimensional MFCC (section 4.1).
    Not stated in the paper, and decided here: the 256 values are the power in dB at the first 256
    frequencies of a 512-point transform of the Hamming-windowed frame (256 points would not hold
    its 320 samples at 16 kHz); F0 is 0 where unvoiced; the formants are the first three centre
    frequencies, 0 where missing; energy is the mean square in dB, floored at -100 dB; MFCC are
    coefficients 0 to 12 of 26 mel bands in dB. The normalisation by the training set's neutral
    speech that the paper applies next is the system's part.

    Attributes:
        window_seconds: length of a frame.
        hop_seconds: distance between frames.

    >>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    >>> HeLLD()(noise, 16000).shape
    (101, 275)
    """

    window_seconds: float = 0.020
    hop_seconds: float = 0.010

    @property
    def names(self) -> tuple[str, ...]:
        """Columns in the paper's order."""
        return (
            *(f"fft{number:03d}_db" for number in range(_N_SPECTRUM)),
            "f0_hz",
            *(f"f{number}_hz" for number in range(1, _N_FORMANTS + 1)),
            "energy_db",
            "zcr",
            *(f"mfcc{number:02d}" for number in range(_N_MFCC)),
        )

    def __call__(self, signal: NDArray[Any], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the descriptors.

        Args:
            signal: mono samples, shape `(samples,)`.
            sampling_rate: in Hz; the paper's corpora are at 16000.

        Returns:
            Shape `(1 + samples // hop, 275)`, float32, finite; frame `t` is centred on `t` hops.

        Raises:
            SignalFormatError: the signal is not one-dimensional and real, or a frame has more than
                512 samples.
            NoSamplesError: it is empty.
        """
        samples = as_signal(signal)
        framing = self._framing(sampling_rate)
        length, hop = framing.length, framing.hop_length
        power = power_spectrogram(samples, framing)
        lags, band = make_selection(sampling_rate, _N_FFT)
        formants, _ = find_formants(power[:, : len(lags)] @ lags, band, _N_FORMANTS)
        mel = power_to_db(mel_bank(sampling_rate, _N_FFT, _N_MELS, scale="htk")(power), top_db=None)
        track = Pitch(hop_seconds=self.hop_seconds).track(samples, sampling_rate)
        return np.concatenate(
            [
                power_to_db(power[:, :_N_SPECTRUM], top_db=None),
                track.frequency[:, None],
                formants,
                power_to_db(energy(samples, length, hop, center=True), top_db=None)[:, None],
                zero_crossing_rate(samples, length, hop)[:, None],
                mel @ dct_matrix(_N_MELS, _N_MFCC).astype(np.float32),
            ],
            axis=1,
        )

    def _framing(self, sampling_rate: int) -> Framing:
        """Return windows of even length, so that all descriptors have equally many frames."""
        length = 2 * round(sampling_rate * self.window_seconds / 2)
        if not 0 < length <= _N_FFT:
            raise SignalFormatError(
                f"signal at {sampling_rate} Hz",
                f"{self.window_seconds * 1000:g} ms are not 1 to {_N_FFT} samples",
                "resample it to 16000 Hz",
            )
        hop = max(1, round(sampling_rate * self.hop_seconds))
        return Framing(_N_FFT, hop, length, "hamming")

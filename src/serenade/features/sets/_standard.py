"""Define spectral features as objects with parameters, for systems."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from serenade.features._feature import Feature
from serenade.features.spectral import (
    Framing,
    Scale,
    Spectrum,
    WindowShape,
    as_signal,
    chroma,
    dct_matrix,
    kaldi_fbank,
    mel_bank,
    mel_spectrogram,
    mfcc,
    power_to_db,
    regression_deltas,
    spectral_contrast,
    tonnetz,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _cut_stretch(
    signal: NDArray[np.float32], sampling_rate: int, offset: float, duration: float | None
) -> NDArray[np.float32]:
    """Return the part of a signal between two times, zero-padded after its end."""
    stretch = as_signal(signal)[round(offset * sampling_rate) :]
    if duration is None:
        return stretch
    padded = np.zeros(round(duration * sampling_rate), dtype=np.float32)
    stretch = stretch[: padded.size]
    padded[: stretch.size] = stretch
    return padded


@dataclasses.dataclass(frozen=True)
class LogMel(Feature):
    """Mel power in decibels, centred frames.

    Attributes:
        n_mels: number of filters.
        window: length of a Hann window, and of the transform, in seconds.
        hop: distance between frames in seconds.
        fmin: lower edge of the filters in Hz.
        fmax: upper edge in Hz; half the sampling rate if None.
        scale: mel scale.
        top_db: levels are raised to this much below the loudest; None leaves them.
        offset: start of the used part, in seconds.
        duration: its length in seconds, with zeros where the clip is over; None is all there is.

    >>> LogMel()(np.zeros(16000, np.float32), 16000).shape
    (101, 64)
    """

    version: ClassVar[int] = 1
    n_mels: int = 64
    window: float = 0.025
    hop: float = 0.010
    fmin: float = 0.0
    fmax: float | None = None
    scale: Scale = "slaney"
    top_db: float | None = 80.0
    offset: float = 0.0
    duration: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Filters are numbered from 1."""
        return tuple(f"mel_{index}" for index in range(1, self.n_mels + 1))

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the log-mel spectrogram in decibels, shape `(1 + samples // hop, n_mels)`."""
        signal = _cut_stretch(signal, sampling_rate, self.offset, self.duration)
        framing = Framing(round(self.window * sampling_rate), round(self.hop * sampling_rate))
        bank = mel_bank(
            sampling_rate,
            framing.n_fft,
            self.n_mels,
            fmin=self.fmin,
            fmax=self.fmax,
            scale=self.scale,
        )
        return power_to_db(mel_spectrogram(signal, framing, bank), top_db=self.top_db)


@dataclasses.dataclass(frozen=True)
class MFCC40(Feature):
    """MFCC as An & Ruan (2021) feed them to their network, from a fixed stretch of each clip.

    Attributes:
        n_mfcc: number of coefficients, the zeroth included.
        n_fft: length of the transform in samples.
        win_length: length of the window in samples.
        hop_length: distance between frames in samples.
        window_shape: shape of the window.
        n_mels: mel filters up to half the sampling rate.
        offset: where the stretch starts, in seconds.
        duration: its length in seconds, with zeros where the clip is over; None is all there is.

    >>> MFCC40(offset=0.5, duration=3.0)(np.zeros(96000, np.float32), 48000).shape
    (282, 40)
    """

    version: ClassVar[int] = 1
    n_mfcc: int = 40
    n_fft: int = 1024
    win_length: int = 512
    hop_length: int = 512
    window_shape: WindowShape = "hamming"
    n_mels: int = 128
    offset: float = 0.0
    duration: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Coefficients are numbered from 0."""
        return tuple(f"mfcc_{index}" for index in range(self.n_mfcc))

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the coefficients, shape `(1 + samples // hop_length, n_mfcc)`."""
        stretch = _cut_stretch(signal, sampling_rate, self.offset, self.duration)
        framing = Framing(self.n_fft, self.hop_length, self.win_length, self.window_shape)
        return mfcc(stretch, framing, mel_bank(sampling_rate, self.n_fft, self.n_mels), self.n_mfcc)


@dataclasses.dataclass(frozen=True)
class KaldiFbank(Feature):
    """Kaldi's log-mel energies with their deltas, on samples scaled to [-1, 1].

    Attributes:
        n_mels: number of filters.
        delta_order: how many orders of deltas follow the energies; 0 for none.
        window: length of a frame in seconds.
        hop: distance between frames in seconds.

    >>> KaldiFbank(delta_order=2)(np.zeros(16000, np.float32), 16000).shape
    (98, 240)
    """

    version: ClassVar[int] = 1
    n_mels: int = 80
    delta_order: int = 0
    window: float = 0.025
    hop: float = 0.010

    @property
    def names(self) -> tuple[str, ...]:
        """Filters are numbered from 1; deltas follow with a suffix."""
        base = [f"fbank_{index}" for index in range(1, self.n_mels + 1)]
        suffixes = ["", *(f"_delta{order}" for order in range(1, self.delta_order + 1))]
        return tuple(name + suffix for suffix in suffixes for name in base)

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Extract energies and deltas, shape `(frames, n_mels * (1 + delta_order))`."""
        parts = [kaldi_fbank(signal, sampling_rate, self.n_mels, self.window, self.hop)]
        for _ in range(self.delta_order):
            parts.append(regression_deltas(parts[-1]))
        return np.concatenate(parts, axis=1)


@dataclasses.dataclass(frozen=True)
class SpectralMeans(Feature):
    """Means over time of MFCC, chroma, mel power, contrast and tonnetz (Issa et al. 2020).

    One transform serves all five. The first four are those of the extraction snippet that the
    paper's features come from, as librosa computes them: chroma of magnitudes, the recording's
    tuning being estimated. Unlike there, the tonnetz is made from the same chroma, not from a
    constant-Q chroma of the harmonic part.

    Attributes:
        n_mfcc: number of coefficients.
        n_mels: number of mel filters.
        n_fft: length of the transform in samples.
        hop_length: distance between frames in samples.

    >>> SpectralMeans()(np.zeros(16000, np.float32), 16000).shape
    (1, 193)
    """

    version: ClassVar[int] = 2
    n_mfcc: int = 40
    n_mels: int = 128
    n_fft: int = 2048
    hop_length: int = 512

    @property
    def names(self) -> tuple[str, ...]:
        """MFCC, chroma, mel, contrast and tonnetz, in this order."""
        groups = {"chroma": 12, "mel": self.n_mels, "contrast": 7, "tonnetz": 6}
        return (
            *(f"mfcc_{index}" for index in range(self.n_mfcc)),
            *(f"{name}_{i}" for name, size in groups.items() for i in range(1, size + 1)),
        )

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the means, shape `(1, n_mfcc + 12 + n_mels + 7 + 6)`.

        Raises:
            SignalFormatError: at a rate below 12.9 kHz, which has no room for the contrast's bands.
        """
        spectrum = Spectrum.of(signal, sampling_rate, Framing(self.n_fft, self.hop_length))
        mel = mel_bank(sampling_rate, self.n_fft, self.n_mels)(spectrum.power)
        cepstrum = power_to_db(mel) @ dct_matrix(self.n_mels, self.n_mfcc).astype(np.float32)
        pitch_classes = chroma(spectrum)
        parts = (cepstrum, pitch_classes, mel, spectral_contrast(spectrum), tonnetz(pitch_classes))
        means = [part.mean(axis=0, dtype=np.float64) for part in parts]
        return np.concatenate(means).astype(np.float32)[None]

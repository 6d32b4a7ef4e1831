"""Log-mel energies the way two families of pre-trained encoders were trained on them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features.spectral._mel import (
    FilterBank,
    filtered_power,
    mel_bank,
    mel_spectrogram,
    triangles,
)
from serenade.features.spectral._stft import (
    Framing,
    as_signal,
    frame_sums,
    frames,
    window_function,
    windowed_spectra,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WHISPER_RATE = 16000
WHISPER_FRAMING = Framing(n_fft=400, hop_length=160, pad_mode="reflect")
"""Frames of Whisper's transform."""

PREEMPHASIS = np.float32(0.97)
"""Of Kaldi: how much of the sample before is taken away from each."""

_FLOOR = np.finfo(np.float32).eps


def log_mel_whisper(signal: NDArray[Any], n_mels: int = 80) -> NDArray[np.float32]:
    """Compute Whisper's input (Radford et al. 2023), without its padding to 30 s.

    Args:
        signal: mono samples at 16 kHz, shape `(samples,)`.
        n_mels: 80, or 128 for the large-v3 models.

    Returns:
        Shape `(samples // 160, n_mels)`, float32: log10 mel power, clamped to 8 below its maximum,
        then (x + 4) / 4.

    >>> float(log_mel_whisper(np.zeros(1600, np.float32)).max())
    -1.5
    """
    bank = mel_bank(_WHISPER_RATE, WHISPER_FRAMING.n_fft, n_mels, fmax=8000.0)
    level = mel_spectrogram(signal, WHISPER_FRAMING, bank)[
        : signal.size // WHISPER_FRAMING.hop_length
    ]
    np.log(np.maximum(level, np.float32(1e-10), out=level), out=level)
    level *= np.float32(1 / np.log(10))
    np.maximum(level, level.max(initial=-10.0) - np.float32(8), out=level)
    level += np.float32(4)
    level *= np.float32(0.25)
    return level


def kaldi_mel(frequency: NDArray[Any] | float) -> NDArray[np.float64]:
    """Convert Hz to Kaldi's mel scale, 1127 ln(1 + f / 700)."""
    return np.asarray(1127.0 * np.log1p(np.asarray(frequency, dtype=np.float64) / 700.0))


@functools.lru_cache(maxsize=16)
def kaldi_bank(
    sampling_rate: int, n_fft: int, n_mels: int, fmin: float = 20.0, fmax: float | None = None
) -> FilterBank:
    """Compute Kaldi's filters: triangles on the mel axis."""
    edges = kaldi_mel(np.array([fmin, sampling_rate / 2 if fmax is None else fmax]))
    bins = kaldi_mel(np.arange(n_fft // 2) * (sampling_rate / n_fft))
    weights = np.zeros((n_mels, n_fft // 2 + 1), dtype=np.float32)
    weights[:, :-1] = triangles(bins, np.linspace(edges[0], edges[1], n_mels + 2))
    return FilterBank(weights)


def kaldi_fbank(
    signal: NDArray[Any],
    sampling_rate: int,
    n_mels: int = 80,
    window_seconds: float = 0.025,
    hop_seconds: float = 0.010,
) -> NDArray[np.float32]:
    """Compute Kaldi's log-mel filter-bank energies (`compute-fbank-feats` without dither).

    Each frame has its mean removed, is pre-emphasised by 0.97 and shaped by the Povey window;
    only whole frames count; the transform's length is the next power of two; natural logarithm of
    the power, floored at float32's epsilon.

    Args:
        signal: mono samples, shape `(samples,)`. Kaldi's own scale is 16-bit integers: multiply by
            32768 to have its values; scaled to [-1, 1] they are about 20.8 lower.
        sampling_rate: in Hz.
        n_mels: number of filters from 20 Hz to half the rate.
        window_seconds: length of a frame.
        hop_seconds: distance between frames.

    Returns:
        Shape `(frames, n_mels)`, float32.

    Raises:
        TooShortError: shorter than one frame.
    """
    samples = as_signal(signal)
    length, hop = int(sampling_rate * window_seconds), int(sampling_rate * hop_seconds)
    n_fft = 1 << (length - 1).bit_length()
    # Pre-emphasis and mean removal commute: emphasising the signal once leaves 0.03 of each
    # frame's mean to subtract. A frame's first sample would differ, but its window is zero there.
    emphasised = np.empty_like(samples)
    emphasised[0] = samples[0]
    np.multiply(samples[:-1], -PREEMPHASIS, out=emphasised[1:])
    emphasised[1:] += samples[1:]
    offset = (frame_sums(samples, length, hop) * ((1 - PREEMPHASIS) / length)).astype(np.float32)
    bank = kaldi_bank(sampling_rate, n_fft, n_mels)
    rows = frames(emphasised, length, hop)
    spectra = windowed_spectra(rows, window_function("povey", length), n_fft, offset)
    level = filtered_power(spectra, len(rows), bank)
    return np.log(np.maximum(level, _FLOOR, out=level), out=level)

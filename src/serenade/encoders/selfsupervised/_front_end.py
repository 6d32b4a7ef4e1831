"""Input of the encoders: log-mel energies of an utterance, standardised by its own statistics.

Three recipes are in use, and a checkpoint works with its own only: Kaldi's filter banks with the
Povey window (TERA's later checkpoints, with two orders of deltas), the same with a Hamming window
(NPC), and a centred mel spectrogram at a fixed level (TERA's and AALBERT's earlier checkpoints).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

import numpy as np

from serenade.errors import SignalFormatError
from serenade.features import (
    Feature,
    Framing,
    as_signal,
    filtered_power,
    frames,
    kaldi_bank,
    kaldi_fbank,
    mel_bank,
    mel_spectrogram,
    regression_deltas,
    windowed_spectra,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRONT_END_RATE = 16000
FRONT_END_HOP = 160
"""Samples from one frame to the next: 10 ms."""

_WINDOW = 400  # 25 ms
_FFT = 512
_FBANK_FLOOR = np.finfo(np.float32).eps
_MEL_FLOOR = np.float32(1e-10)
_CENTRED = Framing(n_fft=_WINDOW, hop_length=FRONT_END_HOP, pad_mode="reflect")


@dataclasses.dataclass(frozen=True)
class FrontEnd(Feature):
    """Log-mel energies every 10 ms from windows of 25 ms, of a signal at 16 kHz.

    Attributes:
        kind: `fbank`, Kaldi's filter banks on samples in [-1, 1], whole frames only; or `mel`,
            HTK's filters over a centred transform with a Hann window.
        n_mels: number of filters.
        deltas: how many orders of slopes over five frames follow.
        window: of `fbank`.
        level: the signal's root mean square is set to this many dB of full scale; None leaves it.
        cmvn: whether each column is brought to mean 0 and deviation 1 over the utterance.

    >>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    >>> FrontEnd()(noise, 16000).shape, FrontEnd(kind="mel", deltas=2)(noise, 16000).shape
    ((98, 80), (101, 240))
    """

    kind: Literal["fbank", "mel"] = "fbank"
    n_mels: int = 80
    deltas: int = 0
    window: Literal["povey", "hamming"] = "povey"
    level: float | None = None
    cmvn: bool = True

    @property
    def dims(self) -> int:
        """Number of columns."""
        return self.n_mels * (1 + self.deltas)

    @property
    def names(self) -> tuple[str, ...]:
        """Filters are numbered from 1; slopes follow with a suffix."""
        suffixes = ["", *(f"_delta{order}" for order in range(1, self.deltas + 1))]
        return tuple(
            f"{self.kind}_{i}{suffix}" for suffix in suffixes for i in range(1, self.n_mels + 1)
        )

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Energies, shape `(frames, dims)`.

        Raises:
            SignalFormatError: not a mono signal at 16 kHz.
            TooShortError: `fbank` of less than one window.
        """
        if sampling_rate != FRONT_END_RATE:
            raise SignalFormatError(
                "signal",
                f"self-supervised encoders take {FRONT_END_RATE} Hz, not {sampling_rate}",
                "read it at that rate",
            )
        samples = as_signal(signal)
        if self.level is not None:
            samples = set_level(samples, self.level)
        parts = [self._compute_energies(samples)]
        for _ in range(self.deltas):
            parts.append(regression_deltas(parts[-1]))
        matrix = np.concatenate(parts, axis=1)
        return standardise(matrix) if self.cmvn else matrix

    def _compute_energies(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.kind == "mel":
            bank = mel_bank(FRONT_END_RATE, _WINDOW, self.n_mels, scale="htk", norm=None)
            power = mel_spectrogram(signal, _CENTRED, bank)
            power += _MEL_FLOOR
            return np.log(power, out=power)
        if self.window == "povey":
            return kaldi_fbank(signal, FRONT_END_RATE, self.n_mels)
        return hamming_fbank(signal, self.n_mels)


def hamming_fbank(signal: NDArray[np.float32], n_mels: int = 80) -> NDArray[np.float32]:
    """Kaldi's log-mel energies with a symmetric Hamming window, without dither.

    Unlike the Povey window it is not zero at its ends, so every frame is pre-emphasised by itself,
    its first sample against itself.

    Args:
        signal: mono samples at 16 kHz, shape `(samples,)`.
        n_mels: number of filters from 20 Hz to 8 kHz.

    Returns:
        Shape `(frames, n_mels)`, float32.

    Raises:
        TooShortError: less than 400 samples.
    """
    rows = frames(signal, _WINDOW, FRONT_END_HOP)
    level = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    level[:, 1:] -= np.float32(0.97) * level[:, :-1]
    level[:, 0] *= np.float32(1 - 0.97)
    window = np.hamming(_WINDOW).astype(np.float32)
    bank = kaldi_bank(FRONT_END_RATE, _FFT, n_mels)
    power = filtered_power(windowed_spectra(level, window, _FFT), len(rows), bank)
    return np.log(np.maximum(power, _FBANK_FLOOR, out=power), out=power)


def set_level(signal: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Scale a signal to a root mean square in dB of full scale; silence stays silent.

    >>> set_level(np.full(2, 0.5, np.float32), -20.0)
    array([0.1, 0.1], dtype=float32)
    """
    rms = float(np.sqrt(np.mean(signal.astype(np.float64) ** 2)))
    factor = np.float32(10 ** (level / 20) / (rms + 1e-10))
    scaled: NDArray[np.float32] = signal * factor
    return scaled


def standardise(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Columns at mean 0 and (unbiased) deviation 1; one that does not vary becomes 0.

    >>> standardise(np.array([[1, 5], [2, 5], [3, 5]], np.float32))
    array([[-1.,  0.],
           [ 0.,  0.],
           [ 1.,  0.]], dtype=float32)
    """
    if len(matrix) < 2:
        return np.zeros_like(matrix)
    # In double precision the mean of equal numbers is that number, and the difference zero.
    offset = matrix - matrix.mean(axis=0, dtype=np.float64)
    deviation = np.sqrt((offset**2).sum(axis=0) / (len(matrix) - 1))
    standard: NDArray[np.float32] = (offset / (deviation + 1e-10)).astype(np.float32)
    return standard

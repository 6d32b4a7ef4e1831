"""Mel-frequency cepstral coefficients (Davis & Mermelstein 1980), values equal to librosa's."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features.spectral._mel import mel_spectrogram, power_to_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.features.spectral._mel import FilterBank
    from serenade.features.spectral._stft import Framing


@functools.lru_cache(maxsize=32)
def dct_matrix(n_inputs: int, n_outputs: int, lifter: float = 0.0) -> NDArray[np.float64]:
    """Compute an orthonormal DCT-II with sinusoidal liftering; multiply rows by it.

    Args:
        n_inputs: length of the rows.
        n_outputs: how many of the first coefficients to keep.
        lifter: L of the factor 1 + L/2 sin(π (n + 1) / L) for coefficient n; 0 for none.

    Returns:
        Shape `(n_inputs, n_outputs)`, read-only.

    Raises:
        ValueError: more outputs than inputs, or a negative lifter.

    >>> dct_matrix(2, 2).round(3)
    array([[ 0.707,  0.707],
           [ 0.707, -0.707]])
    """
    if not 1 <= n_outputs <= n_inputs or lifter < 0:
        raise ValueError(
            f"need 1 <= n_outputs <= n_inputs and lifter >= 0, got {n_outputs}, {n_inputs}"
        )
    order = np.arange(n_outputs)
    points = np.arange(n_inputs)[:, None] + 0.5
    matrix: NDArray[np.float64] = np.sqrt(2.0 / n_inputs) * np.cos(
        np.pi / n_inputs * points * order
    )
    matrix[:, 0] /= np.sqrt(2.0)
    if lifter > 0:
        matrix *= 1.0 + lifter / 2.0 * np.sin(np.pi * (order + 1) / lifter)
    matrix.flags.writeable = False
    return matrix


def mfcc(
    signal: NDArray[Any],
    framing: Framing,
    bank: FilterBank,
    n_mfcc: int = 20,
    *,
    lifter: float = 0.0,
    top_db: float | None = 80.0,
) -> NDArray[np.float32]:
    """Compute MFCC: the DCT of the mel power in decibels.

    Args:
        signal: mono samples, shape `(samples,)`.
        framing: windows and transform.
        bank: mel filters over `framing.bins` bins.
        n_mfcc: number of coefficients, the zeroth included.
        lifter: see `dct_matrix`.
        top_db: dynamic range of the decibels, see `power_to_db`.

    Returns:
        Shape `(frames, n_mfcc)`, float32.

    Raises:
        SignalFormatError: the signal is not one-dimensional and real.
        TooShortError: not centred and shorter than `n_fft`.
    """
    level = power_to_db(mel_spectrogram(signal, framing, bank), top_db=top_db)
    return level @ dct_matrix(level.shape[1], n_mfcc, lifter).astype(np.float32)

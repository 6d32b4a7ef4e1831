"""Mel-frequency cepstral coefficients (Davis & Mermelstein 1980), and slopes of features over time.

Values equal librosa's.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.errors import TooShortError
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


def _slide(padded: NDArray[np.float32], kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    """Correlate each column with a kernel, where they overlap wholly."""
    count = len(padded) - len(kernel) + 1
    result = np.zeros((count, *padded.shape[1:]), dtype=np.float32)
    for position, weight in enumerate(kernel.astype(np.float32)):
        if weight:
            result += weight * padded[position : position + count]
    return result


def deltas(features: NDArray[np.float32], width: int = 9, order: int = 1) -> NDArray[np.float32]:
    """Compute the derivative of a polynomial fitted around each frame (Savitzky & Golay 1964).

    A polynomial of degree `order` is fitted to `width` frames and derived `order` times, so its
    derivative is one constant; the first and last `width // 2` frames take that of the nearest
    whole fit. Equal to librosa's `delta` with its default `mode="interp"`.

    Args:
        features: shape `(frames, dims)`.
        width: odd, at least 3, more than `order`.
        order: which derivative, per frame^order.

    Returns:
        Shape `(frames, dims)`, float32.

    Raises:
        TooShortError: fewer than `width` frames.
        ValueError: an impossible width or order.

    >>> deltas(np.arange(12, dtype=np.float32)[:, None] * 2, width=5)[:, 0].round(4)
    array([2., 2., 2., 2., 2., 2., 2., 2., 2., 2., 2., 2.], dtype=float32)
    """
    if width < 3 or width % 2 == 0 or not 1 <= order < width:
        raise ValueError(
            f"width must be odd and at least 3, 1 <= order < width: got {width} and {order}"
        )
    if len(features) < width:
        raise TooShortError(
            f"features of {len(features)} frames",
            f"fewer than the {width} that a slope is fitted to",
            "use a smaller width or `regression_deltas`",
        )
    half = width // 2
    # Row `order` of the pseudo-inverse finds that coefficient; deriving multiplies by order!.
    powers = np.vander(np.arange(-half, half + 1), order + 1, increasing=True)
    kernel = np.linalg.pinv(powers)[order] * float(np.prod(np.arange(1, order + 1)))
    inner = _slide(features, kernel)
    return np.concatenate(
        [np.repeat(inner[:1], half, axis=0), inner, np.repeat(inner[-1:], half, axis=0)]
    )


def regression_deltas(
    features: NDArray[np.float32], half_width: int = 2, order: int = 1
) -> NDArray[np.float32]:
    """Compute deltas by regression over frames with repeated ends (HTK Book, eq. 5.16).

    Args:
        features: shape `(frames, dims)`, any number of frames.
        half_width: frames on each side, at least 1.
        order: how many times to derive.

    Returns:
        Shape `(frames, dims)`, float32.

    >>> regression_deltas(np.array([[0.0], [1.0], [2.0]], np.float32), half_width=1)[:, 0]
    array([0.5, 1. , 0.5], dtype=float32)
    """
    steps = np.arange(-half_width, half_width + 1)
    kernel = steps / np.sum(steps**2)
    for _ in range(order):
        padded = np.concatenate(
            [
                np.repeat(features[:1], half_width, axis=0),
                features,
                np.repeat(features[-1:], half_width, axis=0),
            ]
        )
        features = _slide(padded, kernel)
    return features

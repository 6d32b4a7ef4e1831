"""Low-pass filtering and sample dropping, as one product with a banded matrix."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features.spectral import as_signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIDE = 8  # zero crossings of the sinc on each side, in samples of the lower rate
_BLOCK = 16  # outputs per row of the product
_PASS = 0.9  # cut-off as a share of half the lower rate
_KAISER_BETA = 6.0  # about 60 dB of attenuation


@functools.lru_cache(maxsize=16)
def _filter_matrices(factor: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute Toeplitz matrices from two blocks of input to the outputs that start in the first.

    Shape `(_BLOCK * factor, _BLOCK)` each.
    """
    half = _SIDE * factor
    offsets = np.arange(-half, half + 1)
    taps = np.sinc(_PASS * offsets / factor) * np.kaiser(2 * half + 1, _KAISER_BETA)
    taps /= taps.sum()
    matrix = np.zeros((2 * _BLOCK * factor, _BLOCK), dtype=np.float32)
    for column in range(_BLOCK):
        matrix[column * factor : column * factor + taps.size, column] = taps
    return matrix[: _BLOCK * factor], matrix[_BLOCK * factor :]


def decimate(signal: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Filter the signal and keep every `factor`-th sample, without delay.

    The filter is a windowed sinc (Kaiser, linear phase); beyond its ends the signal counts as 0.

    Args:
        signal: mono samples, shape `(samples,)`.
        factor: at least 1; 1 returns the signal itself.

    Returns:
        Shape `(ceil(samples / factor),)`, float32; sample `n` is at input sample
        `n * factor`.

    Raises:
        SignalFormatError: the signal is not one-dimensional and real.
        ValueError: a factor below 1.

    >>> decimate(np.ones(400, np.float32), 4)[20:23].round(3)
    array([1., 1., 1.], dtype=float32)
    """
    if factor < 1:
        raise ValueError(f"factor must be at least 1, got {factor}")
    samples = as_signal(signal)
    if factor == 1:
        return samples
    first, second = _filter_matrices(factor)
    count = -(-samples.size // factor)
    blocks = -(-count // _BLOCK)
    half = _SIDE * factor
    step = _BLOCK * factor
    padded = np.empty((blocks + 1) * step, dtype=np.float32)
    padded[:half] = padded[half + samples.size :] = 0
    padded[half : half + samples.size] = samples
    rows = padded.reshape(-1, step)
    result: NDArray[np.float32] = rows[:-1] @ first
    result += rows[1:] @ second
    return result.ravel()[:count]

"""Descriptors of the waveform: zero crossings, energy, its root mean square and its entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features.spectral._stft import as_signal, frame_sums, frames, pad_ends

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPSILON = float(np.finfo(np.float64).eps)


def zero_crossing_rate(
    signal: NDArray[Any], frame_length: int = 2048, hop_length: int = 512, center: bool = True
) -> NDArray[np.float32]:
    """Compute the share of neighbouring samples whose signs differ; librosa's definition.

    Zero counts as positive, and so does anything within 1e-10 of it.

    Args:
        signal: mono samples, shape `(samples,)`.
        frame_length: in samples.
        hop_length: in samples.
        center: pad by half a frame on both sides, repeating the end samples.

    Returns:
        Shape `(frames,)`, in crossings per sample.

    Raises:
        TooShortError: not centred and shorter than a frame.

    >>> alternating = np.tile(np.array([1, -1], np.float32), 4)
    >>> zero_crossing_rate(alternating, 8, 8, center=False)
    array([0.875], dtype=float32)
    """
    samples = as_signal(signal)
    if center:
        samples = pad_ends(samples, frame_length // 2, "edge")
    frames(samples, frame_length, hop_length)  # raises where there are too few samples
    count = _sign_changes(samples, frame_length, hop_length)
    return np.asarray(count / frame_length, dtype=np.float32)


def _sign_changes(
    samples: NDArray[np.float32], frame_length: int, hop_length: int
) -> NDArray[np.floating[Any]]:
    """Count sign changes between neighbouring samples of each frame, shape `(frames,)`."""
    negative = samples < np.float32(-1e-10)
    changes = np.zeros(samples.shape, dtype=np.float32)
    np.not_equal(negative[1:], negative[:-1], out=changes[1:], casting="unsafe")
    # A change on a frame's first sample is between it and the sample before the frame.
    first = frames(changes, frame_length, hop_length)[:, 0]
    return np.asarray(frame_sums(changes, frame_length, hop_length) - first)


def energy(
    signal: NDArray[Any], frame_length: int = 2048, hop_length: int = 512, center: bool = False
) -> NDArray[np.float32]:
    """Mean of the squared samples of each frame.

    Args:
        signal: mono samples, shape `(samples,)`.
        frame_length: in samples.
        hop_length: in samples.
        center: pad by half a frame of zeros on both sides.

    Returns:
        Shape `(frames,)`.

    Raises:
        TooShortError: not centred and shorter than a frame.

    >>> energy(np.full(8, 0.5, np.float32), 4, 4)
    array([0.25, 0.25], dtype=float32)
    """
    samples = as_signal(signal)
    if center:
        samples = pad_ends(samples, frame_length // 2)
    sums = frame_sums(np.square(samples), frame_length, hop_length)
    return (sums / frame_length).astype(np.float32)


def rms(
    signal: NDArray[Any], frame_length: int = 2048, hop_length: int = 512, center: bool = True
) -> NDArray[np.float32]:
    """Compute the root mean square of each frame, librosa's definition; arguments as for `energy`.

    >>> rms(np.full(8, 0.5, np.float32), 4, 4, center=False)
    array([0.5, 0.5], dtype=float32)
    """
    return np.sqrt(energy(signal, frame_length, hop_length, center))


def sum_stretches(squares: NDArray[Any], n_blocks: int = 10) -> NDArray[np.float64]:
    """Sum each row's `n_blocks` stretches of equal length, and the samples left after them.

    Args:
        squares: shape `(rows, values)`.
        n_blocks: number of stretches.

    Returns:
        Shape `(rows, n_blocks + 1)`.

    >>> sum_stretches(np.ones((1, 7)), n_blocks=3)
    array([[2., 2., 2., 1.]])
    """
    length = squares.shape[1] // n_blocks
    whole = n_blocks * length
    sums = np.zeros((len(squares), n_blocks + 1))
    # A matrix product adds several times faster than `sum` does.
    stretches = squares[:, :whole].reshape(len(squares), n_blocks, length)
    sums[:, :-1] = stretches @ np.ones(length, squares.dtype)
    if whole < squares.shape[1]:
        sums[:, -1] = squares[:, whole:].sum(axis=1)
    return sums


def entropy_of_stretches(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the entropy in bits of how a sum is shared by its stretches.

    Samples left over count towards the total only. Silence has entropy 0.

    Args:
        sums: shape `(..., n_blocks + 1)`.

    Returns:
        Shape `(...)`.

    >>> entropy_of_stretches(np.array([[1.0, 1.0, 1.0, 1.0, 0.0]])).round(6)
    array([2.])
    """
    shares = sums[..., :-1] / (sums.sum(axis=-1, keepdims=True) + EPSILON)
    return np.asarray(-np.sum(shares * np.log2(shares + EPSILON), axis=-1))


def energy_entropy(
    signal: NDArray[Any], frame_length: int, hop_length: int, n_blocks: int = 10
) -> NDArray[np.float32]:
    """Compute the entropy of energy: low where a frame's energy comes in a burst.

    Giannakopoulos & Pikrakis 2014, Introduction to Audio Analysis, section 4.3.

    Args:
        signal: mono samples, shape `(samples,)`.
        frame_length: in samples.
        hop_length: in samples.
        n_blocks: number of stretches of a frame.

    Returns:
        Shape `(frames,)`, in bits, at most log2 of `n_blocks`.

    Raises:
        TooShortError: shorter than a frame.
    """
    rows = frames(np.square(as_signal(signal)), frame_length, hop_length)
    return entropy_of_stretches(sum_stretches(rows, n_blocks)).astype(np.float32)

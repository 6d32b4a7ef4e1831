"""Compute the envelope of a waveform: its lowest and highest samples over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from serenade.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def compute_envelope(blocks: Iterable[NDArray[np.float32]], points: int) -> NDArray[np.float32]:
    """Compute the envelope of a signal of any length in constant memory.

    Args:
        blocks: of the signal, each `(samples,)`.
        points: most columns of the result, at least 2.

    Returns:
        Shape `(2, columns)`: the lowest and the highest sample of stretches of equal length, the
        last one perhaps shorter. `points / 2` columns or more, unless there are fewer samples.

    Raises:
        InputError: there are fewer points.

    >>> compute_envelope([np.array([0.0, 1.0, -1.0], np.float32), np.array([0.5], np.float32)], 3)
    array([[ 0. , -1. ], [ 1. ,  0.5]], dtype=float32)
    """
    if points < 2:
        raise InputError(f"need at least 2 points, got {points}")
    size = 1  # samples of a column; doubled when there are too many columns
    columns = np.zeros((2, 0), dtype=np.float32)
    rest = np.zeros(0, dtype=np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        while rest.size // size + columns.shape[1] > points:
            size *= 2
            odd = columns.shape[1] % 2
            if odd:  # its other half is not read yet
                columns, last = columns[:, :-1], columns[:, -1]
                rest = np.concatenate([_expand_column(last, size // 2), rest])
            columns = _merge_pairs(columns)
        count = rest.size // size
        whole = rest[: count * size].reshape(count, size)
        columns = np.concatenate([columns, [whole.min(axis=1), whole.max(axis=1)]], axis=1)
        rest = rest[count * size :]
    if rest.size:
        columns = np.concatenate([columns, [[rest.min()], [rest.max()]]], axis=1)
    return columns if columns.shape[1] <= points else _merge_pairs(columns)


def _merge_pairs(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Merge pairs of columns; keep a last column without a partner."""
    starts = np.arange(0, columns.shape[1], 2)
    if not starts.size:
        return columns
    low, high = np.minimum.reduceat(columns[0], starts), np.maximum.reduceat(columns[1], starts)
    return np.stack([low, high])


def _expand_column(extremes: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return `size` samples that have the given extremes."""
    stretch = np.full(size, extremes[0], dtype=np.float32)
    stretch[-1] = extremes[1]
    return stretch

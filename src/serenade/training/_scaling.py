"""Scale feature matrices by mean and deviation of training clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from serenade.systems import SMALLEST_DEVIATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from numpy.typing import NDArray

    from serenade.training._clips import Matrices


class Scaler:
    """Scaler that subtracts a mean and divides by a deviation.

    Args:
        mode: `global` takes one of each over all values, `column` one per column, `clip` those of
            each clip itself per column; `none` changes nothing.

    >>> clips = [np.array([[0.0, 5.0], [2.0, 5.0]], np.float32)]
    >>> Scaler("column").fit(clips).transform(clips)[0]
    array([[-1.,  0.], [ 1.,  0.]], dtype=float32)
    """

    def __init__(self, mode: Literal["global", "column", "clip", "none"]) -> None:
        self.mode = mode
        self.mean: NDArray[np.float64] = np.zeros(1)
        self.deviation: NDArray[np.float64] = np.ones(1)

    def fit(self, matrices: Sequence[NDArray[np.float32]]) -> Scaler:
        """Learn mean and deviation over all frames of the clips; one pass, in double precision."""
        if self.mode in {"global", "column"}:
            axis = 0 if self.mode == "column" else None
            count = sum(m.shape[0] if axis == 0 else m.size for m in matrices)
            total = sum(m.sum(axis=axis, dtype=np.float64) for m in matrices)
            self.mean = np.atleast_1d(total / count)
            squares = sum(np.square(m - self.mean).sum(axis=axis) for m in matrices)
            self.deviation = np.maximum(np.atleast_1d(np.sqrt(squares / count)), SMALLEST_DEVIATION)
        return self

    def transform(self, matrices: Sequence[NDArray[np.float32]]) -> Matrices:
        """Return scaled copies, float32."""
        if self.mode == "none":
            return list(matrices)
        if self.mode == "clip":
            return [standardise_columns(matrix) for matrix in matrices]
        return [((m - self.mean) / self.deviation).astype(np.float32) for m in matrices]


def standardise_columns(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract the mean of each column and divide by its deviation."""
    deviation = np.maximum(matrix.std(axis=0), SMALLEST_DEVIATION)
    result: NDArray[np.float32] = ((matrix - matrix.mean(axis=0)) / deviation).astype(np.float32)
    return result


def standardise_speakers(matrices: Matrices, speakers: NDArray[np.str_]) -> Matrices:
    """Subtract each speaker's mean over all their frames, and divide by their deviation.

    Args:
        matrices: features of recordings, each `(frames, dims)`.
        speakers: names, shape `(recordings,)`.
    """
    result = list(matrices)
    for speaker in np.unique(speakers):
        own = np.flatnonzero(speakers == speaker)
        frames = np.concatenate([matrices[row] for row in own])
        mean = frames.mean(axis=0)
        deviation = np.maximum(frames.std(axis=0), SMALLEST_DEVIATION)
        for row in own:
            result[row] = (matrices[row] - mean) / deviation
    return result

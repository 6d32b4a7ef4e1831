"""Scale feature matrices by mean and deviation of training clips."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from serenade.errors import SerenadeError
from serenade.systems import SMALLEST_DEVIATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from numpy.typing import NDArray

    from serenade.training._clips import Matrices

# Axes of a clip's matrix that statistics are taken over, besides all clips.
_AXES: dict[str, tuple[int, ...]] = {"global": (0, 1), "column": (0,), "pixel": ()}


class Scaler:
    """Scaler that subtracts a mean and divides by a deviation.

    Args:
        mode: `global` takes one of each over all values, `column` one per column, `pixel` one per
            frame and column, which needs clips of one length, `clip` those of each clip itself per
            column; `none` changes nothing.

    >>> clips = [np.array([[0.0, 5.0], [2.0, 5.0]], np.float32)]
    >>> Scaler("column").fit(clips).transform(clips)[0]
    array([[-1.,  0.], [ 1.,  0.]], dtype=float32)
    """

    def __init__(self, mode: Literal["global", "column", "pixel", "clip", "none"]) -> None:
        self.mode = mode
        self.mean: NDArray[np.float64] = np.zeros(1)
        self.deviation: NDArray[np.float64] = np.ones(1)

    def fit(self, matrices: Sequence[NDArray[np.float32]]) -> Scaler:
        """Learn mean and deviation over all frames of the clips; one pass, in double precision.

        Raises:
            SerenadeError: `pixel`, and clips differ in length.
        """
        if self.mode in _AXES:
            axes = _AXES[self.mode]
            if not axes:
                self._check_shapes(matrices, matrices[0].shape)
            count = sum(math.prod(m.shape[axis] for axis in axes) for m in matrices)
            total = sum(m.sum(axis=axes, dtype=np.float64) for m in matrices)
            self.mean = np.atleast_1d(total / count)
            squares = sum(np.square(m - self.mean).sum(axis=axes) for m in matrices)
            self.deviation = np.maximum(np.atleast_1d(np.sqrt(squares / count)), SMALLEST_DEVIATION)
        return self

    def transform(self, matrices: Sequence[NDArray[np.float32]]) -> Matrices:
        """Return scaled copies, float32.

        Raises:
            SerenadeError: `pixel`, and a clip is not as long as those of `fit`.
        """
        if self.mode == "none":
            return list(matrices)
        if self.mode == "clip":
            return [standardise_columns(matrix) for matrix in matrices]
        if self.mode == "pixel":
            self._check_shapes(matrices, self.mean.shape)
        return [((m - self.mean) / self.deviation).astype(np.float32) for m in matrices]

    @staticmethod
    def _check_shapes(matrices: Sequence[NDArray[np.float32]], expected: tuple[int, ...]) -> None:
        """Refuse clips that are not images of one size."""
        for matrix in matrices:
            if matrix.shape != expected:
                raise SerenadeError(
                    f'scaling "pixel" needs clips of one length: got a clip of {len(matrix)} '
                    f'frames beside clips of {expected[0]}; use scaling "column"'
                )


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

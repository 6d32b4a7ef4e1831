"""Kernel of the statistics of contours."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from serenade.features.kernels.compiler import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]


@compiled
def higher_moments(centred: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """As `serenade.features.sets._contours._higher_moments`."""
    rows, frames = centred.shape
    third = np.empty(rows, dtype=np.float32)
    fourth = np.empty(rows, dtype=np.float32)
    for row in range(rows):
        line = centred[row]
        gain = np.float32(1) / spread[row]
        skewed = peaked = np.float32(0)
        for i in range(frames):
            score = line[i] * gain
            square = score * score
            skewed += square * score
            peaked += square * square
        third[row] = skewed / np.float32(frames)
        fourth[row] = peaked / np.float32(frames)
    return third, fourth

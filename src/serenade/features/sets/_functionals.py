"""Compute functionals: statistics of contours over an utterance, for all contours at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features.sets._contours import STATISTICS, Contours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Contours are taken in groups of this many values (96 KB), so that every intermediate result
# stays in the first caches and in memory the allocator keeps.
_GROUP_VALUES = 24576

GROUPS = tuple(STATISTICS)
"""Names of the groups of statistics."""


@dataclasses.dataclass(frozen=True)
class Functionals:
    """Statistics of each column of a matrix of low-level descriptors.

    - moments: `mean`, `std` (of the population), `skewness`, `kurtosis` (3 for a normal curve);
    - extremes: `min`, `max`, `range`, `argmin`, `argmax` (0 is the first frame, 1 the last);
    - percentiles: `p01` … `p99`, between values linearly, and the differences of the quartiles
      `iqr_12`, `iqr_23`, `iqr_13`;
    - regression: the line fitted by least squares, its `rise` from first to last frame, its value
      at the first (`onset`), root mean squared error; of the parabola, how far its ends lie above
      its middle once the line is taken off (`bend`), and its error;
    - changes: `mean_abs_step` between frames, the share of steps that rise and that fall, and of
      those that cross the mean;
    - levels: share of frames above 25, 50, 75 and 90% of the range;
    - peaks: local maxima above the mean: their number and their mean distance, both over the
      number of frames, and their mean height above the mean.

    Undefined values (the skewness of a constant, statistics of no frames) are 0, never NaN.

    Attributes:
        groups: which statistics, of `GROUPS`.

    >>> functionals = Functionals(("moments", "levels"))
    >>> ramp = np.arange(5, dtype=np.float32)[:, None]
    >>> values = functionals(ramp)[:, 0].astype(float).round(2).tolist()
    >>> dict(zip(functionals.names, values, strict=True))
    {'mean': 2.0, 'std': 1.41, 'skewness': 0.0, 'kurtosis': 1.7,
     'above_25': 0.6, 'above_50': 0.4, 'above_75': 0.2, 'above_90': 0.2}
    """

    groups: tuple[str, ...] = GROUPS

    def __post_init__(self) -> None:
        if strange := [group for group in self.groups if group not in STATISTICS]:
            raise ValueError(
                f"no statistics called {', '.join(strange)}: choose from {', '.join(GROUPS)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the statistics, in order."""
        return tuple(name for group in self.groups for name in STATISTICS[group][1])

    def column_names(self, descriptors: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the flattened result: `<descriptor>.<statistic>`.

        >>> Functionals(("peaks",)).column_names(["f0"])
        ('f0.peaks', 'f0.peak_distance', 'f0.peak_height')
        """
        return tuple(f"{d}.{name}" for name in self.names for d in descriptors)

    def __call__(self, descriptors: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the statistics of each column.

        Args:
            descriptors: finite values, shape `(frames, dims)`; any number of frames.

        Returns:
            Shape `(len(names), dims)`, float32; all 0 if there are no frames.
        """
        return self.of_rows(np.ascontiguousarray(np.asarray(descriptors).T, dtype=np.float32))

    def of_rows(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the statistics of contours in rows, shape `(dims, frames)`, contiguous."""
        dims, count = rows.shape
        lines = sum(len(STATISTICS[group][1]) for group in self.groups)
        result = np.zeros((lines, dims), dtype=np.float32)
        if count == 0:
            return result
        size = max(1, _GROUP_VALUES // count)
        for start in range(0, dims, size):
            some = slice(start, start + size)
            contours = Contours(rows[some])
            line = 0
            for group in self.groups:
                for values in STATISTICS[group][0](contours):
                    result[line, some] = values
                    line += 1
        return result

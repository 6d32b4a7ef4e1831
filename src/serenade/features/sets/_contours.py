"""Statistics of contours: each function takes many at once and returns one array per statistic."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rows: TypeAlias = NDArray[np.float32]

# A contour that varies by less than this share of its size is constant: float32 knows no better.
_CONSTANT = 1e-6

_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
_LEVELS = (25, 50, 75, 90)


@dataclasses.dataclass(eq=False)
class Contours:
    """Contours in rows, shape `(contours, frames)`, with what several statistics share."""

    rows: Rows

    @property
    def count(self) -> int:
        """Number of frames."""
        return int(self.rows.shape[1])

    @functools.cached_property
    def mean(self) -> Rows:
        """Of each row."""
        return self.mean_of(self.rows)

    @functools.cached_property
    def centred(self) -> Rows:
        """Rows less their means."""
        return self.rows - self.mean[:, None]

    @functools.cached_property
    def variance(self) -> Rows:
        """0 where a row is constant to float32's precision."""
        variance = self.mean_product(self.centred, self.centred)
        variance[variance <= np.square(self.mean * np.float32(_CONSTANT))] = 0
        return variance

    @functools.cached_property
    def deviation(self) -> Rows:
        """Standard deviation of the population."""
        return np.sqrt(self.variance)

    @functools.cached_property
    def ordered(self) -> Rows:
        """Rows sorted."""
        return np.sort(self.rows, axis=1)

    @functools.cached_property
    def range(self) -> Rows:
        """Maximum less minimum."""
        return self.ordered[:, -1] - self.ordered[:, 0]

    @functools.cached_property
    def steps(self) -> Rows:
        """From each frame to the next; a contour of one frame has one step of 0."""
        if self.count == 1:
            return np.zeros_like(self.rows)
        return self.rows[:, 1:] - self.rows[:, :-1]

    def mean_of(self, values: Rows) -> Rows:
        """Mean of each row."""
        result: Rows = np.add.reduce(values, axis=1) / np.float32(values.shape[1])
        return result

    def mean_product(self, left: NDArray[Any], right: NDArray[Any]) -> Rows:
        """Mean of the product of two arrays, row by row."""
        result: Rows = np.einsum("ij,ij->i", left, right) / np.float32(self.count)
        return result


def _divide(above: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    """Divide; the quotient is 0 where the divisor is 0."""
    nothing = below == 0
    result: NDArray[Any] = np.where(nothing, 0, above / np.where(nothing, 1, below))
    return result


def _count(mask: NDArray[np.bool_]) -> Rows:
    """Count the True values of each row by a matrix product, which is faster than a sum."""
    return mask.astype(np.float32) @ np.ones(mask.shape[1], dtype=np.float32)


def _moments(contours: Contours) -> list[Rows]:
    spread = np.where(contours.variance > 0, contours.deviation, np.float32(np.inf))
    return [contours.mean, contours.deviation, *_higher_moments(contours.centred, spread)]


def _higher_moments(centred: Rows, spread: Rows) -> tuple[Rows, Rows]:
    """Compute the mean third and fourth power of each standardised row."""
    score = centred / spread[:, None]
    square = score * score
    frames = np.float32(centred.shape[1])
    return (
        np.einsum("ij,ij->i", square, score) / frames,
        np.einsum("ij,ij->i", square, square) / frames,
    )


def _extremes(contours: Contours) -> list[Rows]:
    last = np.float32(max(contours.count - 1, 1))
    return [
        contours.ordered[:, 0],
        contours.ordered[:, -1],
        contours.range,
        contours.rows.argmin(axis=1) / last,
        contours.rows.argmax(axis=1) / last,
    ]


@functools.lru_cache(maxsize=256)
def _places(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Rows]:
    """Find the frames around each percentile of sorted contours, and the weight between."""
    place = np.array(_PERCENTILES) / 100 * (count - 1)
    below = place.astype(np.intp)
    return below, np.minimum(below + 1, count - 1), (place - below).astype(np.float32)


def _percentiles(contours: Contours) -> list[Rows]:
    below, above, share = _places(contours.count)
    low = contours.ordered[:, below]
    values = (low + share * (contours.ordered[:, above] - low)).T
    q1, q2, q3 = values[2:5]
    return [*values, q2 - q1, q3 - q2, q3 - q1]


@functools.lru_cache(maxsize=256)
def _polynomials(count: int) -> tuple[Rows, Rows]:
    """Compute orthogonal polynomials of degree 1 and 2 over time: projections and mean squares.

    Multiplied by the first, shape `(count, 2)`, contours give the coefficients; a coefficient's
    square times the second, shape `(2,)`, is the variance it explains.
    """
    time = np.arange(count) - (count - 1) / 2
    line = (count * count - 1) / 12  # its mean square, in closed form
    curve = time * time - line
    curved = line * (count * count - 4) / 15
    projection = np.stack([time / max(count * line, 1), curve / max(count * curved, 1)], axis=1)
    return projection.astype(np.float32), np.array([line, max(curved, 0)], dtype=np.float32)


def _regression(contours: Contours) -> list[Rows]:
    projection, size = _polynomials(contours.count)
    slope, bow = (contours.centred @ projection).T
    line = np.maximum(contours.variance - slope * slope * size[0], 0)
    parabola = np.maximum(line - bow * bow * size[1], 0)
    frames = contours.count - 1
    rise = slope * np.float32(frames)
    return [
        rise,
        contours.mean - rise / 2,
        np.sqrt(line),
        bow * np.float32(frames**2 / 4),
        np.sqrt(parabola),
    ]


def _changes(contours: Contours) -> list[Rows]:
    size = contours.mean_of(np.abs(contours.steps))
    above = contours.centred > 0
    crossings = _count(above[:, 1:] != above[:, :-1])
    steps = np.float32(contours.steps.shape[1])
    return [
        size,
        _count(contours.steps > 0) / steps,
        _count(contours.steps < 0) / steps,
        crossings / steps,
    ]


def _levels(contours: Contours) -> list[Rows]:
    low = contours.ordered[:, 0]
    return [
        _count(contours.rows > (low + share * contours.range)[:, None]) / np.float32(contours.count)
        for share in np.array(_LEVELS, dtype=np.float32) / 100
    ]


def _peaks(contours: Contours) -> list[Rows]:
    up = contours.steps > 0
    peak = np.zeros(contours.rows.shape, dtype=bool)
    if contours.count > 2:
        np.logical_and(up[:, :-1], ~up[:, 1:], out=peak[:, 1:-1])
        peak &= contours.centred > 0
    number = _count(peak)
    first = peak.argmax(axis=1)
    last = contours.count - 1 - peak[:, ::-1].argmax(axis=1)
    frames = np.float32(contours.count)
    distance = _divide(np.where(number > 1, last - first, 0), number - 1)
    height = _divide(np.einsum("ij,ij->i", contours.centred, peak), number)
    return [number / frames, distance / frames, height]


STATISTICS: dict[str, tuple[Callable[[Contours], list[Rows]], tuple[str, ...]]] = {
    "moments": (_moments, ("mean", "std", "skewness", "kurtosis")),
    "extremes": (_extremes, ("min", "max", "range", "argmin", "argmax")),
    "percentiles": (
        _percentiles,
        (*(f"p{p:02d}" for p in _PERCENTILES), "iqr_12", "iqr_23", "iqr_13"),
    ),
    "regression": (_regression, ("rise", "onset", "line_error", "bend", "parabola_error")),
    "changes": (_changes, ("mean_abs_step", "rising", "falling", "mean_crossings")),
    "levels": (_levels, tuple(f"above_{level}" for level in _LEVELS)),
    "peaks": (_peaks, ("peaks", "peak_distance", "peak_height")),
}
"""By group: the function, and the names of what it returns, in order."""

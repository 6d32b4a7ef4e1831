"""Compute the voice source: Liljencrants-Fant pulses with the shape parameter Rd of Fant."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RD = (0.35, 2.7)
"""Range of Rd: pressed to breathy."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """Parameters of pulses in periods: arrays of one shape, one pulse each.

    Args:
        rd: Fant's Rd.
        opening: angular frequency of the open phase's sine.
        growth: of its exponential.
        closure: when the vocal folds close; the derivative is -1 there.
        fall: of the return phase's exponential.
    """

    rd: NDArray[np.float64]
    opening: NDArray[np.float64]
    growth: NDArray[np.float64]
    closure: NDArray[np.float64]
    fall: NDArray[np.float64]

    def at(self, rd: NDArray[np.float64]) -> Shape:
        """Interpolate between the shapes, each pulse's by its Rd."""
        columns = (self.opening, self.growth, self.closure, self.fall)
        return Shape(rd, *(np.interp(rd, self.rd, column) for column in columns))


@cache
def shapes() -> Shape:
    """Return pulse shapes over the range of Rd.

    The timing from Rd is the regression of Fant (1995), "The LF-model revisited", STL-QPSR
    36(2-3); the two constants, which close the return phase and bring the flow back to zero,
    are those of Fant, Liljencrants and Lin (1985), "A four-parameter model of glottal flow",
    STL-QPSR 26(4).
    """
    rd = np.linspace(*RD, 600)  # so close that pulses between two shapes close as well
    ra, rk = (4.8 * rd - 1) / 100, (22.4 + 11.8 * rd) / 100
    rg = rk / (4 * (0.11 * rd / (0.5 + 1.2 * rk) - ra))
    peak = 1 / (2 * rg)
    closure = peak * (1 + rk)
    opening, rest = np.pi / peak, 1 - closure
    fall = 1 / ra
    for _ in range(60):  # a contraction: fall * ra = 1 - exp(-fall * rest)
        fall = -np.expm1(-fall * rest) / ra
    tail = np.exp(-fall * rest)
    returned = (-np.expm1(-fall * rest) / fall - rest * tail) / (fall * ra)

    def opened(growth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Integrate the flow until the closure: exp(a t) sin(w t)."""
        sine, cosine = np.sin(opening * closure), np.cos(opening * closure)
        area = growth * sine - opening * cosine + opening * np.exp(-growth * closure)
        flow: NDArray[np.float64] = -area / sine / (growth**2 + opening**2)
        return flow

    low, high = np.full_like(rd, -20.0), np.full_like(rd, 60.0)
    for _ in range(60):  # bisection: the flow falls as the pulse grows steeper
        middle = (low + high) / 2
        too_much = opened(middle) > returned
        low, high = np.where(too_much, middle, low), np.where(too_much, high, middle)
    return Shape(rd, opening, (low + high) / 2, closure, fall)


def pulses(
    phase: NDArray[np.float64], rd: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the derivative of the glottal flow, one LF pulse per period.

    Args:
        phase: periods since the start, not decreasing, shape `(samples,)`.
        rd: Fant's Rd of every period, shape `(periods,)`; clipped to `RD`.

    Returns:
        The derivative, -1 at every closure, and how far the glottis is open (0 to 1), both of
        shape `(samples,)`.
    """
    shape = shapes().at(np.clip(rd, *RD))
    period = phase.astype(np.int64)
    time = phase - period
    opening, growth, closure, fall = (
        column[period] for column in (shape.opening, shape.growth, shape.closure, shape.fall)
    )
    before = np.minimum(time, closure)
    after = np.maximum(time - closure, 0.0)
    scale = -1 / np.sin(opening * closure)
    rising = scale * np.exp(growth * (before - closure)) * np.sin(opening * before)
    tail = np.exp(-fall * (1 - closure))
    falling = -(np.exp(-fall * after) - tail) / (1 - tail)
    is_open = time < closure
    openness = np.where(is_open, np.sin(np.pi * before / closure), 0.0) ** 2
    return np.where(is_open, rising, falling), openness

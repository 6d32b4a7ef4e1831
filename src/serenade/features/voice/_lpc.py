"""Linear prediction of many frames at once: filters, and the roots that make resonances."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.special

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GRID = 64  # points per half circle on which valleys are searched
_RADIUS = 0.93  # of that circle: near the roots of formants, so that neighbours stay apart
_TAYLOR = 5  # coefficients of the expansion around a valley
CLOSE = 1e-5  # magnitude below which a point is taken for a root
_SAME = 1e-3  # radians between two findings of one root


def levinson(autocorrelation: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute the linear prediction of every frame at once (Levinson-Durbin recursion).

    Args:
        autocorrelation: lags 0 to p in columns, shape `(frames, p + 1)`, lag 0 positive.

    Returns:
        Coefficients 1, a_1 … a_p of the prediction error filter, shape `(frames, p + 1)`, and
        the error's power, shape `(frames,)`; of the input's type.

    >>> coefficients, error = levinson(np.array([[1.0, 0.5, 0.25]]))
    >>> coefficients, error
    (array([[ 1. , -0.5,  0. ]]), array([0.75]))
    """
    lags = np.ascontiguousarray(autocorrelation.T)
    filters = np.zeros_like(lags)
    filters[0] = 1
    error = lags[0].copy()
    for order in range(1, len(lags)):
        past = filters[:order]
        missed = np.einsum("ij,ij->j", past, lags[order:0:-1])
        reflection = missed / error
        filters[1 : order + 1] -= reflection * past[::-1]
        error -= reflection * missed
    return filters.T, error


def find_prediction_roots(
    coefficients: NDArray[np.float32],
) -> tuple[NDArray[np.intp], NDArray[np.complex64]]:
    """Find the roots of prediction error filters that make a peak in the spectrum.

    A root lies near each valley of the polynomial's magnitude on a circle. From the valley's point
    on, the Taylor coefficients of the polynomial's reciprocal are c_0, c_1 …, and their ratio
    c_(n-1) / c_n tends to the way to the nearest root (König 1884; Householder 1970, section 4.4):
    with `_TAYLOR` of them it is found without iterating.

    Args:
        coefficients: 1, a_1 … a_p, shape `(frames, p + 1)`.

    Returns:
        The frame of each root, ascending, and the root, by ascending angle within a frame; both
        `(roots,)`. Only roots above the real axis and inside the unit circle; wide resonances
        (radius below about 0.8) may be missing.

    >>> pair = 0.95 * np.exp(0.5j)
    >>> filters = np.array([[1.0, -2 * pair.real, abs(pair) ** 2, 0.0, 0.0]], np.float32)
    >>> frame, root = find_prediction_roots(filters)
    >>> frame, np.abs(root).round(4), np.angle(root).round(4)
    (array([0]), array([0.95], dtype=float32), array([0.5], dtype=float32))
    """
    frame, root = _valley_roots(coefficients @ _circle(coefficients.shape[1] - 1), _grid_points())
    angle = np.angle(root)
    place = (angle + np.pi * frame).argsort()  # by frame, then by angle
    frame, root, angle = frame[place], root[place], angle[place]
    # Two valleys can lead to one root: it counts once.
    new = np.ones(len(root), dtype=bool)
    new[1:] = (frame[1:] != frame[:-1]) | (angle[1:] - angle[:-1] > _SAME)
    return frame[new], root[new]


def _valley_roots(
    parts: NDArray[np.float32], grid: NDArray[np.complex64]
) -> tuple[NDArray[np.intp], NDArray[np.complex64]]:
    """Find frame and root of each valley over the grid whose root lies in the upper half circle.

    Args:
        parts: Taylor coefficients, shape `(frames, (_TAYLOR + 1) * 2 * len(grid))`; see `_circle`.
        grid: points they belong to.
    """
    points = len(grid)
    level = np.square(parts[:, 0 : 2 * points : 2])
    level += np.square(parts[:, 1 : 2 * points : 2])
    inner = level[:, 1:-1]
    frame, point = np.nonzero((inner < level[:, :-2]) & (inner <= level[:, 2:]))
    point += 1
    terms = parts.view(np.complex64).reshape(len(parts), _TAYLOR + 1, points)
    taylor = terms[frame, :, point].T
    root = grid[point] + _way_to_root(taylor)
    good = (root.imag > 0) & (np.abs(root) < 1)
    return frame[good], root[good]


def _way_to_root(taylor: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Step to a root from points with these Taylor coefficients, `(_TAYLOR + 1, n)`."""
    value = taylor[0]
    # At a root the reciprocal does not exist: move points closer to it than float32 resolves.
    value = np.where(np.abs(value) > CLOSE, value, np.complex64(CLOSE))
    ratios = taylor[1:] / -value
    reciprocal = [ratios[0]]  # c_1 on; c_0 is 1
    for order in range(1, _TAYLOR):
        total = ratios[order].copy()
        for past, ratio in zip(reciprocal, ratios[order - 1 :: -1], strict=True):
            total += past * ratio
        reciprocal.append(total)
    last = reciprocal[-1]
    return np.asarray(reciprocal[-2] / np.where(last == 0, np.complex64(1), last))


@functools.lru_cache(maxsize=8)
def _circle(order: int) -> NDArray[np.float32]:
    """Compute the matrix from filters to Taylor coefficients at the grid's points.

    The polynomial is z^p + a_1 z^(p-1) + …

    Shape `(order + 1, (_TAYLOR + 1) * _GRID * 2)`: by coefficient, by point, real and imaginary.
    """
    points = _grid_points().astype(np.complex128)
    powers = order - np.arange(order + 1)
    blocks = [
        scipy.special.comb(powers, n)[:, None] * points ** np.maximum(powers - n, 0)[:, None]
        for n in range(_TAYLOR + 1)
    ]
    return np.concatenate(blocks, axis=1).astype(np.complex64).view(np.float32)


@functools.cache
def _grid_points() -> NDArray[np.complex64]:
    """Return points of the upper half of the circle, shape `(_GRID,)`."""
    return np.asarray(_RADIUS * np.exp(1j * np.linspace(0, np.pi, _GRID)), dtype=np.complex64)

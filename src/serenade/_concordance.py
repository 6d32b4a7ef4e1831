"""Agreement of numbers: concordance and correlation of values, divergence of distributions.

The scores are functions of sums over items, so that they can be computed again for any set of
speakers without the items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


def list_moments(reference: ArrayLike, predicted: ArrayLike) -> Array:
    """List the numbers of each item whose sums give the scores of `VALUE_SCORES`.

    Args:
        reference: true values, shape `(items, targets)`.
        predicted: predicted values, of the same shape.

    Returns:
        Shape `(items, targets, 7)`: one, both values, their squares, their product and the size of
        their difference. Values are shifted by the mean of the reference, which changes no score
        and keeps the digits of values far from zero.
    """
    truth, found = np.asarray(reference, np.float64), np.asarray(predicted, np.float64)
    centre = truth.mean(axis=0)
    x, y = truth - centre, found - centre
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(x - y)], axis=-1)


def compute_concordance(reference: ArrayLike, predicted: ArrayLike) -> float:
    """Compute the mean concordance correlation coefficient (CCC; Lin 1989) of the targets.

    Args:
        reference: true values, shape `(items, targets)`.
        predicted: predicted values, of the same shape.

    >>> compute_concordance([[1.0], [2.0], [3.0]], [[1.0], [2.0], [3.0]])
    1.0
    """
    return float(_concordance(list_moments(reference, predicted).sum(axis=0)))


def list_divergences(reference: ArrayLike, predicted: ArrayLike) -> Array:
    """List one, and the Jensen-Shannon divergence of two distributions in bits, for each item.

    Args:
        reference: shares of labels, shape `(items, labels)`; each row adds up to one.
        predicted: shares of the same labels.

    Returns:
        Shape `(items, 2)`; a divergence is between 0, for equal distributions, and 1.

    >>> list_divergences([[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]])
    array([[1., 1.],
           [1., 0.]])
    """
    one, other = np.asarray(reference, np.float64), np.asarray(predicted, np.float64)
    middle = (one + other) / 2

    def compare(shares: Array) -> Array:
        ratio = np.divide(shares, middle, out=np.ones_like(middle), where=shares > 0)
        return np.asarray((shares * np.log2(ratio)).sum(axis=1))

    found = np.clip((compare(one) + compare(other)) / 2, 0.0, 1.0)
    return np.stack([np.ones_like(found), found], axis=1)


def _compute_spread(sums: NDArray[Any]) -> tuple[Array, Array, Array, Array]:
    """Return variances of both values, covariance, and squared difference of means."""
    count = np.maximum(sums[..., 0], 1e-300)
    x, y, squares_x, squares_y, products = (sums[..., place] / count for place in range(1, 6))
    return squares_x - x * x, squares_y - y * y, products - x * y, (x - y) ** 2


def _divide(top: Array, bottom: Array) -> Array:
    """Divide elementwise; 0 where a score is not defined, because values do not vary."""
    defined = bottom > 1e-15
    return np.asarray(np.divide(top, bottom, out=np.zeros_like(top), where=defined))


def _concordance(sums: NDArray[Any]) -> Array:
    of_x, of_y, both, apart = _compute_spread(sums)
    return np.asarray(_divide(2 * both, of_x + of_y + apart).mean(axis=-1))


def _pearson(sums: NDArray[Any]) -> Array:
    of_x, of_y, both, _ = _compute_spread(sums)
    return np.asarray(_divide(both, np.sqrt(np.maximum(of_x * of_y, 0))).mean(axis=-1))


def _mean_error(sums: NDArray[Any]) -> Array:
    return np.asarray(_divide(sums[..., 6], sums[..., 0]).mean(axis=-1))


def _mean_divergence(sums: NDArray[Any]) -> Array:
    return _divide(sums[..., 1], sums[..., 0])


VALUE_SCORES: Mapping[str, Callable[[NDArray[Any]], Array]] = {
    "ccc": _concordance,
    "pearson": _pearson,
    "mae": _mean_error,
}
"""Scores of values by name, means over targets, as functions of sums `(..., targets, 7)`."""

SHARE_SCORES: Mapping[str, Callable[[NDArray[Any]], Array]] = {"divergence": _mean_divergence}
"""Scores of distributions by name, as functions of sums `(..., 2)`."""

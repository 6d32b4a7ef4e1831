"""Compute contrasts of class logits, and separate classes from places in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.str_]

_RIDGE = 1e-3


def log_normalise(values: Floats) -> Floats:
    """Subtract the logarithm of the summed exponentials along the last axis."""
    top = values.max(axis=-1, keepdims=True)
    result: Floats = values - top - np.log(np.exp(values - top).sum(axis=-1, keepdims=True))
    return result


def make_contrasts(classes: int) -> Floats:
    """Return an orthonormal basis of the differences between classes, `(classes, classes - 1)`.

    Logits are only known up to a constant. Their contrasts, `logits @ make_contrasts(classes)`,
    are free of it; log posteriors have the same contrasts as the logits.

    >>> import numpy as np
    >>> abs(np.array([[2.0, 5.0]]) @ make_contrasts(2)).round(3)
    array([[2.121]])
    """
    result: Floats = np.linalg.svd(np.ones((1, classes)))[2][1:].T
    return result


def fit_means_and_offsets(
    x: Floats, y: Labels, places: Labels, labels: Sequence[str], weights: Floats
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Fit class means plus place offsets by weighted least squares.

    Args:
        x: rows of values, `(rows, values)`.
        y: class of each row.
        places: place of each row.
        labels: the classes.
        weights: weight of each row.

    Returns:
        Class means `(classes, values)`, offsets `(places, values)`, and the place number of each
        row. Places are in the order of `np.unique`.
    """
    names, place = np.unique(places, return_inverse=True)
    order = {label: number for number, label in enumerate(labels)}
    kind = np.array([order[label] for label in y])
    size, classes = len(labels) + len(names), len(labels)
    design, target = np.zeros((size, size)), np.zeros((size, x.shape[1]))
    for one in (kind, classes + place):
        np.add.at(target, one, weights[:, None] * x)
        for other in (kind, classes + place):
            np.add.at(design, (one, other), weights)
    # A constant may move between means and offsets: the small penalty settles it.
    design += _RIDGE * np.trace(design) / size * np.eye(size)
    solution: Floats = np.asarray(np.linalg.solve(design, target), dtype=np.float64)
    return solution[:classes], solution[classes:], place

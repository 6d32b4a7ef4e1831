"""Linear heads on pooled features, trained on several corpora at once.

A head must not learn which corpus a recording comes from: a class that only one corpus has would be
recognised by its microphone. Two measures prevent this. Every class gets the same total weight, and
the offset of each place (a corpus, or an augmented copy of it) is estimated together with the class
means and taken away from the training features. Offsets of tested places are not known and stay.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg
import scipy.optimize

from serenade.adaptation import fit_means_and_offsets, log_normalise, make_contrasts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.str_]

FOLDS = 5
STEPS = 100


def balance(y: Labels, corpora: Labels) -> Floats:
    """Return weights that give the classes of a corpus, then corpora, then classes equal totals."""
    weights = np.ones(len(y))
    for corpus in np.unique(corpora):
        mine = corpora == corpus
        for label in np.unique(y[mine]):
            cell = mine & (y == label)
            weights[cell] = 1 / cell.sum()
        weights[mine] /= weights[mine].sum()
    for label in np.unique(y):
        weights[y == label] /= weights[y == label].sum()
    result: Floats = weights / weights.mean()
    return result


@dataclasses.dataclass(frozen=True)
class Head:
    """Map features to contrasts of class logits.

    Args:
        mean: of the training features.
        scale: standard deviation of each feature.
        rotation: principal axes, `(features, axes)`.
        weight: `(axes, classes - 1)`.
        bias: `(classes - 1,)`.
    """

    mean: Floats
    scale: Floats
    rotation: Floats
    weight: Floats
    bias: Floats

    def rotate(self, X: NDArray[np.float32]) -> Floats:
        """Standardise features and project them on the principal axes."""
        return np.asarray(((X - self.mean) / self.scale) @ self.rotation, dtype=np.float64)

    def __call__(self, X: NDArray[np.float32]) -> Floats:
        """Compute the contrasts of rows of features."""
        return np.asarray(self.rotate(X) @ self.weight + self.bias)


def _find_axes(X: Floats, axes: int) -> Floats:
    """Return the principal axes of rows, `(values, axes)`, from the smaller of two matrices."""
    tall = len(X) > X.shape[1]
    product = X.T @ X if tall else X @ X.T
    size = len(product)
    chosen = [size - min(axes, size), size - 1]
    values, vectors = scipy.linalg.eigh(product, subset_by_index=chosen)
    result: Floats = vectors if tall else X.T @ (vectors / np.sqrt(values))
    return result[:, ::-1]


def fit_logistic(
    Z: Floats, y: Labels, labels: Sequence[str], weights: Floats, C: float
) -> tuple[Floats, Floats]:
    """Fit a multinomial logistic regression with a squared penalty.

    Axes are scaled by their curvature, with which L-BFGS needs few steps.

    Args:
        Z: rows of values.
        y: class of each row.
        labels: the classes.
        weights: weight of each row.
        C: weight of the summed loss relative to half the squared coefficients.

    Returns:
        Coefficients `(values, classes)` and biases.
    """
    Z1 = np.column_stack([Z, np.ones(len(Z))])
    truth = (y[:, None] == np.array(labels)).astype(np.float64)
    penalty = np.append(np.ones(Z.shape[1]), 0.0)[:, None]
    scale = 1 / np.sqrt(penalty + 0.2 * C * (weights @ Z1**2)[:, None])

    def loss(values: Floats) -> tuple[float, Floats]:
        W = scale * values.reshape(len(scale), -1)
        logs = log_normalise(Z1 @ W)
        slope = Z1.T @ (weights[:, None] * (np.exp(logs) - truth))
        fit = -C * float(weights @ (logs * truth).sum(axis=1))
        gradient = scale * (C * slope + penalty * W)
        return fit + 0.5 * float((penalty * W**2).sum()), gradient.ravel()

    found = scipy.optimize.minimize(
        loss, np.zeros(scale.size * len(labels)), jac=True, method="L-BFGS-B",
        options={"maxiter": STEPS, "maxcor": 15, "ftol": 1e-8},
    )  # fmt: skip
    W = scale * found.x.reshape(len(scale), -1)
    return W[:-1], W[-1]


def _fit_linear(
    Z: Floats, y: Labels, places: Labels, labels: Sequence[str], weights: Floats, C: float
) -> tuple[Floats, Floats]:
    _, offsets, place = fit_means_and_offsets(Z, y, places, labels, weights)
    level = Z - offsets[place] + offsets.mean(axis=0)
    W, bias = fit_logistic(level, y, labels, weights, C)
    basis = make_contrasts(len(labels))
    return W @ basis, bias @ basis


def fit_head(
    X: NDArray[np.float32],
    y: Labels,
    places: Labels,
    speakers: Labels,
    corpora: Labels,
    labels: Sequence[str],
    *,
    C: float,
    axes: int,
    seed: int = 0,
) -> tuple[Head, Floats]:
    """Fit a head, and compute contrasts of its training rows by heads of other speakers.

    Args:
        X: features of clips and of their copies.
        y: classes.
        places: whose offsets are taken away.
        speakers: that the folds of held-out contrasts are made of.
        corpora: that weights are balanced over.
        labels: the classes.
        C: weight of the loss relative to the penalty.
        axes: number of principal axes.
        seed: of the folds.

    Returns:
        The head and the held-out contrasts, a row per row of `X`.
    """
    weights = balance(y, corpora)
    share = weights / weights.sum()
    mean = share @ X
    scale = np.sqrt(share @ (X - mean) ** 2)
    scale = np.sqrt(scale**2 + 1e-8 * np.mean(scale**2))
    level = (X - mean) / scale
    rotation = _find_axes(level * np.sqrt(share)[:, None], axes)
    Z = np.asarray(level @ rotation, dtype=np.float64)
    head = Head(mean, scale, rotation, *_fit_linear(Z, y, places, labels, weights, C))
    fold = np.zeros(len(y), int)
    for corpus in np.unique(corpora):
        names = np.unique(speakers[corpora == corpus])
        for number, name in enumerate(np.random.default_rng(seed).permutation(names)):
            fold[speakers == name] = number % FOLDS
    held_out = np.zeros((len(y), len(labels) - 1))
    for number in range(FOLDS):
        rest = fold != number
        parts: Any = (Z[rest], y[rest], places[rest], labels, weights[rest], C)
        weight, bias = _fit_linear(*parts)
        held_out[~rest] = Z[~rest] @ weight + bias
    return head, held_out

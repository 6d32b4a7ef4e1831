"""Support vector machines with posteriors, and scaling by one class: parts of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC, LinearSVC

from serenade.systems._system import SMALLEST_DEVIATION

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ReferenceScaler(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Scaler that subtracts the mean of one class' rows and divides by their deviation.

    Args:
        reference: the class; all rows are taken where it is "" or has fewer than two.

    >>> X, y = np.array([[0.0], [2.0], [9.0]]), np.array(["neutral", "neutral", "angry"])
    >>> ReferenceScaler("neutral").fit(X, y).transform(X).ravel()
    array([-1.,  1.,  8.])
    """

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def fit(self, X: NDArray[np.float32], y: NDArray[np.str_]) -> Self:
        """Learn mean and deviation from rows and their classes."""
        own = np.asarray(y) == self.reference
        rows = X[own] if own.sum() > 1 else X
        self.mean_ = rows.mean(axis=0, dtype=np.float64)
        deviation = rows.std(axis=0, dtype=np.float64)
        # A column that is constant in the reference class must not outweigh all others elsewhere.
        overall = np.maximum(X.std(axis=0), SMALLEST_DEVIATION)
        self.scale_ = np.where(deviation > SMALLEST_DEVIATION, deviation, overall)
        return self

    def transform(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scale rows."""
        return np.asarray((X - self.mean_) / self.scale_)


class KernelMachine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """scikit-learn's support vector machine with an RBF kernel of gamma 1 / columns.

    Args:
        C: weight of the errors.

    Attributes:
        machine_: scikit-learn's machine.
        vectors_: its support vectors, shape `(vectors, dims)`.
        classes_: labels in the order of the posteriors.
    """

    def __init__(self, C: float) -> None:
        self.C = C

    def fit(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.str_],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> Self:
        """Learn from rows, their classes and weights."""
        # The kernel as a matrix product, which is many times faster than libsvm's loop.
        self.machine_ = SVC(C=self.C, kernel=rbf_kernel, break_ties=True)
        self.machine_.fit(X, y, sample_weight)
        self.vectors_ = X[self.machine_.support_]
        self.classes_ = self.machine_.classes_
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.str_]:
        """Predict the class with the largest one-against-one decision value."""
        found: NDArray[np.str_] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the softmax of the decision values, `(rows, classes)`: ranked, not calibrated."""
        values = self.machine_.decision_function(X)
        if values.ndim == 1:
            values = np.stack([-values, values], axis=1)
        return np.asarray(softmax(values, axis=1))


class LinearMachine(LinearSVC):  # type: ignore[misc]
    """scikit-learn's linear support vector machine, one class against the rest, with posteriors.

    Args:
        C: weight of the errors.
        random_state: seed of the order in which rows are visited.

    >>> X, y = np.array([[0.0], [1.0], [9.0]]), np.array(["calm", "calm", "angry"])
    >>> LinearMachine(1.0).fit(X, y).predict_proba(X).argmax(axis=1)
    array([1, 1, 0])
    """

    def __init__(self, C: float, random_state: int = 0) -> None:
        super().__init__(C=C, random_state=random_state, max_iter=10000)

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the softmax of the decision values, `(rows, classes)`: ranked, not calibrated."""
        values = self.decision_function(X)
        if values.ndim == 1:
            values = np.stack([np.zeros_like(values), values], axis=1)
        return np.asarray(softmax(values, axis=1))

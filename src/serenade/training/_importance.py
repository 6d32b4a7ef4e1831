"""Measure how much the answers of a fitted system rest on groups of its features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.inspection import permutation_importance

from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from serenade.training._clips import Streams
    from serenade.training._estimator import Estimator


class Importance(NamedTuple):
    """Fall of UA without a group of features: mean and standard deviation over repeats."""

    mean: float
    deviation: float


def measure_importance(
    estimator: Estimator,
    X: pd.DataFrame,
    y: ArrayLike,
    *,
    group: Callable[[str], str] = lambda name: name.split("_")[0],
    repeats: int = 10,
    seed: int = 0,
) -> dict[str, Importance]:
    """Measure the permutation importance of groups of features (Breiman 2001), with scikit-learn.

    The columns of a group are exchanged together between recordings, so that a group that others
    can replace is not important. Give recordings of speakers that were not trained on.

    Args:
        estimator: fitted estimator of a system whose features have one row for each recording,
            such as `opensmile-svm`.
        X: table of recordings.
        y: emotion of each recording.
        group: function from the name of a column to its group; by default the name up to the
            first underscore, which is the descriptor of eGeMAPS and ComParE.
        repeats: number of exchanges of each group.
        seed: random seed.

    Returns:
        Importance of each group, the largest first.

    Raises:
        SerenadeError: a feature has several rows for a recording.
    """
    streams = estimator.clips(X, y, 0).streams
    if any(len(matrix) != 1 for stream in streams for matrix in stream):
        raise SerenadeError(
            f"{estimator.get_system().name}: its features have several rows for a recording; give "
            "a system on named features of one row, such as opensmile-svm"
        )
    columns: dict[str, list[tuple[int, int]]] = {}
    for stream, feature in enumerate(estimator.features):
        for column, name in enumerate(getattr(feature, "names", ())):
            columns.setdefault(group(name), []).append((stream, column))
    rows = np.tile(np.arange(len(streams[0]))[:, None], len(columns))
    grouped = _Grouped(estimator, streams, tuple(columns.values()))
    found: Any = permutation_importance(
        grouped, rows, np.asarray(y, dtype=str), n_repeats=repeats, random_state=seed,
        scoring="balanced_accuracy",
    )  # fmt: skip
    pairs = zip(found.importances_mean, found.importances_std, strict=True)
    named = {
        name: Importance(float(mean), float(deviation))
        for name, (mean, deviation) in zip(columns, pairs, strict=True)
    }
    return dict(sorted(named.items(), key=lambda item: -item[1].mean))


class _Grouped(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier whose columns are numbers of recordings that groups of features come from.

    Args:
        estimator: fitted estimator.
        streams: features of the recordings.
        columns: stream and column of the features of each group.
    """

    def __init__(
        self,
        estimator: Estimator,
        streams: Streams,
        columns: Sequence[Sequence[tuple[int, int]]],
    ) -> None:
        self.estimator, self.streams, self.columns = estimator, streams, columns
        self.classes_ = estimator.classes_

    def fit(self, X: ArrayLike, y: ArrayLike) -> _Grouped:  # noqa: ARG002 - scikit-learn's
        """Return the classifier, which is fitted already."""
        return self

    def predict(self, X: NDArray[np.intp]) -> NDArray[np.str_]:
        """Predict emotions from features of recordings `(rows, groups)`, one for each group."""
        mixed = [np.concatenate(stream) for stream in self.streams]
        whole = [stacked.copy() for stacked in mixed]
        for origin, places in zip(np.asarray(X).T, self.columns, strict=True):
            for stream, column in places:
                mixed[stream][:, column] = whole[stream][origin, column]
        posteriors = self.estimator.learner_.predict_proba(
            tuple([row[None] for row in stacked] for stacked in mixed)
        )
        best: NDArray[np.str_] = self.classes_[posteriors.argmax(axis=1)]
        return best

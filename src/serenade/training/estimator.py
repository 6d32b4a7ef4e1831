"""A system as a scikit-learn classifier over the rows of a corpus table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade.errors import MissingExtraError
from serenade.features.augmented import Augmented
from serenade.features.extraction import Segment, extract
from serenade.training.search import best_on_held_out, fit_copies

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
except ImportError:
    raise MissingExtraError("training", "train") from None

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from serenade.features.base import Feature
    from serenade.systems.base import System


class Estimator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fits a system on recordings: features, copies, weights and classifier in one.

    `X` is a table of recordings, indexed by file, start and end as `Corpus.table` is;
    scikit-learn's splitters and scorers take it as it stands. Features are extracted on all cores
    and kept in the cache.

    Args:
        system: what to fit, of `serenade.systems.get`.
        recipe: its settings; None for the default recipe.
        seed: decides everything random in the classifier.
        speaker_standardisation: subtract each speaker's mean and divide by their deviation, on
            both sides. It needs all speech of the test speakers beforehand (no labels): a report
            must say so.
        jobs: processes for extraction; None for all cores.

    Attributes:
        classes_: labels in the order of the posteriors.
        classifier_: the fitted classifier.
    """

    def __init__(
        self,
        system: System,
        recipe: Any = None,
        *,
        seed: int = 0,
        speaker_standardisation: bool = False,
        jobs: int | None = None,
    ) -> None:
        self.system = system
        self.recipe = recipe
        self.seed = seed
        self.speaker_standardisation = speaker_standardisation
        self.jobs = jobs

    @property
    def settings(self) -> Any:
        """The recipe in force."""
        return self.system.recipe() if self.recipe is None else self.recipe

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit on recordings.

        Args:
            X: table of recordings, shape `(rows, columns)`.
            y: their emotions, shape `(rows,)`.

        Raises:
            AudioError: a recording cannot be used; the corpus' own check lists them beforehand.
        """
        labels = np.asarray(y, dtype=str)
        settings, feature = self.settings, self.feature
        blocks = [self._standardised(self._features(X, feature), X)]
        for copy in range(settings.copies):
            changed = Augmented(feature, self.system.augmentation(settings), copy)
            blocks.append(self._standardised(self._features(X, changed), X))
        weights = cell_weights(X, labels, settings.balance)
        candidates = self.system.classifiers(settings, self.seed)
        if len(candidates) == 1:
            self.classifier_ = candidates[0]
        else:
            speakers = X["speaker"].to_numpy(dtype=str)
            self.classifier_ = best_on_held_out(candidates, blocks, labels, speakers, weights)
        fit_copies(self.classifier_, blocks, labels, weights)
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Posteriors, shape `(rows, classes)`, in the order of `classes_`."""
        probabilities: NDArray[np.float64] = self.classifier_.predict_proba(
            self._standardised(self._features(X, self.feature), X)
        )
        return probabilities

    def predict(self, X: pd.DataFrame) -> NDArray[np.str_]:
        """The most probable emotion of each recording, shape `(rows,)`."""
        best: NDArray[np.str_] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return best

    @property
    def feature(self) -> Feature:
        """What the system looks at under the recipe in force."""
        return self.system.feature(self.settings)

    def _features(self, rows: pd.DataFrame, feature: Feature) -> NDArray[np.float32]:
        import pandas as pd

        segments = [
            Segment(file, start.total_seconds(), None if pd.isna(end) else end.total_seconds())
            for file, start, end in rows.index
        ]
        matrices = extract(segments, feature, jobs=self.jobs)
        return np.concatenate(matrices).astype(np.float32)

    def _standardised(
        self, features: NDArray[np.float32], rows: pd.DataFrame
    ) -> NDArray[np.float32]:
        """Features by speaker mean and deviation where that is asked for."""
        if not self.speaker_standardisation:
            return features
        result = np.empty_like(features)
        speakers = rows["speaker"].to_numpy()
        for speaker in np.unique(speakers):
            own = speakers == speaker
            mean, deviation = features[own].mean(axis=0), features[own].std(axis=0)
            # A unit that never moves for one speaker says nothing; it must not divide by zero.
            result[own] = (features[own] - mean) / np.maximum(deviation, 1e-5)
        return result


def cell_weights(rows: pd.DataFrame, labels: NDArray[np.str_], power: float) -> NDArray[np.float64]:
    """Weights that even out emotions, and corpora where the table has a column `corpus`.

    Args:
        rows: table of recordings.
        labels: their emotions, shape `(rows,)`.
        power: 1 gives every cell the same total, 0 every recording.

    Returns:
        Shape `(rows,)`, of mean one.
    """
    corpora = rows["corpus"].to_numpy(dtype=str) if "corpus" in rows else np.full(len(rows), "")
    cells = np.char.add(np.char.add(corpora, "\0"), labels)
    _, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
    weights = counts[cell].astype(np.float64) ** -power
    return np.asarray(weights / weights.mean())

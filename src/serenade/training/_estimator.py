"""A system as a scikit-learn classifier over the rows of a corpus table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade.errors import MissingExtraError, SerenadeError
from serenade.extraction import extract, extract_texts, list_clips, prefetch
from serenade.features import Augmented, TextFeature
from serenade.training._clips import Clips
from serenade.training._learners import is_network, make_learner

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
except ImportError:
    raise MissingExtraError("training", "train") from None

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from serenade.audio import Augmentation, Condition, WhiteNoise
    from serenade.features import Feature
    from serenade.systems import System
    from serenade.training._clips import Matrices, Streams
    from serenade.training._learners import Learner


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
        device: what networks are trained on: `cpu`, `cuda` or any that PyTorch knows.
        checkpoints: folder that networks are kept in after each epoch. A run that was killed goes
            on there to the weights it would have had; one that is finished is not trained again.
        tracking: where networks' epochs are logged: `tensorboard=FOLDER` or `mlflow[=URI]`.

    Attributes:
        classes_: labels in the order of the posteriors.
        classifier_: the fitted scikit-learn pipeline or skorch net.
        learner_: what fitted it, with its scalers where it has any.
        curve_: a network's losses, and validation UA, epoch by epoch; empty for other classifiers.
    """

    def __init__(
        self,
        system: System,
        recipe: Any = None,
        *,
        seed: int = 0,
        speaker_standardisation: bool = False,
        jobs: int | None = None,
        device: str = "cpu",
        checkpoints: str | os.PathLike[str] | None = None,
        tracking: str | None = None,
    ) -> None:
        self.system = system
        self.recipe = recipe
        self.seed = seed
        self.speaker_standardisation = speaker_standardisation
        self.jobs = jobs
        self.device = device
        self.checkpoints = checkpoints
        self.tracking = tracking

    @property
    def settings(self) -> Any:
        """The recipe in force."""
        return self.system.recipe() if self.recipe is None else self.recipe

    @property
    def uses_validation(self) -> bool:
        """Whether `fit` looks at validation recordings: networks do, to find the best epoch."""
        return is_network(self.settings)

    def fit(
        self,
        X: pd.DataFrame,
        y: ArrayLike,
        validation: tuple[pd.DataFrame, ArrayLike] | None = None,
    ) -> Self:
        """Fit on recordings.

        Args:
            X: table of recordings, shape `(rows, columns)`.
            y: their emotions, shape `(rows,)`.
            validation: recordings and emotions that say when a network is best; nothing is fitted
                on them. Without them a recipe may set training speakers aside for that.

        Raises:
            AudioError: a recording cannot be used; the corpus' own check lists them beforehand.
            SerenadeError: a device, recipe or checkpoint that cannot be used.
        """
        settings = self.settings
        learner: Learner = make_learner(
            self.system,
            settings,
            self.seed,
            device=self.device,
            checkpoints=self.checkpoints,
            tracking=self.tracking,
        )
        aside = None
        if validation is not None and self.uses_validation:
            aside = self.clips(*validation, copies=0)
        self.learner_ = learner.fit(self.clips(X, y, settings.copies), aside)
        self.classifier_ = self.learner_.classifier
        self.classes_ = self.learner_.classes_
        self.curve_ = self.learner_.curve
        return self

    def prepare(self, X: pd.DataFrame) -> None:
        """Have a cluster fill its cache with what `fit` will look at; see `serenade._parallel`.

        Args:
            X: table of recordings.
        """
        for features in self._rounds(self.settings.copies):
            for each in features:
                if not isinstance(each, TextFeature):
                    rate = self.system.sampling_rate
                    prefetch(list_clips(X.index), each, sampling_rate=rate)

    def predict_proba(
        self, X: pd.DataFrame, change: Augmentation | WhiteNoise | Condition | None = None
    ) -> NDArray[np.float64]:
        """Posteriors, shape `(rows, classes)`, in the order of `classes_`.

        Args:
            X: table of recordings.
            change: what is done to each recording beforehand, to see what it costs.
        """
        features = self.features
        if change is not None:
            features = tuple(_changed(each, change, 0) for each in features)
        return self.learner_.predict_proba(self._streams(X, features))

    def predict(self, X: pd.DataFrame) -> NDArray[np.str_]:
        """The most probable emotion of each recording, shape `(rows,)`."""
        best: NDArray[np.str_] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return best

    @property
    def features(self) -> tuple[Feature | TextFeature, ...]:
        """What the system looks at under the recipe in force, a feature per stream."""
        return self.system.features(self.settings)

    def clips(self, rows: pd.DataFrame, y: ArrayLike, copies: int) -> Clips:
        """Recordings as a learner sees them, with copies of each."""
        labels, settings = np.asarray(y, dtype=str), self.settings
        streams = [self._streams(rows, features) for features in self._rounds(copies)]
        known = "speaker" in rows and rows["speaker"].notna().all()
        return Clips(
            streams[0],
            labels,
            compute_weights(rows, labels, settings.balance),
            rows["speaker"].to_numpy(dtype=str) if known else None,
            tuple(streams[1:]),
        )

    def _rounds(self, copies: int) -> list[tuple[Feature | TextFeature, ...]]:
        """What is looked at, and the same of each round of changed copies."""
        change = self.system.augmentation(self.settings)
        changed = [
            tuple(_changed(each, change, copy) for each in self.features) for copy in range(copies)
        ]
        return [self.features, *changed]

    def _streams(self, rows: pd.DataFrame, features: Sequence[Feature | TextFeature]) -> Streams:
        """Each feature of each row; texts are those of the column `text`, missing ones empty."""
        return tuple(
            extract_texts(_texts(rows, self), each)
            if isinstance(each, TextFeature)
            else self._standardised(self._matrices(rows, each), rows)
            for each in features
        )

    def _matrices(self, rows: pd.DataFrame, feature: Feature) -> Matrices:
        return extract(
            list_clips(rows.index),
            feature,
            sampling_rate=self.system.sampling_rate,
            jobs=self.jobs,
        )

    def _standardised(self, matrices: Matrices, rows: pd.DataFrame) -> Matrices:
        """Features by speaker mean and deviation where that is asked for."""
        if not self.speaker_standardisation:
            return matrices
        result = list(matrices)
        speakers = rows["speaker"].to_numpy()
        for speaker in np.unique(speakers):
            own = np.flatnonzero(speakers == speaker)
            frames = np.concatenate([matrices[row] for row in own])
            # A unit that never moves for one speaker says nothing; it must not divide by zero.
            mean, deviation = frames.mean(axis=0), np.maximum(frames.std(axis=0), 1e-5)
            for row in own:
                result[row] = (matrices[row] - mean) / deviation
        return result


def _changed(
    feature: Feature | TextFeature, change: Augmentation | WhiteNoise | Condition, copy: int
) -> Feature | TextFeature:
    """A feature of a changed copy; texts stay as they are."""
    return feature if isinstance(feature, TextFeature) else Augmented(feature, change, copy)


def _texts(rows: pd.DataFrame, estimator: Estimator) -> list[object]:
    """What is said in each row.

    Raises:
        SerenadeError: the table has no transcripts.
    """
    # Of a few recordings to be judged, all may be without a transcript; of a corpus, none is.
    fitted = hasattr(estimator, "learner_")
    if "text" not in rows or (not fitted and rows["text"].isna().all()):
        raise SerenadeError(
            f"{estimator.system.name} looks at what is said, and the corpus has no column text: "
            "write one with serenade transcribe, and give its manifest"
        )
    return list(rows["text"])


def compute_weights(
    rows: pd.DataFrame, labels: NDArray[np.str_], power: float
) -> NDArray[np.float64]:
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

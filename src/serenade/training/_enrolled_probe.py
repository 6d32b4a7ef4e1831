"""Probe for enrolled speakers, fitted on features minus an estimate of their speaker's mean.

The mean is never known exactly. The estimate for each training clip comes from a few other clips of
its speaker, as many as a user may enrol, so that one probe serves any number of enrolled clips.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade.adaptation import NEUTRAL, Population
from serenade.errors import MissingExtraError, SerenadeError
from serenade.training._learners import make_learner, stack_rows

try:
    from sklearn.base import BaseEstimator
except ImportError:
    raise MissingExtraError("training", "train") from None

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from serenade.training._clips import Streams
    from serenade.training._estimator import Estimator

COUNTS = (0, 1, 3, 5, 10, 20, 40)
"""Numbers of recordings that enrol a speaker in training; one is drawn for each clip."""

DRAWS = 2
"""Number of times that each clip and each copy is used, each with another enrolment."""

SPEAKERS = 4
"""Fewest training speakers from which the variance between speakers is estimated."""


class EnrolledProbe(BaseEstimator):  # type: ignore[misc]
    """Classifier of an estimator, fitted for enrolled speakers.

    Args:
        estimator: estimator of a system whose features are single rows; it is not fitted here.
        seed: random seed of the draws.

    Attributes:
        population_: variance of the features within and between speakers.
        classifier_: the fitted pipeline.
        classes_: labels in the order of the posteriors.
    """

    def __init__(self, estimator: Estimator, seed: int = 0) -> None:
        self.estimator = estimator
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit on recordings of at least four known speakers.

        Args:
            X: table of recordings with the column `speaker`.
            y: their emotions, shape `(rows,)`.

        Raises:
            SerenadeError: fewer speakers.
        """
        estimator, labels = self.estimator, np.asarray(y, dtype=str)
        clips = estimator.clips(X, labels, estimator.get_recipe().copies)
        speakers = clips.speakers
        if speakers is None or len(np.unique(speakers)) < SPEAKERS:
            raise SerenadeError(
                f"enrolment needs at least {SPEAKERS} training speakers; add the column speaker to "
                "the table"
            )
        plain = stack_rows(clips.streams)
        self.population_ = Population.learn(plain, speakers, labels)
        rng = np.random.default_rng([self.seed, 2])
        neutral = np.isin(labels, NEUTRAL) if self.population_.neutral else None
        shifted: list[Streams] = []
        for streams in clips.rounds * DRAWS:
            away = draw_shifts(plain, speakers, self.population_, rng, neutral)
            shifted.append((list((stack_rows(streams) - away)[:, None]),))
        learner: Any = make_learner(estimator.get_system(), estimator.get_recipe(), estimator.seed)
        learner.fit(
            dataclasses.replace(
                clips,
                streams=shifted[0],
                copies=tuple(shifted[1:]),
                # The penalty then has the same weight as without draws.
                weights=clips.weights / DRAWS,
            )
        )
        self.classifier_, self.classes_ = learner.classifier, learner.classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Compute posteriors of recordings, `(rows, classes)`, with their speakers enrolled.

        Each speaker is enrolled with a random number of their other rows, of any emotion.
        """
        labels = np.full(len(X), self.classes_[0])
        plain = stack_rows(self.estimator.clips(X, labels, 0).streams)
        speakers = X["speaker"].to_numpy(dtype=str)
        rng = np.random.default_rng([self.seed, 3])
        away = draw_shifts(plain, speakers, self.population_, rng, None)
        posteriors: NDArray[np.float64] = self.classifier_.predict_proba(plain - away)
        return posteriors


def draw_shifts(
    features: NDArray[np.float32],
    speakers: NDArray[np.str_],
    population: Population,
    rng: np.random.Generator,
    neutral: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    """Draw the shift that enrolment with a few other recordings subtracts from each.

    Args:
        features: one row for each recording, `(recordings, dims)`.
        speakers: speaker of each recording.
        population: see `Population.shift`.
        rng: random generator of the draws.
        neutral: marks recordings of neutral speech, to which half of the draws are limited; None
            for draws from all.

    Returns:
        Shape `(recordings, dims)`.
    """
    shifts = np.zeros_like(features)
    for speaker in np.unique(speakers):
        own = np.flatnonzero(speakers == speaker)
        calm = np.zeros(0, dtype=np.intp) if neutral is None else own[neutral[own]]
        for row in own:
            count = int(rng.choice(COUNTS))
            normal = neutral is not None and rng.random() < 0.5
            others = calm if normal else own
            chosen = rng.permutation(others[others != row])[:count]
            if chosen.size:
                mean = features[chosen].mean(axis=0, dtype=np.float64)
                shifts[row] = population.shift(mean, chosen.size, neutral=normal)
    return shifts

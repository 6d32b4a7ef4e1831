"""How much enrolment helps: unseen speakers, known by more and more of their recordings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.base import clone

from serenade.adaptation import NEUTRAL
from serenade.errors import EvaluationError
from serenade.evaluation import (
    Difference,
    Interval,
    compute_intervals,
    paired_permutation,
)
from serenade.training import EnrolledProbe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.training import Estimator

    Fold = tuple[NDArray[np.int_], NDArray[np.int_]]


class Condition(NamedTuple):
    """What a speaker is enrolled with.

    Args:
        speech: `neutral` for recordings of neutral or calm speech, `mixed` for any.
        recordings: how many; a draw takes fewer where the speaker has no more, but never all.
    """

    speech: str
    recordings: int


@dataclasses.dataclass(frozen=True, eq=False)
class Trials:
    """Test recordings, predicted with enrolment and without, under one condition.

    A recording that a speaker was enrolled with is not among the test recordings of that draw, on
    neither side.

    Args:
        reference: true labels, `(trials,)`.
        speakers: `(trials,)`.
        enrolled: posteriors with enrolment, `(trials, classes)`; with none, those of `plain`.
        plain: posteriors of the ordinary model for the same, `(trials, classes)`.
        classes: names of the columns.
    """

    reference: NDArray[np.str_]
    speakers: NDArray[np.str_]
    enrolled: NDArray[np.float32]
    plain: NDArray[np.float32]
    classes: tuple[str, ...]

    def ua(self, allowed: Sequence[str] | None = None) -> tuple[Interval, Interval, Difference]:
        """Compute the UA with enrolment and without, and their difference.

        Args:
            allowed: classes the choice is among; trials of others are left out. None for all.

        Returns:
            Both with 95% intervals over speakers, and a permutation test over speakers.
        """
        names = list(self.classes if allowed is None else allowed)
        columns = np.array([self.classes.index(name) for name in names])
        rows = np.flatnonzero(np.isin(self.reference, names))
        truth, who = self.reference[rows], self.speakers[rows]
        enrolled, plain = (
            np.array(names)[found[np.ix_(rows, columns)].argmax(axis=1)]
            for found in (self.enrolled, self.plain)
        )
        scored = [
            compute_intervals(truth, found, who, labels=names, scores=("ua",))["ua"]
            for found in (enrolled, plain)
        ]
        test = paired_permutation(truth, enrolled, plain, who, labels=names)
        return scored[0], scored[1], test


def enrolment_trials(
    estimator: Estimator,
    X: pd.DataFrame,
    y: NDArray[np.str_],
    folds: Iterable[Fold],
    conditions: Sequence[Condition],
    *,
    draws: int = 20,
    seed: int = 0,
) -> dict[Condition, Trials]:
    """Predict speakers that no model heard, enrolled at random again and again.

    Args:
        estimator: copied for each fold, itself left as it is.
        X: table of recordings with the column `speaker`.
        y: their emotions, shape `(rows,)`.
        folds: rows to train and to test on, no speaker on both sides.
        conditions: to try.
        draws: of enrolment recordings, for each speaker and condition.
        seed: of the draws.

    Raises:
        EvaluationError: a speaker on both sides.
    """
    speakers, classes = X["speaker"].to_numpy(dtype=str), np.unique(y)
    found: dict[Condition, list[Trials]] = {condition: [] for condition in conditions}
    for train, test in folds:
        if np.isin(speakers[test], speakers[train]).any():
            raise EvaluationError("a speaker is on both sides; leave speakers out whole")
        ordinary = clone(estimator).fit(X.iloc[train], y[train])
        probe = EnrolledProbe(clone(estimator)).fit(X.iloc[train], y[train])
        features = np.concatenate(ordinary.clips(X.iloc[test], y[test], 0).streams[0])
        plain = _placed(ordinary.classifier_.predict_proba(features), ordinary.classes_, classes)
        for number, speaker in enumerate(np.unique(speakers[test])):
            own = np.flatnonzero(speakers[test] == speaker)
            for place, condition in enumerate(conditions):
                for draw in range(draws if condition.recordings else 1):
                    rng = np.random.default_rng([seed, number, place, draw])
                    known = _chosen(condition, own, y[test], rng)
                    rest = np.setdiff1d(own, known)
                    posteriors = plain[rest]
                    if known.size:
                        shifted = _shifted(probe, features, known, rest, condition)
                        raw = probe.classifier_.predict_proba(shifted)
                        posteriors = _placed(raw, probe.classes_, classes)
                    found[condition].append(
                        Trials(
                            y[test][rest],
                            np.full(len(rest), speaker),
                            posteriors,
                            plain[rest],
                            tuple(classes.tolist()),
                        )
                    )
    return {condition: _joined(parts) for condition, parts in found.items()}


def _joined(parts: Sequence[Trials]) -> Trials:
    return Trials(
        np.concatenate([part.reference for part in parts]),
        np.concatenate([part.speakers for part in parts]),
        np.concatenate([part.enrolled for part in parts]),
        np.concatenate([part.plain for part in parts]),
        parts[0].classes,
    )


def _chosen(
    condition: Condition, own: NDArray[np.int_], labels: NDArray[np.str_], rng: np.random.Generator
) -> NDArray[np.int_]:
    pool = own[np.isin(labels[own], NEUTRAL)] if condition.speech == "neutral" else own
    return rng.permutation(pool)[: min(condition.recordings, len(own) - 1)]


def _shifted(
    probe: EnrolledProbe,
    features: NDArray[np.float32],
    known: NDArray[np.int_],
    rest: NDArray[np.int_],
    condition: Condition,
) -> NDArray[np.float32]:
    """Features of the rest, with what the known ones tell of the speaker taken away."""
    mean = features[known].mean(axis=0, dtype=np.float64)
    neutral = condition.speech == "neutral"
    shift = probe.population_.shift(mean, known.size, neutral=neutral)
    return np.asarray(features[rest] - shift, dtype=np.float32)


def _placed(
    posteriors: NDArray[np.float64], have: NDArray[np.str_], want: NDArray[np.str_]
) -> NDArray[np.float32]:
    """Order columns as all classes; classes that training did not have get zeros."""
    result = np.zeros((len(posteriors), len(want)), dtype=np.float32)
    result[:, np.searchsorted(want, have)] = posteriors
    return result

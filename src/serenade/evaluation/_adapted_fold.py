"""Adapt the posteriors of any system to unlabelled test recordings (`serenade.adaptation.Places`).

In each fold, the model of places is learnt on held-out posteriors of the training speakers: groups
of them are predicted by estimators that did not hear them. The test recordings take no part in it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade.adaptation import EXPECTATIONS, Expect, Places, log_normalise, make_contrasts
from serenade.errors import EvaluationError
from serenade.evaluation._fold_run import FoldClassifier, FoldOutcome, predict_fold
from serenade.protocols import get, get_column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.protocols import Fold

GROUPS = 5
"""Groups of training speakers that are held out in turn."""

_LEAST_SPEAKERS = 3
_FLOOR = 1e-6  # of a posterior whose logarithm is taken
_PLACES = {"corpus": "of each fold", "speaker": "of each speaker"}


@dataclasses.dataclass(frozen=True)
class AdaptationPlan:
    """State what posteriors are adapted to.

    Args:
        expect: content of the recordings of a place; see `serenade.adaptation.Expect`.
        by: `corpus` for all test recordings of a corpus in a fold, or `speaker` for those of one
            speaker.
    """

    expect: Expect = "unknown"
    by: str = "speaker"

    def __post_init__(self) -> None:
        for field, known in (("expect", EXPECTATIONS), ("by", _PLACES)):
            if getattr(self, field) not in known:
                raise EvaluationError(
                    f"{field}: cannot adapt with {getattr(self, field)!r}; choose from "
                    f"{', '.join(known)}"
                )

    def __str__(self) -> str:
        """Describe the plan.

        >>> str(AdaptationPlan("mixed", "speaker"))
        'adapted to the unlabelled test recordings of each speaker, mixed expected'
        """
        return (
            f"adapted to the unlabelled test recordings {_PLACES[self.by]}, {self.expect} expected"
        )

    def list_groups(self, rows: pd.DataFrame) -> list[NDArray[np.intp]]:
        """Return the row numbers of each place.

        Raises:
            EvaluationError: speakers are needed and not known.
        """
        if self.by == "corpus" and "corpus" not in rows:
            return [np.arange(len(rows))]
        names = get_column(rows, self.by, "adaptation")
        return [np.flatnonzero(names == name) for name in np.unique(names)]


@dataclasses.dataclass(frozen=True, eq=False)
class PosteriorAdapter:
    """Model of places of an estimator's posteriors.

    Args:
        places: means and covariances of contrasts.
        labels: classes of the model, which the training rows have.
        columns: columns of these classes among all labels of the corpus.
        temperature: divisor of the logarithms of posteriors that calibrates them.
    """

    places: Places
    labels: tuple[str, ...]
    columns: NDArray[np.intp]
    temperature: float

    @classmethod
    def learn(
        cls, held_out: NDArray[np.float64], table: pd.DataFrame, labels: Sequence[str]
    ) -> Self:
        """Estimate the model from posteriors by estimators that did not hear the speakers.

        Args:
            held_out: posteriors of the rows, `(rows, labels)`.
            table: rows with the columns `emotion` and `speaker`, and perhaps `corpus`.
            labels: columns of the posteriors.
        """
        from serenade.training import fit_temperature

        y = table["emotion"].to_numpy(dtype=np.str_)
        known = tuple(label for label in labels if label in set(y))
        columns = np.array([list(labels).index(label) for label in known], dtype=np.intp)
        number = np.array([known.index(label) for label in y])
        weights = 1.0 / np.bincount(number)[number]
        logs = _take_logs(held_out[:, columns])
        temperature = fit_temperature(logs, number, weights)
        speakers = table["speaker"].to_numpy(dtype=np.str_)
        corpora = table["corpus"] if "corpus" in table else np.full(len(table), "")
        places = Places.learn(
            logs / temperature @ make_contrasts(len(known)),
            y,
            speakers,
            np.asarray(corpora, dtype=np.str_),
            known,
            weights,
        )
        return cls(places, known, columns, temperature)

    def adapt(
        self,
        posteriors: NDArray[np.float64],
        groups: Sequence[NDArray[np.intp]],
        plan: AdaptationPlan,
    ) -> NDArray[np.float64]:
        """Adapt posteriors to the groups that their rows are in.

        Args:
            posteriors: shape `(rows, labels)`.
            groups: row numbers of each place; every row is in one.
            plan: assumed content of the recordings, and what a place is.

        Returns:
            Posteriors in the same shape; labels without training rows have 0.
        """
        plain = log_normalise(_take_logs(posteriors[:, self.columns]) / self.temperature)
        contrasts = plain @ make_contrasts(len(self.labels))
        adapted = np.zeros_like(posteriors)
        for rows in groups:
            found = self.places.adapt(
                contrasts[None, rows],
                plain[None, rows],
                self.labels,
                EXPECTATIONS[plan.expect],
                speaker=plan.by == "speaker",
            )
            adapted[np.ix_(rows, self.columns)] = np.exp(found[0])
        return adapted


def predict_adapted_fold(
    make_estimator: Callable[[int], FoldClassifier],
    seed: int,
    table: pd.DataFrame,
    labels: Sequence[str],
    conditions: Mapping[str, Any],
    plan: AdaptationPlan,
    fold: Fold,
) -> FoldOutcome:
    """Predict a fold as `predict_fold` does, and add the adapted posteriors of its test rows.

    Args:
        make_estimator: see `predict_fold`.
        seed: see `predict_fold`.
        table: see `predict_fold`.
        labels: see `predict_fold`.
        conditions: see `predict_fold`.
        plan: what posteriors are adapted to.
        fold: see `predict_fold`.

    Raises:
        EvaluationError: see `predict_fold`; or too few training speakers are known, or the training
            rows lack the class that is expected.
    """
    train = table.iloc[fold.train]
    inner = _divide_speakers(train, fold, plan)
    groups = plan.list_groups(table.iloc[fold.test])
    outcome = predict_fold(make_estimator, seed, table, labels, conditions, (), fold)
    held_out = np.zeros((len(train), len(labels)))
    for one in inner:
        found = predict_fold(make_estimator, seed, train, labels, {}, (), one)
        held_out[one.test] = found.probabilities
    adapter = PosteriorAdapter.learn(held_out, train, labels)
    adapted = adapter.adapt(outcome.probabilities, groups, plan)
    return dataclasses.replace(outcome, adapted=adapted)


def _divide_speakers(train: pd.DataFrame, fold: Fold, plan: AdaptationPlan) -> list[Fold]:
    """Divide the training rows of a fold into groups of speakers to hold out."""
    speakers = len(np.unique(get_column(train, "speaker", "adaptation")))
    if speakers < _LEAST_SPEAKERS:
        raise EvaluationError(
            f'fold "{fold.name}": {speakers} training speakers, and adaptation learns from at '
            f"least {_LEAST_SPEAKERS}; evaluate without --adapt, or add speakers"
        )
    if plan.expect == "neutral" and "neutral" not in set(train["emotion"]):
        raise EvaluationError(
            f'fold "{fold.name}": no training row is neutral, so neutral speech cannot be '
            "expected; adapt with mixed or unknown"
        )
    return get("groups", groups=min(GROUPS, speakers)).split(train)


def _take_logs(posteriors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of posteriors, which a floor keeps finite."""
    return np.log(np.maximum(posteriors, _FLOOR))

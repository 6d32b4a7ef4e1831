"""Predictions of test items with their references, and the scores of a fold of them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade._concordance import VALUE_SCORES, list_divergences, list_moments
from serenade.corpora import list_items
from serenade.evaluation._metrics import SCORES, confusion
from serenade.evaluation._statistics import sum_by_speaker

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.corpora import Corpus


@dataclasses.dataclass(frozen=True)
class LabelledPrediction:
    """Prediction of a test item, with its reference label.

    Args:
        file: path relative to the root of the corpus.
        start: beginning in seconds.
        end: end in seconds; None for the end of the file.
        speaker: name of the speaker; None if unknown.
        reference: the true label.
        predicted: the label of the highest probability.
        probabilities: probability of each label of the report, in their order.
        gender: gender of the speaker; None if unknown.
        truth: true share of the votes of each label, or true value of each target; empty for a
            corpus with emotions only. Predictions of values have no labels, and `probabilities`
            holds the predicted values.
    """

    file: str
    start: float
    end: float | None
    speaker: str | None
    reference: str
    predicted: str
    probabilities: tuple[float, ...]
    gender: str | None = None
    truth: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """Scores of one fold.

    Args:
        name: name of the fold, such as "speaker 03".
        train: number of training rows.
        test: number of test rows.
        speakers: known test speakers, sorted.
        ua: unweighted accuracy over the classes of the test rows.
        wa: weighted accuracy.
        seconds: wall time of training and testing.
        curve: for each epoch of a network, `train_loss` and, with validation rows, `valid_loss` and
            `valid_ua`; empty for other classifiers.
    """

    name: str
    train: int
    test: int
    speakers: tuple[str, ...]
    ua: float
    wa: float
    seconds: float
    curve: tuple[Mapping[str, float], ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        train: int,
        seconds: float,
        predictions: Sequence[LabelledPrediction],
        labels: Sequence[str],
        curve: Sequence[Mapping[str, float]] = (),
    ) -> Self:
        """Compute the scores of a fold from its predictions."""
        counts = confusion(*list_columns(predictions), labels)
        ua, wa = (float(SCORES[score](counts)) for score in ("ua", "wa"))
        test, speakers = len(predictions), list_speakers(predictions)
        return cls(name, train, test, speakers, ua, wa, seconds, tuple(curve))

    @property
    def summary(self) -> str:
        """Return the score that is shown while an evaluation runs."""
        return f"UA {self.ua:.3f}"


@dataclasses.dataclass(frozen=True)
class ValueFold:
    """Scores of one fold with predictions of values; they are means over the targets.

    Fields are those of `FoldResult`, with `ccc` (concordance correlation coefficient) and `mae`
    (mean absolute error) as scores, and `valid_ccc` in the curve.
    """

    name: str
    train: int
    test: int
    speakers: tuple[str, ...]
    ccc: float
    mae: float
    seconds: float
    curve: tuple[Mapping[str, float], ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        train: int,
        seconds: float,
        predictions: Sequence[LabelledPrediction],
        labels: Sequence[str],  # noqa: ARG003 - `FoldResult.of` needs them
        curve: Sequence[Mapping[str, float]] = (),
    ) -> Self:
        """Compute the scores of a fold from its predictions."""
        sums = sum_values(predictions).sum(axis=0)
        ccc, mae = (float(VALUE_SCORES[score](sums)) for score in ("ccc", "mae"))
        who = list_speakers(predictions)
        return cls(name, train, len(predictions), who, ccc, mae, seconds, tuple(curve))

    @property
    def summary(self) -> str:
        """Return the score that is shown while an evaluation runs."""
        return f"CCC {self.ccc:.3f}"


def list_columns(predictions: Sequence[LabelledPrediction]) -> tuple[list[str], list[str]]:
    """Return the reference labels and the predicted ones."""
    return [one.reference for one in predictions], [one.predicted for one in predictions]


def list_speakers(predictions: Sequence[LabelledPrediction]) -> tuple[str, ...]:
    """Return the known speakers, sorted."""
    return tuple(sorted({one.speaker for one in predictions if one.speaker is not None}))


def group_speakers(predictions: Sequence[LabelledPrediction]) -> list[Hashable]:
    """Return the speaker of each prediction, or its recording if any speaker is unknown.

    Predictions of one recording, of several repeats or seeds, are in one group.
    """
    if any(one.speaker is None for one in predictions):
        return [(one.file, one.start) for one in predictions]
    return [one.speaker for one in predictions]


def list_pairs(
    predictions: Sequence[LabelledPrediction],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the true numbers and the predicted ones, `(items, numbers)` each."""
    truth = np.array([one.truth for one in predictions], dtype=np.float64)
    return truth, np.array([one.probabilities for one in predictions], dtype=np.float64)


def sum_values(predictions: Sequence[LabelledPrediction]) -> NDArray[np.float64]:
    """Sum the moments of true and predicted values over each speaker: `(speakers, targets, 7)`."""
    return sum_by_speaker(list_moments(*list_pairs(predictions)), group_speakers(predictions))


def sum_divergences(predictions: Sequence[LabelledPrediction]) -> NDArray[np.float64]:
    """Sum the divergences of true and predicted shares over each speaker: `(speakers, 2)`."""
    return sum_by_speaker(list_divergences(*list_pairs(predictions)), group_speakers(predictions))


def list_fields(one: FoldResult | ValueFold | LabelledPrediction) -> dict[str, Any]:
    """Return fields by name; truth and labels that are missing are left out.

    `dataclasses.asdict` copies deeply, which is slow by the thousand.
    """
    return {
        name: value
        for name, value in vars(one).items()
        if value or name not in {"truth", "reference", "predicted"}
    }


def prediction_from_json(data: Mapping[str, Any]) -> LabelledPrediction:
    """Make a prediction from JSON data."""
    numbers = {name: restore_nan(data.get(name, ())) for name in ("probabilities", "truth")}
    return LabelledPrediction(**{"reference": "", "predicted": "", **data, **numbers})


def curve_from_json(data: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Make the curve of a fold from JSON data."""
    return [dict(zip(epoch, restore_nan(epoch.values()), strict=True)) for epoch in data]


def restore_nan(values: Iterable[float | None]) -> tuple[float, ...]:
    """Return numbers of JSON data, with NaN in place of None.

    >>> restore_nan([0.5, None])
    (0.5, nan)
    """
    return tuple(math.nan if value is None else value for value in values)


def label_predictions(
    corpus: Corpus,
    table: pd.DataFrame,
    probabilities: NDArray[np.float64],
    labels: Sequence[str],
) -> list[LabelledPrediction]:
    """Return predictions with their items, speakers and reference labels.

    Args:
        corpus: corpus of the rows.
        table: predicted rows of its table.
        probabilities: shape `(rows, labels)`; the values of a corpus with such targets.
        labels: labels in the order of the probabilities.
    """
    items, speakers = list_items(table, corpus.root), _list_names(table, "speaker")
    truth = table[list(corpus.targets)].to_numpy(dtype=np.float64)
    about = zip(items, speakers, _list_names(table, "gender"), strict=True)
    columns = zip(about, table["emotion"], probabilities, truth, strict=True)
    return [
        LabelledPrediction(
            **item._asdict(),
            speaker=speaker,
            gender=gender,
            reference="" if corpus.has_values else str(emotion),
            predicted="" if corpus.has_values else labels[int(np.argmax(row))],
            # Six digits keep reports small; the label is chosen before rounding.
            probabilities=tuple(round(float(value), 6) for value in row),
            truth=tuple(round(float(value), 6) for value in true),
        )
        for (item, speaker, gender), emotion, row, true in columns
    ]


def _list_names(table: pd.DataFrame, column: str) -> list[str | None]:
    """Return the names in a column, or None where they are unknown."""
    if column not in table:
        return [None] * len(table)
    known = table[column].notna()
    return [str(name) if there else None for name, there in zip(table[column], known, strict=True)]

"""Compare models with the same labels: size, speed, agreement, accuracy."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np

from serenade._printable import format_table
from serenade.errors import InputError
from serenade.evaluation import unweighted_accuracy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from serenade.audio import Audio
    from serenade.inference._model import Model


@dataclasses.dataclass(frozen=True)
class ComparisonRow:
    """Measurements of one model.

    Args:
        name: name of the model.
        size: bytes of its files, including the encoder.
        times_real: seconds of speech predicted per second.
        largest: largest difference of a probability from the first model's.
        mean: mean difference of the probabilities from the first model's.
        agreement: share of recordings with the first model's emotion.
        ua: unweighted average recall among the emotions that occur; None without labels.
    """

    name: str
    size: int
    times_real: float
    largest: float
    mean: float
    agreement: float
    ua: float | None


def compare_models(
    models: Mapping[str, Model],
    sizes: Mapping[str, int],
    recordings: Iterable[Audio],
    emotions: Sequence[str] | None = None,
) -> list[ComparisonRow]:
    """Predict the same recordings with several models and compare the results.

    Args:
        models: models by name; the others are compared with the first.
        sizes: bytes of the models' files by name.
        recordings: recordings at the models' rate, which are taken one by one.
        emotions: true labels of the recordings, at least one of them a label of the models; None
            if they are unknown.

    Raises:
        AudioError: a recording cannot be used.
        InputError: there are no recordings.
    """
    results = predict_in_turn(models, recordings)
    first = next(iter(results.values())).posteriors
    rows = []
    for name, model in models.items():
        posteriors = results[name].posteriors
        away = np.abs(posteriors - first)
        rows.append(
            ComparisonRow(
                name,
                sizes[name],
                results[name].times_real,
                float(away.max()),
                float(away.mean()),
                float(np.mean(posteriors.argmax(axis=1) == first.argmax(axis=1))),
                None
                if emotions is None
                else unweighted_accuracy(
                    emotions, choose_labels(posteriors, model.labels, emotions)
                ),
            )
        )
    return rows


@dataclasses.dataclass(frozen=True)
class TimedPosteriors:
    """Posteriors of recordings from one model, with the time they took.

    Args:
        posteriors: shape `(recordings, classes)`.
        seconds: length of the recordings.
        spent: seconds of computation.
    """

    posteriors: NDArray[np.float64]
    seconds: float
    spent: float

    @property
    def times_real(self) -> float:
        """Seconds of speech predicted per second."""
        return self.seconds / self.spent


def predict_in_turn(
    models: Mapping[str, Model], recordings: Iterable[Audio]
) -> dict[str, TimedPosteriors]:
    """Predict each recording with all models before the next, so that load affects all alike.

    Args:
        models: models by name.
        recordings: see `compare_models`.

    Returns:
        Posteriors and times by name of the model.

    Raises:
        AudioError: a recording cannot be used.
        InputError: there are no recordings.
    """
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in models}
    spent = dict.fromkeys(models, 0.0)
    seconds = 0.0
    for number, recording in enumerate(recordings):
        seconds += recording.signal.size / recording.sampling_rate
        for name, model in models.items():
            if not number:
                model.probabilities(recording.signal)  # the first call allocates memory
            begun = time.perf_counter()
            found[name].append(model.probabilities(recording.signal))
            spent[name] += time.perf_counter() - begun
    if not seconds:
        raise InputError("nothing to compare with: give at least one recording")
    return {name: TimedPosteriors(np.stack(found[name]), seconds, spent[name]) for name in models}


def format_rows(rows: Sequence[ComparisonRow]) -> str:
    """Format rows as a Markdown table.

    >>> print(format_rows([ComparisonRow("fp32", 16_000_000, 131.7, 0.0, 0.0, 1.0, 0.954)]))
    | | MB | times real time | max. difference | mean | agreement | UA |
    |---|--:|--:|--:|--:|--:|--:|
    | fp32 | 16.0 | 132 | 0.0000 | 0.00000 | 100.0% | 0.954 |
    """
    head = ["", "MB", "times real time", "max. difference", "mean", "agreement", "UA"]
    cells = [
        [
            row.name,
            f"{row.size / 1e6:.1f}",
            f"{row.times_real:.0f}",
            f"{row.largest:.4f}",
            f"{row.mean:.5f}",
            f"{row.agreement:.1%}",
            "-" if row.ua is None else f"{row.ua:.3f}",
        ]
        for row in rows
    ]
    return format_table(head, cells, "lr")


def choose_labels(
    posteriors: NDArray[np.float64], labels: Sequence[str], emotions: Sequence[str]
) -> NDArray[np.str_]:
    """Return the most probable label of each recording among those in `emotions`.

    >>> posteriors = np.array([[0.5, 0.2, 0.3]])
    >>> choose_labels(posteriors, ["angry", "happy", "sad"], ["happy", "sad"]).item()
    'sad'
    """
    columns = [place for place, label in enumerate(labels) if label in set(emotions)]
    found: NDArray[np.str_] = np.array(labels)[columns][posteriors[:, columns].argmax(axis=1)]
    return found

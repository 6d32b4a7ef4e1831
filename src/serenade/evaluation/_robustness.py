"""Robustness: predict changed recordings, and compare with the recordings as they are."""

from __future__ import annotations

import dataclasses
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from serenade._progress import show_progress
from serenade.audio import Babble, read
from serenade.errors import AudioError
from serenade.evaluation._statistics import Answers, Interval, compute_difference, compute_intervals
from serenade.evaluation._trained_model import order_probabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from serenade.audio import Condition
    from serenade.evaluation._fold_result import LabelledPrediction
    from serenade.evaluation._report import Report
    from serenade.evaluation._trained_model import TrainedModel

    Signal = NDArray[np.float32]

_VOICES = 6
_NO_ANSWER = "no answer"


@dataclasses.dataclass(frozen=True)
class ConditionScore:
    """Scores of a model on changed recordings.

    Args:
        condition: name of the condition.
        ua: UA on the changed recordings; those without an answer count as wrong.
        change: UA less that on the recordings as they are.
        unchanged: share of predictions that stay the same.
        probability: mean change of the probability of the first prediction.
        unanswered: number of changed recordings without an answer.
    """

    condition: str
    ua: Interval
    change: Interval
    unchanged: float
    probability: float
    unanswered: int


def predict_conditions(
    model: TrainedModel,
    root: Path,
    report: Report,
    conditions: Mapping[str, Condition],
    seed: int,
    jobs: int | None,
) -> dict[str, NDArray[np.float64]]:
    """Predict changed recordings.

    Args:
        model: the model.
        root: folder that the files of the report are relative to.
        report: report of the recordings as they are.
        conditions: changes of the recordings by name.
        seed: random seed of the changes.
        jobs: number of threads; None for one per core.

    Returns:
        By the name of the change, probabilities `(recordings, labels)`; NaN without an answer.
    """
    rate, predictions = model.sampling_rate, report.predictions
    signals = [
        read(root / one.file, sampling_rate=rate, start=one.start, end=one.end).signal
        for one in predictions
    ]

    def predict(row: int) -> list[NDArray[np.float64]]:
        found = []
        for name, condition in conditions.items():
            rng = np.random.default_rng([seed, zlib.crc32(name.encode()), row])
            if isinstance(condition, Babble):
                condition = condition.among(_choose_voices(predictions, signals, row, rng))  # noqa: PLW2901
            found.append(_predict_signal(model, condition(signals[row], rate, rng), report.labels))
        return found

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        done = pool.map(predict, range(len(signals)))
        rows = list(show_progress(done, len(signals), report.corpus))
    return {
        name: np.stack(each) for name, each in zip(conditions, zip(*rows, strict=True), strict=True)
    }


def _choose_voices(
    predictions: Sequence[LabelledPrediction],
    signals: Sequence[Signal],
    row: int,
    rng: np.random.Generator,
) -> list[Signal]:
    """Return recordings of other speakers, or others of the speaker if there is only one."""
    mine = predictions[row].speaker
    others = [place for place, one in enumerate(predictions) if one.speaker != mine]
    others = others or [place for place in range(len(signals)) if place != row] or [row]
    return [signals[place] for place in rng.choice(others, _VOICES)]


def _predict_signal(
    model: TrainedModel, signal: Signal, labels: Sequence[str]
) -> NDArray[np.float64]:
    """Return the probabilities `(labels,)` of a signal, NaN if the model gives no answer."""
    try:
        found = model.predict(signal, model.sampling_rate).probabilities
    except AudioError:  # no speech is found, or too little
        return np.full(len(labels), np.nan)
    row: NDArray[np.float64] = order_probabilities([found], labels)[0]
    return row


def score_condition(report: Report, name: str, rows: NDArray[np.float64]) -> ConditionScore:
    """Compare predictions of changed recordings with those of the recordings as they are.

    Args:
        report: report of the recordings as they are.
        name: name of the change.
        rows: probabilities that `predict_conditions` returns.
    """
    labels = (*report.labels, _NO_ANSWER)
    reference = [one.reference for one in report.predictions]
    before = [one.predicted for one in report.predictions]
    silent = np.isnan(rows).any(axis=1)
    best = np.where(silent, len(report.labels), np.argmax(np.nan_to_num(rows), axis=1))
    after = [labels[place] for place in best]
    speakers = [one.speaker for one in report.predictions]
    known = None if None in speakers else speakers
    answers = Answers(reference, after, known)
    places = [report.labels.index(label) for label in before]
    old = np.array(
        [one.probabilities[place] for one, place in zip(report.predictions, places, strict=True)]
    )
    moved = (rows[np.arange(len(rows)), places] - old)[~silent]
    return ConditionScore(
        condition=name,
        ua=compute_intervals(*answers, labels=labels, scores=("ua",))["ua"],
        change=compute_difference(answers, Answers(reference, before, known), labels, paired=True),
        unchanged=float(np.mean([one == other for one, other in zip(before, after, strict=True)])),
        probability=float(moved.mean()) if moved.size else float("nan"),
        unanswered=int(silent.sum()),
    )

"""Calibration: how well the confidence of predictions agrees with their accuracy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from serenade.evaluation._fold_result import LabelledPrediction
    from serenade.evaluation._report import Report

BINS = 15


@dataclasses.dataclass(frozen=True)
class Bin:
    """Predictions of similar confidence.

    Args:
        count: number of predictions.
        confidence: mean of their highest probabilities.
        accuracy: share of correct predictions.
    """

    count: int
    confidence: float
    accuracy: float


def compute_reliability(confidence: ArrayLike, correct: ArrayLike, bins: int = BINS) -> list[Bin]:
    """Compute accuracy in bins of equal width of confidence (Guo et al. 2017, section 2).

    Args:
        confidence: highest probability of each prediction, shape `(predictions,)`.
        correct: true where a prediction is correct, shape `(predictions,)`.
        bins: number of bins between 0 and 1.

    Returns:
        The bins that hold any prediction, by ascending confidence.
    """
    confidence, right = np.asarray(confidence), np.asarray(correct, dtype=np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        Bin(int(here.sum()), float(confidence[here].mean()), float(right[here].mean()))
        for here in (place == number for number in range(bins))
        if here.any()
    ]


def calibration_error(confidence: ArrayLike, correct: ArrayLike, bins: int = BINS) -> float:
    """Compute the expected calibration error (Guo et al. 2017, equation 3).

    It is the mean difference between confidence and accuracy over the bins, weighted by the number
    of predictions in each.

    Args:
        confidence: see `compute_reliability`.
        correct: see `compute_reliability`.
        bins: see `compute_reliability`.
    """
    found = compute_reliability(confidence, correct, bins)
    total = sum(one.count for one in found)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in found) / total


def get_confidence(predictions: Sequence[LabelledPrediction]) -> tuple[list[float], list[bool]]:
    """Return the confidence of each prediction, and whether it is correct."""
    return (
        [max(one.probabilities) for one in predictions],
        [one.predicted == one.reference for one in predictions],
    )


def draw_reliability(report: Report) -> Figure:
    """Draw accuracy over confidence, with the number of predictions below.

    Args:
        report: report whose predictions are drawn.
    """
    from matplotlib.figure import Figure

    measured = get_confidence(report.predictions)
    found = compute_reliability(*measured)
    figure = Figure(figsize=(3.2, 3.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="0.6", linewidth=0.6, linestyle="--")
    above.plot(
        [one.confidence for one in found],
        [one.accuracy for one in found],
        color="black",
        marker="o",
        markersize=3,
        clip_on=False,
    )
    above.set_ylabel("accuracy")
    above.set_ylim(0, 1)
    above.set_title(_describe_reliability(*measured) + f"\n{report.system} on {report.corpus}")
    places = [one.confidence for one in found]
    below.bar(places, [one.count for one in found], width=0.8 / BINS, color="0.6")
    below.set_ylabel("predictions")
    below.set_xlabel("confidence")
    below.set_xlim(0, 1)
    return figure


def _describe_reliability(confidence: Sequence[float], correct: Sequence[bool]) -> str:
    """Describe the calibration in words."""
    gap = sum(confidence) / len(confidence) - sum(correct) / len(correct)
    side = "above" if gap >= 0 else "below"
    error = calibration_error(confidence, correct)
    return f"Confidence is {abs(gap):.2f} {side} accuracy (ECE {error:.3f})"

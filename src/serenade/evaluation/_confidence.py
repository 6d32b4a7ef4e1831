"""Measure how far probabilities can be trusted: calibration error, and risk at each coverage."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

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


COVERAGES = (1.0, 0.8, 0.5, 0.2)
"""Shares of answered predictions that reports list."""


def compute_risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> NDArray[np.float64]:
    """Compute the risk at each coverage (Geifman & El-Yaniv 2017, section 2).

    Predictions of equal confidence share their errors, so the result does not depend on their
    order.

    Args:
        confidence: highest probability of each prediction, shape `(predictions,)`.
        correct: true where a prediction is correct, shape `(predictions,)`.

    Returns:
        Share of errors among the n most confident predictions, n = 1 … all, shape
        `(predictions,)`.

    >>> compute_risk_coverage([0.9, 0.6, 0.8], [True, False, True]).tolist()
    [0.0, 0.0, 0.3333333333333333]
    """
    wrong = 1.0 - np.asarray(correct, dtype=np.float64)
    values, group = np.unique(-np.asarray(confidence, dtype=np.float64), return_inverse=True)
    counts = np.bincount(group, minlength=len(values))
    mean = np.bincount(group, weights=wrong, minlength=len(values)) / counts
    risk: NDArray[np.float64] = np.cumsum(np.repeat(mean, counts)) / np.arange(1, len(wrong) + 1)
    return risk


def compute_area(risk: NDArray[np.float64]) -> float:
    """Compute the area under a risk-coverage curve, the mean risk over all coverages.

    Args:
        risk: result of `compute_risk_coverage`.
    """
    return float(risk.mean())


def list_accuracies(risk: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return the accuracy at each of `COVERAGES`.

    Args:
        risk: result of `compute_risk_coverage`.

    >>> list_accuracies(np.array([0.0, 0.5]))
    [(1.0, 0.5), (0.8, 0.5), (0.5, 1.0), (0.2, 1.0)]
    """
    counts = [max(1, round(coverage * len(risk))) for coverage in COVERAGES]
    return [
        (coverage, 1.0 - float(risk[count - 1]))
        for coverage, count in zip(COVERAGES, counts, strict=True)
    ]


def draw_risk_coverage(report: Report) -> Figure:
    """Draw the error rate over the share of answered predictions.

    Args:
        report: report whose predictions are drawn.
    """
    from matplotlib.figure import Figure

    risk = compute_risk_coverage(*get_confidence(report.predictions))
    figure = Figure(figsize=(3.2, 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(np.arange(1, len(risk) + 1) / len(risk), risk, color="black")
    half = dict(list_accuracies(risk))[0.5]
    axes.set_title(
        f"Of the most confident half, {half:.0%} are right\n"
        f"{report.system} on {report.corpus}, area {compute_area(risk):.3f}"
    )
    axes.set_xlabel("coverage (share answered, most confident first)")
    axes.set_ylabel("risk (share of errors)")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(0.05, 1.05 * float(risk.max())))
    return figure

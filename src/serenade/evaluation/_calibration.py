"""Whether probabilities mean what they say."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from serenade.evaluation._report import Prediction, Report

BINS = 15


@dataclasses.dataclass(frozen=True)
class Bin:
    """Predictions of like confidence.

    Args:
        count: how many.
        confidence: their mean highest probability.
        accuracy: the share that is right.
    """

    count: int
    confidence: float
    accuracy: float


def compute_reliability(predictions: Sequence[Prediction], bins: int = BINS) -> list[Bin]:
    """Confidence beside accuracy, in bins of equal width (Guo et al. 2017, section 2).

    Args:
        predictions: with probabilities.
        bins: how many between 0 and 1.

    Returns:
        The bins that hold any, from the lowest confidence up.
    """
    confidence = np.array([max(one.probabilities) for one in predictions])
    right = np.array([one.predicted == one.reference for one in predictions], dtype=np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        Bin(int(here.sum()), float(confidence[here].mean()), float(right[here].mean()))
        for here in (place == number for number in range(bins))
        if here.any()
    ]


def calibration_error(predictions: Sequence[Prediction], bins: int = BINS) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over predictions.

    Args:
        predictions: with probabilities.
        bins: see `compute_reliability`.
    """
    found = compute_reliability(predictions, bins)
    total = sum(one.count for one in found)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in found) / total


def draw_reliability(report: Report) -> Figure:
    """Draw accuracy over confidence, with the number of predictions below.

    Args:
        report: whose predictions.
    """
    from matplotlib.figure import Figure

    found = compute_reliability(report.predictions)
    figure = Figure(figsize=(3.2, 3.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="0.6", linewidth=0.6, linestyle="--")
    above.plot(
        [one.confidence for one in found],
        [one.accuracy for one in found],
        color="black",
        marker="o",
        markersize=3,
        linewidth=0.8,
    )
    above.set_ylabel("accuracy")
    above.set_ylim(0, 1)
    error = calibration_error(report.predictions)
    above.set_title(f"{report.system} on {report.corpus}, ECE {error:.3f}", fontsize="medium")
    places = [one.confidence for one in found]
    below.bar(places, [one.count for one in found], width=0.8 / BINS, color="0.6")
    below.set_ylabel("predictions")
    below.set_xlabel("confidence")
    below.set_xlim(0, 1)
    for axes in (above, below):
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return figure

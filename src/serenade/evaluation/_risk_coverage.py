"""Risk-coverage curve: the error rate if only the most confident predictions are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from serenade.evaluation._calibration import get_confidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from serenade.evaluation._report import Report

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

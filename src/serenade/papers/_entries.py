"""Scores of papers with ours, as data."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.evaluation import COMPARED_SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serenade.evaluation import Report


@dataclasses.dataclass(frozen=True)
class Entry:
    """Score of a paper with our scores.

    Args:
        paper: name of the paper's system.
        table: name of the table in the paper.
        row: name of the row in the paper.
        metric: `ua`, `wa` or `f1_weighted`.
        corpus: corpus of our scores.
        stands_for: corpus of the paper, if it is another one.
        paper_value: score that the paper prints for this corpus; None if it prints none.
        paper_protocol: our score by the paper's protocol, mean over seeds; None if it was not run.
        speaker_independent: our score on unseen speakers; None if it was not run.
        low: lower end of its 95% interval over speakers.
        high: upper end of that interval.
        paper_low: lower end of the interval by the paper's protocol.
        paper_high: upper end of that interval.
        seeds: number of seeds by the paper's protocol.
        spread: standard deviation over seeds; None for one seed.
        speaker_dependent: whether the paper's protocol trains on test speakers.
        incomplete: label of a corpus with missing recordings; empty if it is complete.
        reason: reason for a missing score; empty if there is none.
        fast: whether this is a quick look, which must not be quoted.
        runs: names of the runs.
        label: what the runs were made with, as far as the names of row and corpus do not tell it.
        fold_mean: mean over the folds on unseen speakers, which some papers print in place of the
            score over all predictions; None if there is one fold.
    """

    paper: str
    table: str
    row: str
    metric: str
    corpus: str
    stands_for: str
    paper_value: float | None
    paper_protocol: float | None = None
    speaker_independent: float | None = None
    low: float | None = None
    high: float | None = None
    paper_low: float | None = None
    paper_high: float | None = None
    seeds: int = 0
    spread: float | None = None
    speaker_dependent: bool | None = None
    incomplete: str = ""
    reason: str = ""
    fast: bool = False
    runs: tuple[str, ...] = ()
    label: str = ""
    fold_mean: float | None = None


def score_by_paper(metric: str, reports: Sequence[Report]) -> Mapping[str, Any]:
    """Return the fields of an entry on the paper's protocol."""
    if not reports:
        return {}
    values, low, high = _pool_seeds(metric, reports)
    return {
        "paper_protocol": float(np.mean(values)),
        "paper_low": low,
        "paper_high": high,
        "seeds": len(reports),
        "spread": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "speaker_dependent": not all(report.speaker_independent for report in reports),
    }


def score_unseen(metric: str, reports: Sequence[Report]) -> Mapping[str, Any]:
    """Return the fields of an entry on unseen speakers."""
    if not reports:
        return {}
    values, low, high = _pool_seeds(metric, reports)
    folded = metric in COMPARED_SCORES and len(reports[0].folds) > 1
    means = [report.over_folds(metric)[0] for report in reports] if folded else []
    return {
        "speaker_independent": float(np.mean(values)),
        "low": low,
        "high": high,
        "fold_mean": float(np.mean(means)) if means else None,
    }


def _pool_seeds(
    metric: str, reports: Sequence[Report]
) -> tuple[list[float], float | None, float | None]:
    """Return the score of each seed, and the interval of all."""
    return [report.metrics[metric].value for report in reports], *compute_pooled_interval(
        metric, reports
    )


def compute_pooled_interval(
    metric: str, reports: Sequence[Report]
) -> tuple[float | None, float | None]:
    """Compute the interval of a score over the predictions of several seeds."""
    if len(reports) == 1:
        found = reports[0].metrics[metric]
    else:
        together = dataclasses.replace(
            reports[0],
            folds=tuple(fold for report in reports for fold in report.folds),
            predictions=tuple(one for report in reports for one in report.predictions),
        )
        found = together.metrics[metric]
    return _number(found.low), _number(found.high)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value

"""Scores of papers with ours, as data."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.errors import EvaluationError
from serenade.evaluation import COMPARED_SCORES, FoldResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from serenade.evaluation import Report
    from serenade.papers._paper_tables import Matrix, Paper, Table

METRIC_TITLES = {"ua": "UA", "wa": "WA", "f1_weighted": "F1"}


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
    found = pool_reports(reports).metrics[metric]
    return _number(found.low), _number(found.high)


def pool_reports(reports: Sequence[Report]) -> Report:
    """Return a report that holds the predictions of several seeds."""
    if len(reports) == 1:
        return reports[0]
    return dataclasses.replace(
        reports[0],
        folds=tuple(fold for report in reports for fold in report.folds),
        predictions=tuple(one for report in reports for one in report.predictions),
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def split_by_table(
    paper: Paper, entries: Sequence[Entry]
) -> Iterator[tuple[Table, Sequence[Entry]]]:
    """Yield each table of a paper with its entries."""
    place = 0
    for table in paper.tables:
        count = sum(len(row.values) for row in table.rows) * len(table.places)
        yield table, entries[place : place + count]
        place += count


def enlarge_tests(report: Report) -> Report:
    """Return a report whose test set also holds the changed copies of its clips.

    Raises:
        EvaluationError: the report has no predictions of copies.
    """
    if not report.conditions:
        raise EvaluationError("the kept run has no copies of test clips; make it again")
    folds, predictions, start = [], [], 0
    for fold in report.folds:
        rows = slice(start, start + fold.test)
        clips = report.predictions[rows]
        copies = [
            # Reports keep the labels of copies without their probabilities.
            dataclasses.replace(clip, predicted=label, probabilities=())
            for labels in report.conditions.values()
            for clip, label in zip(clips, labels[rows], strict=True)
        ]
        tested = [*clips, *copies]
        folds.append(FoldResult.of(fold.name, fold.train, fold.seconds, tested, report.labels))
        predictions += tested
        start = rows.stop
    return dataclasses.replace(report, folds=tuple(folds), predictions=tuple(predictions))


def get_matrix_reports(
    matrix: Matrix, entries: Sequence[Entry], kept: Callable[[str], Report | None]
) -> list[Report]:
    """Return the reports of a matrix' row by the paper's protocol, one for each seed.

    Args:
        matrix: matrix of the paper.
        entries: entries of its table.
        kept: returns the report of a run by its name.
    """
    entry = next((entry for entry in entries if entry.row == matrix.row), None)
    if entry is None:
        return []
    found = [report for report in map(kept, entry.runs) if report is not None]
    if entry.speaker_dependent is False:  # the paper itself tests unseen speakers
        return found
    return [report for report in found if not report.speaker_independent]

"""Keep adapted posteriors in a report, and report them as transductive next to the plain ones."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

from serenade.errors import EvaluationError
from serenade.evaluation._adapted_fold import AdaptationPlan
from serenade.evaluation._fold_result import restore_nan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from serenade.adaptation import Expect
    from serenade.evaluation._report import Report

_WARNING = (
    "transductive: the tested recordings, without their labels, take part in their predictions"
)


@dataclasses.dataclass(frozen=True)
class AdaptedPosteriors:
    """Posteriors of the predictions of a report after adaptation.

    Args:
        expect: see `AdaptationPlan`.
        by: see `AdaptationPlan`.
        probabilities: probability of each label of the report, in the order of its predictions.
    """

    expect: Expect
    by: str
    probabilities: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, plan: AdaptationPlan, folds: Iterable[NDArray[Any]]) -> Self:
        """Join the posteriors of folds; six digits keep reports small, as those of predictions."""
        rows = (tuple(round(float(p), 6) for p in row) for found in folds for row in found)
        return cls(plan.expect, plan.by, tuple(rows))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], count: int) -> Self:
        """Make them from the data that `to_dict` returns.

        Args:
            data: the data.
            count: number of predictions of the report.

        Raises:
            EvaluationError: there are posteriors of another number of predictions.
        """
        rows = tuple(map(restore_nan, data["probabilities"]))
        if len(rows) != count:
            raise EvaluationError(
                f"{len(rows)} adapted posteriors, but {count} predictions; evaluate again"
            )
        plan = AdaptationPlan(data["assumed"], data["by"])
        return cls(plan.expect, plan.by, rows)

    def to_dict(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Return JSON data.

        Args:
            metrics: scores of the adapted predictions as JSON data.
        """
        rows = [list(row) for row in self.probabilities]
        stated = {"transductive": True, "assumed": self.expect, "by": self.by}
        return stated | {"metrics": metrics, "probabilities": rows}

    @property
    def description(self) -> str:
        """Describe the adaptation in a phrase."""
        return str(AdaptationPlan(self.expect, self.by))


def make_adapted_report(report: Report) -> Report:
    """Return a report whose predictions and scores are the adapted ones.

    Args:
        report: report with adapted posteriors.
    """
    adapted = report.adapted
    if adapted is None:
        raise EvaluationError("the report has no adapted posteriors; evaluate with adapt=")
    pairs = zip(report.predictions, adapted.probabilities, strict=True)
    predictions = tuple(
        dataclasses.replace(one, probabilities=row, predicted=report.labels[row.index(max(row))])
        for one, row in pairs
    )
    folds, first = [], 0
    for fold in report.folds:
        part = predictions[first : first + fold.test]
        stated = (fold.name, fold.train, fold.seconds)
        folds.append(type(fold).of(*stated, part, report.labels, fold.curve))
        first += fold.test
    return dataclasses.replace(
        report,
        folds=tuple(folds),
        predictions=predictions,
        recipe={**report.recipe, "adapted": f"{adapted.expect} by {adapted.by} (transductive)"},
        notes=(*report.notes, f"{adapted.description}; {_WARNING}"),
        conditions={},
        adapted=None,
    )


def list_variants(report: Report) -> Iterator[Report]:
    """Yield a report, and its adapted one if it has adapted posteriors."""
    yield report
    if report.adapted is not None:
        yield make_adapted_report(report)

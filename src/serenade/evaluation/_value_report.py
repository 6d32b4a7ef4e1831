"""Report of predictions of values, such as arousal, in place of labels."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from serenade._concordance import VALUE_SCORES
from serenade.evaluation._fold_result import ValueFold, sum_values
from serenade.evaluation._paired_tests import Difference, permute_clusters
from serenade.evaluation._report import Report
from serenade.evaluation._statistics import Interval, bootstrap_scores

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from serenade.evaluation._fold_result import LabelledPrediction
    from serenade.evaluation._statistics import Scores


@dataclasses.dataclass(frozen=True, repr=False)
class ValueReport(Report):
    """Report of an evaluation of values; see `Report`.

    `labels` are the names of the values, and `metrics` the concordance correlation coefficient
    (CCC; Lin 1989), Pearson's correlation and the mean absolute error: means over the values, and
    with several values also those of each. There is no accuracy and no confusion matrix.
    """

    scores: ClassVar[Scores] = VALUE_SCORES
    compared: ClassVar[tuple[str, str]] = ("ccc", "mae")
    fold_type: ClassVar[type[ValueFold]] = ValueFold

    def count_confusion(self) -> NDArray[np.int64]:
        """Return an empty matrix: values are not confused."""
        return np.zeros((0, 0), dtype=np.int64)

    def sum_by_speaker(self, predictions: Sequence[LabelledPrediction]) -> NDArray[Any]:
        """Return the sums of each speaker that the scores of predictions are computed from."""
        return sum_values(predictions)

    def score(
        self, predictions: Sequence[LabelledPrediction], names: Sequence[str]
    ) -> dict[str, Interval]:
        """Compute scores of predictions, and with all of the `scores` those of each value."""
        sums = self.sum_by_speaker(predictions)
        chosen = {name: self.scores[name] for name in names}
        found = bootstrap_scores(sums, chosen)
        if len(self.labels) > 1 and len(names) == len(self.scores):
            for place, label in enumerate(self.labels):
                one = bootstrap_scores(sums[:, place : place + 1], chosen)
                found |= {f"{name} {label}": interval for name, interval in one.items()}
        return found

    def test_against(
        self, mine: Sequence[LabelledPrediction], others: Sequence[LabelledPrediction]
    ) -> tuple[Difference, float]:
        """Test the CCC of two systems; McNemar's test, which counts right labels, gives NaN."""
        sums = self.sum_by_speaker(mine), self.sum_by_speaker(others)
        return permute_clusters(*sums, self.scores["ccc"]), math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data; NaN becomes None."""
        return {"target": "values", **super().to_dict()}

    def to_figures(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Draw `scatter`, predicted over true values; see `Report.to_figures`."""
        from serenade.evaluation._figures import draw_figure, make_scatter_figure

        return draw_figure(lambda: make_scatter_figure(self), Path(folder) / "scatter")

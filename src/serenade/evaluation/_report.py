"""Report of an evaluation: its settings, its scores with intervals, and all predictions."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import statistics as spread
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from serenade._atomic import write_atomically
from serenade._concordance import SHARE_SCORES
from serenade._printable import drop_nan, dump_json
from serenade.errors import EvaluationError
from serenade.evaluation._adapted_report import AdaptedPosteriors, make_adapted_report
from serenade.evaluation._fold_result import (
    FoldResult,
    LabelledPrediction,
    ValueFold,
    curve_from_json,
    group_speakers,
    list_columns,
    list_fields,
    prediction_from_json,
    sum_divergences,
)
from serenade.evaluation._metrics import SCORES, confusion
from serenade.evaluation._paired_tests import Difference, mcnemar, permute_clusters
from serenade.evaluation._statistics import (
    Interval,
    bootstrap_scores,
    compute_intervals,
    count_by_speaker,
    describe_limits,
    format_interval,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from serenade.evaluation._statistics import Scores

_DAMAGED = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError)


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """Report of an evaluation; `evaluate` makes it, `to_json` and `from_json` write and read it.

    Args:
        system: name of the system.
        corpus: name of the corpus.
        licence: licence of the corpus.
        protocol: name of the protocol.
        speaker_independent: whether no test speaker occurs in training or validation.
        seed: random seed of the folds and the estimators.
        versions: versions of the libraries, by name.
        seconds: wall time of the evaluation.
        folds: scores of the folds, in their order.
        labels: order of rows, columns and probabilities.
        notes: facts that a reader needs to interpret the scores.
        predictions: predictions of all folds, in their order.
        command: shell command that repeats the evaluation; empty if there is none.
        recipe: settings of the system, by name.
        conditions: predicted labels of changed test recordings, by the name of the change, in the
            order of `predictions`.
        incomplete: label of a corpus with missing recordings; empty if it is complete.
        adapted: posteriors adapted to unlabelled test recordings; None without.
        metrics: scores of all predictions with intervals, computed from the predictions: four of
            labels, and the Jensen-Shannon divergence if the truth is shares of votes.
        confusion: counts of predictions, computed from them; rows are the reference.
    """

    system: str
    corpus: str
    licence: str
    protocol: str
    speaker_independent: bool
    seed: int
    versions: Mapping[str, str]
    seconds: float
    folds: tuple[FoldResult | ValueFold, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    predictions: tuple[LabelledPrediction, ...]
    command: str = ""
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    conditions: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    incomplete: str = ""
    adapted: AdaptedPosteriors | None = None
    metrics: Mapping[str, Interval] = dataclasses.field(init=False)
    confusion: tuple[tuple[int, ...], ...] = dataclasses.field(init=False)

    scores: ClassVar[Scores] = SCORES
    compared: ClassVar[tuple[str, str]] = ("ua", "wa")
    fold_type: ClassVar[type[FoldResult | ValueFold]] = FoldResult

    def __post_init__(self) -> None:
        counts = self.count_confusion()
        object.__setattr__(self, "metrics", self.score(self.predictions, tuple(self.scores)))
        object.__setattr__(self, "confusion", tuple(map(tuple, counts.tolist())))

    def count_confusion(self) -> NDArray[np.int64]:
        """Count the confusion matrix of the predictions."""
        return confusion(*list_columns(self.predictions), self.labels)

    def sum_by_speaker(self, predictions: Sequence[LabelledPrediction]) -> NDArray[Any]:
        """Return the sums of each speaker that the scores of predictions are computed from."""
        return count_by_speaker(
            *list_columns(predictions), group_speakers(predictions), self.labels
        )

    def score(
        self, predictions: Sequence[LabelledPrediction], names: Sequence[str]
    ) -> dict[str, Interval]:
        """Compute scores of predictions of this kind of report, with intervals.

        Args:
            predictions: predictions of this report, or of others of the same kind.
            names: scores to compute, names of `scores`; with all of them, also the divergence if
                the truth is shares of votes.
        """
        chosen = {name: self.scores[name] for name in names}
        found = bootstrap_scores(self.sum_by_speaker(predictions), chosen)
        if len(names) == len(self.scores) and predictions[0].truth:
            found |= bootstrap_scores(sum_divergences(predictions), SHARE_SCORES)
        return found

    def test_against(
        self, mine: Sequence[LabelledPrediction], others: Sequence[LabelledPrediction]
    ) -> tuple[Difference, float]:
        """Test the main score of two systems' predictions of the same items of known speakers.

        Returns:
            The permutation test over speakers, and the p-value of McNemar's test over items.
        """
        sums = self.sum_by_speaker(mine), self.sum_by_speaker(others)
        permuted = permute_clusters(*sums, self.scores[self.compared[0]])
        reference, found = list_columns(mine)
        return permuted, mcnemar(reference, found, list_columns(others)[1]).p

    def __repr__(self) -> str:
        scores = ", ".join(
            f"{name.upper()} {format_interval(one)}"
            for name, one in self.metrics.items()
            if name in self.compared
        )
        return f"Report({self.system} on {self.corpus}, {self.label}: {scores})"

    def _repr_html_(self) -> str:
        """Show the scores and the confusion matrix, for notebooks."""
        from serenade.evaluation._markdown import to_html

        return to_html(self)

    @property
    def label(self) -> str:
        """Return the protocol, followed by "speaker-dependent" or "speaker-independent"."""
        kind = "speaker-independent" if self.speaker_independent else "speaker-dependent"
        return kind if self.protocol == kind else f"{self.protocol}, {kind}"

    @property
    def cautions(self) -> tuple[str, ...]:
        """Return the limits of the intervals."""
        if any(one.speaker is None for one in self.predictions):
            return ("speakers are unknown: intervals resample recordings, and are too narrow",)
        return tuple(filter(None, [describe_limits(self.metrics[self.compared[0]])]))

    def robustness(self) -> dict[str, Interval]:
        """Compute UA on changed test recordings, by the name of the change."""
        reference, _ = list_columns(self.predictions)
        by = group_speakers(self.predictions)
        return {
            name: compute_intervals(reference, found, by, labels=self.labels, scores=("ua",))["ua"]
            for name, found in self.conditions.items()
        }

    def over_folds(self, score: str) -> tuple[float, float]:
        """Compute mean and standard deviation (n - 1) of a score of `compared` over the folds.

        Returns:
            Mean and deviation; the deviation of a single fold is NaN.
        """
        values = [float(getattr(fold, score)) for fold in self.folds]
        return spread.mean(values), spread.stdev(values) if len(values) > 1 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data; NaN and infinite numbers become None."""
        plain = ("system", "corpus", "incomplete", "licence", "protocol")
        data = {name: getattr(self, name) for name in (*plain, "speaker_independent", "seed")} | {
            "versions": dict(self.versions),
            "seconds": self.seconds,
            "folds": [list_fields(fold) for fold in self.folds],
            "metrics": _list_metrics(self.metrics),
            "labels": self.labels,
            "confusion": self.confusion,
            "notes": self.notes,
            "predictions": [list_fields(one) for one in self.predictions],
            "command": self.command,
            "recipe": dict(self.recipe),
            "conditions": dict(self.conditions),
            **self._list_adapted(),
        }
        result: dict[str, Any] = drop_nan(data)
        return result

    def _list_adapted(self) -> dict[str, Any]:
        """Return the adapted posteriors as JSON data, with their scores."""
        if self.adapted is None:
            return {}
        metrics = _list_metrics(make_adapted_report(self).metrics)
        return {"adapted": self.adapted.to_dict(metrics)}

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as JSON in UTF-8.

        Args:
            path: the file, which is replaced in one step.
        """
        return write_atomically(path, f"{self.to_text()}\n".encode())

    def to_text(self) -> str:
        """Return the report as JSON, with a line for each fold and prediction."""
        return format_report(self.to_dict())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Self:
        """Read a report; every score is computed again from the predictions.

        Args:
            path: file that `to_json` wrote.

        Raises:
            EvaluationError: no such file, or something in it is missing or contradicts itself.
        """
        with name_file(path):
            return cls.from_dict(json.loads(Path(path).read_bytes()))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a report from the data that `to_dict` returns.

        Raises:
            EvaluationError: folds and predictions do not fit each other.
        """
        labels = tuple(data["labels"])
        if data.get("target") == "values" and cls is Report:
            from serenade.evaluation._value_report import ValueReport

            return ValueReport.from_dict(data)  # type: ignore[return-value]
        predictions = tuple(map(prediction_from_json, data["predictions"]))
        counts = [int(fold["test"]) for fold in data["folds"]]
        if sum(counts) != len(predictions):
            raise EvaluationError(
                f"the folds have {sum(counts)} test rows, but there are {len(predictions)} "
                "predictions; evaluate again"
            )
        folds, first = [], 0
        for fold, count in zip(data["folds"], counts, strict=True):
            part = predictions[first : first + count]
            stated = (fold["name"], fold["train"], fold["seconds"])
            curve = curve_from_json(fold.get("curve", ()))
            folds.append(cls.fold_type.of(*stated, part, labels, curve))
            first += count
        same = (
            *("system", "corpus", "licence", "protocol", "speaker_independent", "seed"),
            *("versions", "seconds", "command", "recipe"),
        )
        return cls(
            **{name: data[name] for name in same},
            folds=tuple(folds),
            labels=labels,
            notes=tuple(data["notes"]),
            incomplete=data.get("incomplete", ""),
            conditions={name: tuple(found) for name, found in data.get("conditions", {}).items()},
            predictions=predictions,
            adapted=AdaptedPosteriors.from_dict(data["adapted"], len(predictions))
            if "adapted" in data
            else None,
        )

    def to_markdown(self) -> str:
        """Return the report as Markdown: scores with intervals, confusion matrix, folds, notes."""
        from serenade.evaluation._markdown import to_markdown

        return to_markdown(self)

    def to_figures(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Draw `confusion`, `reliability` and `risk_coverage`, each as `.png` (300 dpi) and `.pdf`.

        Args:
            folder: made where it is missing.

        Returns:
            The files.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        from serenade.evaluation._confidence import draw_reliability, draw_risk_coverage
        from serenade.evaluation._figures import draw_figure, make_confusion_figure

        folder = Path(folder)
        confusion = draw_figure(lambda: make_confusion_figure(self), folder / "confusion")
        reliability = draw_figure(lambda: draw_reliability(self), folder / "reliability")
        risk = draw_figure(lambda: draw_risk_coverage(self), folder / "risk_coverage")
        return [*confusion, *reliability, *risk]


@contextlib.contextmanager
def name_file(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in the errors of reading a report from it.

    Args:
        path: the file.

    Raises:
        EvaluationError: the block met damage, or a report that contradicts itself.
    """
    try:
        yield
    except EvaluationError as error:
        raise EvaluationError(f"{path}: {error}") from error
    except _DAMAGED as error:
        raise EvaluationError(
            f"{path}: no report in it ({type(error).__name__}: {error}); "
            "give a report.json or .json.gz that an evaluation wrote"
        ) from error


def format_report(data: Mapping[str, Any]) -> str:
    """Format the data of a report as JSON, with a line for each fold and prediction."""
    lines = []
    for name, value in data.items():
        by_line = name in {"folds", "predictions"}
        text = ",\n  ".join(map(dump_json, value)) if by_line else dump_json(value)
        lines.append(f' "{name}": ' + (f"[\n  {text}\n ]" if by_line else text))
    return "{\n" + ",\n".join(lines) + "\n}"


def _list_metrics(metrics: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    """Return scores with the ends of their intervals."""
    return {name: one.to_dict() for name, one in metrics.items()}

"""Report of an evaluation: its settings, its scores with intervals, and all predictions."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import statistics as spread
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from serenade._atomic import write_atomically
from serenade._printable import dump_json
from serenade.errors import EvaluationError
from serenade.evaluation._adapted_report import AdaptedPosteriors, make_adapted_report
from serenade.evaluation._metrics import SCORES, confusion
from serenade.evaluation._statistics import Interval, compute_intervals, describe_limits

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

_DAMAGED = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError)


@dataclasses.dataclass(frozen=True)
class LabelledPrediction:
    """Prediction of a test item, with its reference label.

    Args:
        file: path relative to the root of the corpus.
        start: beginning in seconds.
        end: end in seconds; None for the end of the file.
        speaker: name of the speaker; None if unknown.
        reference: the true label.
        predicted: the label of the highest probability.
        probabilities: probability of each label of the report, in their order.
        gender: gender of the speaker; None if unknown.
    """

    file: str
    start: float
    end: float | None
    speaker: str | None
    reference: str
    predicted: str
    probabilities: tuple[float, ...]
    gender: str | None = None


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """Scores of one fold.

    Args:
        name: name of the fold, such as "speaker 03".
        train: number of training rows.
        test: number of test rows.
        speakers: known test speakers, sorted.
        ua: unweighted accuracy over the classes of the test rows.
        wa: weighted accuracy.
        seconds: wall time of training and testing.
        curve: for each epoch of a network, `train_loss` and, with validation rows, `valid_loss` and
            `valid_ua`; empty for other classifiers.
    """

    name: str
    train: int
    test: int
    speakers: tuple[str, ...]
    ua: float
    wa: float
    seconds: float
    curve: tuple[Mapping[str, float], ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        train: int,
        seconds: float,
        predictions: Sequence[LabelledPrediction],
        labels: Sequence[str],
        curve: Sequence[Mapping[str, float]] = (),
    ) -> Self:
        """Compute the scores of a fold from its predictions."""
        counts = confusion(*_list_columns(predictions), labels)
        speakers = tuple(sorted({one.speaker for one in predictions if one.speaker is not None}))
        ua, wa = (float(SCORES[score](counts)) for score in ("ua", "wa"))
        return cls(name, train, len(predictions), speakers, ua, wa, seconds, tuple(curve))


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
        metrics: four scores of all predictions with intervals, computed from the predictions.
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
    folds: tuple[FoldResult, ...]
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

    def __post_init__(self) -> None:
        reference, predicted = _list_columns(self.predictions)
        counts = confusion(reference, predicted, self.labels)
        speakers = [one.speaker for one in self.predictions]
        by = None if None in speakers else speakers
        found = compute_intervals(reference, predicted, by, labels=self.labels)
        object.__setattr__(self, "metrics", found)
        object.__setattr__(self, "confusion", tuple(map(tuple, counts.tolist())))

    def __repr__(self) -> str:
        scores = ", ".join(
            f"{name.upper()} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
            for name, one in self.metrics.items()
            if name in ("ua", "wa")
        )
        return f"Report({self.system} on {self.corpus}, {self.label}: {scores})"

    def _repr_html_(self) -> str:
        """Show the scores and the confusion matrix, for notebooks."""
        from serenade.evaluation._html import to_html

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
        return tuple(filter(None, [describe_limits(self.metrics["ua"])]))

    def robustness(self) -> dict[str, Interval]:
        """Compute UA on changed test recordings, by the name of the change."""
        reference, _ = _list_columns(self.predictions)
        speakers = [one.speaker for one in self.predictions]
        by = None if None in speakers else speakers
        return {
            name: compute_intervals(reference, found, by, labels=self.labels, scores=("ua",))["ua"]
            for name, found in self.conditions.items()
        }

    def over_folds(self, score: str) -> tuple[float, float]:
        """Compute mean and standard deviation (n - 1) of "ua" or "wa" over folds or repeats.

        Returns:
            Mean and deviation; the deviation of a single fold is NaN.
        """
        values = [float(getattr(fold, score)) for fold in self.folds]
        return spread.mean(values), spread.stdev(values) if len(values) > 1 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data; NaN becomes None."""
        plain = ("system", "corpus", "incomplete", "licence", "protocol")
        return {name: getattr(self, name) for name in (*plain, "speaker_independent", "seed")} | {
            "versions": dict(self.versions),
            "seconds": self.seconds,
            "folds": [_prediction_to_json(fold) for fold in self.folds],
            "metrics": _metrics_to_json(self.metrics),
            "labels": list(self.labels),
            "confusion": [list(row) for row in self.confusion],
            "notes": list(self.notes),
            "predictions": [_prediction_to_json(one) for one in self.predictions],
            "command": self.command,
            "recipe": dict(self.recipe),
            "conditions": {name: list(found) for name, found in self.conditions.items()},
            **self._list_adapted(),
        }

    def _list_adapted(self) -> dict[str, Any]:
        """Return the adapted posteriors as JSON data, with their scores."""
        if self.adapted is None:
            return {}
        metrics = _metrics_to_json(make_adapted_report(self).metrics)
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
        predictions = tuple(
            LabelledPrediction(**{**one, "probabilities": tuple(one["probabilities"])})
            for one in data["predictions"]
        )
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
            folds.append(FoldResult.of(*stated, part, labels, fold.get("curve", ())))
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
        from serenade.evaluation._calibration import draw_reliability
        from serenade.evaluation._figures import draw_figure, make_confusion_figure
        from serenade.evaluation._risk_coverage import draw_risk_coverage

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


def _list_columns(predictions: Sequence[LabelledPrediction]) -> tuple[list[str], list[str]]:
    return [one.reference for one in predictions], [one.predicted for one in predictions]


def _prediction_to_json(one: FoldResult | LabelledPrediction) -> dict[str, Any]:
    """Fields as JSON data; `dataclasses.asdict` copies deeply, which is slow by the thousand."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(one).items()
    }


def _metrics_to_json(metrics: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Return scores as JSON data; NaN becomes None."""
    return {
        name: {
            end: None if math.isnan(value) else value
            for end, value in (("value", one.value), ("low", one.low), ("high", one.high))
        }
        for name, one in metrics.items()
    }

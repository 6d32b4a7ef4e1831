"""Fairness: scores by speaker and by gender."""

from __future__ import annotations

import statistics as spread
from collections import defaultdict
from typing import TYPE_CHECKING

from serenade.evaluation._metrics import unweighted_accuracy
from serenade.evaluation._statistics import compute_intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serenade.evaluation._report import LabelledPrediction
    from serenade.evaluation._statistics import Interval


def score_by_speaker(predictions: Sequence[LabelledPrediction]) -> dict[str, float]:
    """Compute UA of each known speaker over their own emotions, in ascending order."""
    found = {
        name: unweighted_accuracy(*_get_labels(part))
        for name, part in _group(predictions, lambda one: one.speaker).items()
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))


def score_by_gender(
    predictions: Sequence[LabelledPrediction], labels: Sequence[str]
) -> dict[str, Interval]:
    """Compute UA of each known gender, with its interval over speakers.

    Args:
        predictions: predictions of a report.
        labels: labels of the report.
    """
    found = {}
    for name, part in sorted(_group(predictions, lambda one: one.gender).items()):
        speakers = [one.speaker for one in part]
        known = None if None in speakers else speakers
        found[name] = compute_intervals(*_get_labels(part), known, labels=labels, scores=("ua",))[
            "ua"
        ]
    return found


def list_notes(predictions: Sequence[LabelledPrediction], labels: Sequence[str]) -> list[str]:
    """Return a line of text for known speakers, and one for known genders."""
    lines = []
    speakers = score_by_speaker(predictions)
    if len(speakers) > 1:
        (worst, low), *_, (best, high) = speakers.items()
        middle = spread.median(speakers.values())
        lines.append(
            f"UA by speaker: {low:.3f} ({worst}) to {high:.3f} ({best}), median {middle:.3f}"
        )
    genders = score_by_gender(predictions, labels)
    if len(genders) > 1:
        values = [one.value for one in genders.values()]
        listed = ", ".join(
            f"{name} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
            for name, one in genders.items()
        )
        lines.append(f"UA by gender: {listed}; gap {max(values) - min(values):.3f}")
    return lines


def _group(
    predictions: Sequence[LabelledPrediction], key: Callable[[LabelledPrediction], str | None]
) -> dict[str, list[LabelledPrediction]]:
    parts: defaultdict[str, list[LabelledPrediction]] = defaultdict(list)
    for one in predictions:
        name = key(one)
        if name is not None:
            parts[name].append(one)
    return parts


def _get_labels(predictions: Sequence[LabelledPrediction]) -> tuple[list[str], list[str]]:
    return [one.reference for one in predictions], [one.predicted for one in predictions]

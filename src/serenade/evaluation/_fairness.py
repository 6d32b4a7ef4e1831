"""Fairness: scores by speaker, by gender and by any other group of speakers."""

from __future__ import annotations

import dataclasses
import statistics as spread
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from serenade.evaluation._metrics import confusion, unweighted_accuracy
from serenade.evaluation._statistics import (
    Answers,
    compute_difference,
    compute_intervals,
    format_interval,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from serenade.evaluation._fold_result import LabelledPrediction
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
        answers = (*_get_labels(part), _get_speakers(part))
        found[name] = compute_intervals(*answers, labels=labels, scores=("ua",))["ua"]
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
        listed = ", ".join(f"{name} {format_interval(one)}" for name, one in genders.items())
        lines.append(f"UA by gender: {listed}; gap {max(values) - min(values):.3f}")
    return lines


@dataclasses.dataclass(frozen=True)
class GroupScore:
    """Scores of a group of speakers next to those of all other speakers.

    Args:
        attribute: property that divides the speakers, such as `gender`.
        group: value of the group, such as `female`.
        clips: number of recordings of the group.
        speakers: number of its known speakers.
        labels: emotions that occur in the group and among the others; scores are over these.
        ua: UA of the group.
        difference: UA of the group less that of the others.
        share: largest difference from the others in how often an emotion is predicted, if all
            emotions were spoken equally often.
        emotion: the emotion with this difference.
    """

    attribute: str
    group: str
    clips: int
    speakers: int
    labels: tuple[str, ...]
    ua: Interval
    difference: Interval
    share: float
    emotion: str


def compare_groups(
    attribute: str,
    predictions: Sequence[LabelledPrediction],
    groups: Sequence[str | None],
    labels: Sequence[str],
) -> list[GroupScore]:
    """Compare each group of speakers with all others; empty if there is only one group.

    Args:
        attribute: property that divides the speakers.
        predictions: predictions of a report.
        groups: group of each prediction; None where it is unknown.
        labels: labels of the report.
    """
    known = [(one, group) for one, group in zip(predictions, groups, strict=True) if group]
    found = []
    for name in sorted({group for _, group in known}):
        sides = [
            [one for one, group in known if (group == name) == inside] for inside in (True, False)
        ]
        spoken = [{one.reference for one in side} for side in sides]
        shared = tuple(label for label in labels if label in spoken[0] & spoken[1])
        if shared:
            sides = [[one for one in side if one.reference in shared] for side in sides]
            found.append(_compare_sides(attribute, name, sides, shared, labels))
    return found


def _compare_sides(
    attribute: str,
    name: str,
    sides: Sequence[Sequence[LabelledPrediction]],
    shared: tuple[str, ...],
    labels: Sequence[str],
) -> GroupScore:
    """Compare the predictions of a group with those of the others."""
    mine, others = (Answers(*_get_labels(side), _get_speakers(side)) for side in sides)
    ua = compute_intervals(*mine, labels=labels, scores=("ua",))["ua"]
    difference = compute_difference(mine, others, labels, paired=False)
    gaps = np.subtract(*(_predict_shares(side, labels) for side in sides))
    most = int(np.argmax(np.abs(gaps)))
    speakers = {one.speaker for one in sides[0] if one.speaker is not None}
    counts = (len(sides[0]), len(speakers))
    return GroupScore(
        attribute, name, *counts, shared, ua, difference, float(gaps[most]), labels[most]
    )


def _predict_shares(
    predictions: Sequence[LabelledPrediction], labels: Sequence[str]
) -> NDArray[np.float64]:
    """Return how often each label is predicted if all spoken emotions were equally frequent."""
    counts = confusion(*_get_labels(predictions), labels)
    spoken = counts[counts.sum(axis=1) > 0].astype(np.float64)
    shares: NDArray[np.float64] = (spoken / spoken.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def _get_speakers(predictions: Sequence[LabelledPrediction]) -> list[str | None] | None:
    """Return the speakers, or None if one is unknown."""
    speakers = [one.speaker for one in predictions]
    return None if None in speakers else speakers


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

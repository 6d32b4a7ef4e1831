"""Confidence intervals, with speakers as the unit of sampling.

Utterances of one speaker are correlated, so resampling utterances makes intervals too narrow; whole
speakers are resampled instead. Models are not trained again: an interval states how a score would
vary over other speakers, not over other training sets or seeds.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from serenade.errors import EvaluationError
from serenade.evaluation._metrics import SCORES, confusion, encode_labels, list_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from serenade.evaluation._metrics import Labels

    Scores = Mapping[str, Callable[[NDArray[Any]], NDArray[np.float64]]]

_DRAWN = 10**7  # numbers of draws that are held at a time: single items have many kinds

FEW_SPEAKERS = 10
"""Below this many speakers `describe_limits` warns."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """Score with its confidence interval.

    Args:
        value: score of all items.
        low: lower end; NaN if there is no interval.
        high: upper end; NaN if there is no interval.
        level: nominal coverage.
        method: name of the method, see `compute_intervals`.
        clusters: number of resampled speakers, or of items if speakers are unknown.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    clusters: int

    def to_dict(self) -> dict[str, float]:
        """Return the score and the ends of its interval by name."""
        return {"value": self.value, "low": self.low, "high": self.high}


def format_interval(one: Interval, sign: str = "") -> str:
    """Return a value with the ends of its interval, if it has one."""
    ends = "" if math.isnan(one.low) else f" [{one.low:{sign}.3f}, {one.high:{sign}.3f}]"
    return f"{one.value:{sign}.3f}{ends}"


def compute_intervals(
    reference: Labels,
    predicted: Labels,
    speakers: Labels | None,
    *,
    labels: Sequence[Hashable] | None = None,
    scores: Sequence[str] = tuple(SCORES),
    level: float = 0.95,
    method: str = "expanded",
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Compute scores with intervals that are bootstrapped over speakers.

    Speakers are drawn with replacement, all their items with them; a score is computed from the
    summed confusion matrix of each draw. UA is the mean over the classes the draw holds.

    Args:
        reference: true labels, shape `(items,)`.
        predicted: predicted labels, shape `(items,)`.
        speakers: speaker of each item, shape `(items,)`; None draws single items, which makes
            intervals too narrow if speakers have several items.
        labels: the labels allowed; by default all that occur.
        scores: names in `serenade.evaluation._metrics.SCORES`.
        level: nominal coverage.
        method: `"percentile"`; `"expanded"`, percentiles widened for few speakers by Student's
            t (Hesterberg 2015, The American Statistician 69(4), section 5.3); or `"bca"`, bias
            corrected and accelerated (Efron 1987, JASA 82(397)).
        resamples: number of draws.
        seed: random seed of the draws.

    Returns:
        One interval per score; its ends are NaN if there is only one speaker.

    Raises:
        EvaluationError: labels that `confusion` refuses, a missing speaker, or an unknown name.
    """
    if strange := [name for name in scores if name not in SCORES]:
        raise EvaluationError(f"no score {strange[0]!r}; choose from {', '.join(SCORES)}")
    if method not in {"percentile", "expanded", "bca"}:
        raise EvaluationError(f"no method {method!r}; choose from percentile, expanded, bca")
    clusters = count_by_speaker(reference, predicted, speakers, labels)
    chosen = {name: SCORES[name] for name in scores}
    return bootstrap_scores(
        clusters, chosen, level=level, method=method, resamples=resamples, seed=seed
    )


def bootstrap_scores(
    clusters: NDArray[Any],
    scores: Scores,
    *,
    level: float = 0.95,
    method: str = "expanded",
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Compute scores of sums over clusters, with intervals that are bootstrapped over the clusters.

    Args:
        clusters: sums over the items of each cluster, shape `(clusters, ...)`.
        scores: functions from sums `(..., ...)` to scores `(...)`, by name.
        level: see `compute_intervals`.
        method: see `compute_intervals`.
        resamples: see `compute_intervals`.
        seed: see `compute_intervals`.
    """
    total = clusters.sum(axis=0)
    # Equal clusters are drawn together: single labelled items are then at most labels² kinds.
    kinds, times = np.unique(clusters, axis=0, return_counts=True)
    flat = kinds.reshape(len(kinds), -1).astype(np.float64)
    rng, shares = np.random.default_rng(seed), times / len(clusters)
    block = max(1, _DRAWN // len(kinds))
    sums = np.concatenate(
        [
            rng.multinomial(len(clusters), shares, size=min(block, resamples - first)) @ flat
            for first in range(0, resamples, block)
        ]
    ).reshape(resamples, *total.shape)
    found = {}
    for name, compute in scores.items():
        value = float(compute(total))
        low = high = math.nan
        if len(clusters) > 1:
            sample = compute(sums)
            left_out = np.repeat(compute(total - kinds), times)
            ends = _choose_quantiles(method, level, sample, value, left_out)
            low, high = (float(end) for end in np.quantile(sample, ends))
        found[name] = Interval(value, low, high, level, method, len(clusters))
    return found


class Answers(NamedTuple):
    """Labels of items: reference, predicted, and speakers or None, each of shape `(items,)`."""

    reference: Labels
    predicted: Labels
    speakers: Labels | None


def compute_difference(
    first: Answers,
    second: Answers,
    labels: Sequence[Hashable],
    *,
    paired: bool,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Compute UA of the first answers less UA of the second, with an interval over speakers.

    Args:
        first: answers.
        second: other answers.
        labels: the labels allowed.
        paired: whether both have the same items in the same order; the same speakers are then
            drawn for both. Otherwise speakers of each are drawn on their own.
        level: nominal coverage.
        resamples: number of draws.
        seed: random seed of the draws.

    Returns:
        The difference; `clusters` is the smaller number of speakers, for which percentiles are
        widened as `"expanded"` of `compute_intervals` does.
    """
    counts = [count_by_speaker(*one, labels) for one in (first, second)]
    rng = np.random.default_rng(seed)
    draws = [
        rng.multinomial(len(one), np.full(len(one), 1 / len(one)), size=resamples) for one in counts
    ]
    if paired:
        draws[1] = draws[0]
    ua = SCORES["ua"]
    value = float(ua(counts[0].sum(axis=0)) - ua(counts[1].sum(axis=0)))
    few = min(map(len, counts))
    low = high = math.nan
    if few > 1:
        one, other = (
            ua(np.tensordot(drawn, each, axes=1)) for drawn, each in zip(draws, counts, strict=True)
        )
        sample = np.asarray(one - other)
        shares = _choose_quantiles("expanded", level, sample, value, np.zeros(few))
        low, high = (float(end) for end in np.quantile(sample, shares))
    return Interval(value, low, high, level, "expanded", few)


def describe_limits(interval: Interval) -> str:
    """Return a warning if an interval rests on few speakers, else an empty text.

    >>> print(describe_limits(Interval(0.5, 0.3, 0.7, 0.95, "expanded", 4)))
    only 4 speakers: the interval is a rough guide, and true coverage is below 95%
    """
    if interval.clusters == 1:
        return "one speaker only: no interval over speakers can be given"
    if interval.clusters < FEW_SPEAKERS:
        return (
            f"only {interval.clusters} speakers: the interval is a rough guide, and true coverage "
            f"is below {interval.level:.0%}"
        )
    return ""


def count_by_speaker(
    reference: Labels,
    predicted: Labels,
    speakers: Labels | None,
    labels: Sequence[Hashable] | None,
) -> NDArray[np.int64]:
    """Count a confusion matrix for each speaker, by name, or each item: `(clusters, K, K)`."""
    reference, predicted = list(reference), list(predicted)
    order = list_labels(reference, predicted) if labels is None else tuple(labels)
    confusion(reference, predicted, order)  # raises if the labels cannot be scored
    rows, columns = (
        encode_labels(reference, order, "reference"),
        encode_labels(predicted, order, "predicted"),
    )
    who, clusters = _number_clusters(speakers, len(rows))
    counts = np.zeros((clusters, len(order), len(order)), dtype=np.int64)
    np.add.at(counts, (who, rows, columns), 1)
    return counts


def sum_by_speaker(items: NDArray[np.float64], speakers: Labels | None) -> NDArray[np.float64]:
    """Sum numbers of items over each speaker, by name.

    Args:
        items: shape `(items, ...)`.
        speakers: speaker of each item; None for each item alone.

    Returns:
        Shape `(speakers, ...)`.
    """
    who, clusters = _number_clusters(speakers, len(items))
    sums = np.zeros((clusters, *items.shape[1:]))
    np.add.at(sums, who, items)
    return sums


def _number_clusters(speakers: Labels | None, items: int) -> tuple[NDArray[np.intp], int]:
    """Return the number of the speaker of each item, or of the item, and the number of them."""
    if speakers is None:
        return np.arange(items), items
    speakers = list(speakers)
    if len(speakers) != items:
        raise EvaluationError(f"{len(speakers)} speakers for {items} items; give one per item")
    names = list_labels(speakers)
    return encode_labels(speakers, names, "speakers"), len(names)


def _choose_quantiles(
    method: str,
    level: float,
    sample: NDArray[np.float64],
    value: float,
    left_out: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the quantiles of the resampled scores that are the ends of the interval."""
    from scipy.special import ndtr, ndtri, stdtrit

    count = len(left_out)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "percentile":
        return tails
    if method == "expanded":
        widened: NDArray[np.float64] = ndtr(
            math.sqrt(count / (count - 1)) * stdtrit(count - 1, tails)
        )
        return widened
    # Ties count half; kept off 0 and 1, where no correction is defined.
    below = (sample < value).mean() + (sample == value).mean() / 2
    bias = ndtri(np.clip(below, 1 / len(sample), 1 - 1 / len(sample)))
    influence = left_out.mean() - left_out
    spread = (influence**2).sum() ** 1.5
    acceleration = (influence**3).sum() / (6 * spread) if spread > 0 else 0.0
    normal = bias + ndtri(tails)
    corrected: NDArray[np.float64] = ndtr(bias + normal / (1 - acceleration * normal))
    return corrected

"""Confidence intervals and paired tests, with speakers as the unit of sampling.

Utterances of one speaker are correlated, so resampling utterances makes intervals too narrow; whole
speakers are resampled instead. Models are not trained again: an interval states how a score would
vary over other speakers, not over other training sets or seeds.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from serenade.errors import EvaluationError
from serenade.evaluation._metrics import SCORES, confusion, encode_labels, list_labels

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from serenade.evaluation._metrics import Labels

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
    clusters = _count_clusters(reference, predicted, speakers, labels)
    total = clusters.sum(axis=0)
    # Equal clusters are drawn together: single items are then at most labels² kinds.
    kinds, times = np.unique(clusters, axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(
        len(clusters), times / len(clusters), size=resamples
    )
    flat = kinds.reshape(len(kinds), -1).astype(np.float64)
    sums = (draws.astype(np.float64) @ flat).reshape(resamples, *total.shape)
    found = {}
    for name in scores:
        value = float(SCORES[name](total))
        low = high = math.nan
        if len(clusters) > 1:
            sample = SCORES[name](sums)
            left_out = np.repeat(SCORES[name](total - kinds), times)
            shares = _choose_quantiles(method, level, sample, value, left_out)
            low, high = (float(end) for end in np.quantile(sample, shares))
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
    counts = [_count_clusters(*one, labels) for one in (first, second)]
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


class Difference(NamedTuple):
    """Difference of two systems on the same items, with its p-value.

    Args:
        difference: score of the first less score of the second.
        p: two-sided p-value of no difference.
        speakers: number of exchanged speakers; the smallest possible p is 2 / 2**speakers.
        exact: whether all 2**speakers exchanges were counted.
    """

    difference: float
    p: float
    speakers: int
    exact: bool


def paired_permutation(
    reference: Labels,
    first: Labels,
    second: Labels,
    speakers: Labels,
    *,
    labels: Sequence[Hashable] | None = None,
    score: str = "ua",
    permutations: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Test two systems by permutation: exchange their predictions speaker by speaker.

    Args:
        reference: true labels, shape `(items,)`.
        first: labels the first system gave the same items.
        second: labels the second gave.
        speakers: speaker of each item, shape `(items,)`.
        labels: the labels allowed; by default all that occur.
        score: a name in `serenade.evaluation._metrics.SCORES`.
        permutations: number of random exchanges; all are counted if there are no more than these.
        seed: random seed of the exchanges.

    Raises:
        EvaluationError: labels that `confusion` refuses, or a missing speaker.
    """
    if score not in SCORES:
        raise EvaluationError(f"no score {score!r}; choose from {', '.join(SCORES)}")
    reference, first, second = list(reference), list(first), list(second)
    order = list_labels(reference, first, second) if labels is None else labels
    ours = _count_clusters(reference, first, speakers, order)
    theirs = _count_clusters(reference, second, speakers, order)
    count = len(ours)
    exact = 2**count <= permutations
    if exact:
        swapped = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    else:
        swapped = np.random.default_rng(seed).integers(0, 2, size=(permutations, count))
    moved = (swapped.astype(np.float64) @ (theirs - ours).reshape(count, -1)).reshape(
        -1, *ours.shape[1:]
    )
    compute = SCORES[score]
    observed = float(compute(ours.sum(axis=0)) - compute(theirs.sum(axis=0)))
    null = compute(ours.sum(axis=0) + moved) - compute(theirs.sum(axis=0) - moved)
    # Sums in another order differ in their last bits: those are ties.
    extreme = int((np.abs(null) >= abs(observed) - 1e-12).sum())
    p = extreme / len(null) if exact else (extreme + 1) / (len(null) + 1)
    return Difference(observed, p, count, exact)


class McNemar(NamedTuple):
    """Numbers of items that only one system predicts correctly, and the two-sided p-value."""

    only_first: int
    only_second: int
    p: float


def mcnemar(reference: Labels, first: Labels, second: Labels) -> McNemar:
    """Compute McNemar's exact test, which assumes that items are independent.

    Args:
        reference: true labels, shape `(items,)`.
        first: labels the first system gave.
        second: labels the second gave.

    Raises:
        EvaluationError: unequal numbers of labels, or none.

    >>> mcnemar("aaaaa", "aaaaa", "abbbb")
    McNemar(only_first=4, only_second=0, p=0.125)
    """
    from scipy.stats import binomtest

    triples = [list(column) for column in (reference, first, second)]
    if len({len(column) for column in triples}) > 1 or not triples[0]:
        raise EvaluationError(
            f"{', '.join(str(len(c)) for c in triples)} labels of reference, first and second "
            "system; give one of each per item"
        )
    right = [(truth == one, truth == two) for truth, one, two in zip(*triples, strict=True)]
    only_first, only_second = right.count((True, False)), right.count((False, True))
    if only_first + only_second == 0:
        return McNemar(0, 0, 1.0)
    test = binomtest(only_first, only_first + only_second, 0.5)
    return McNemar(only_first, only_second, float(test.pvalue))


def adjust_p_values(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Adjust p-values for their number (Holm 1979, Scandinavian J. Statistics 6(2)).

    Args:
        p_values: shape `(tests,)`.

    Returns:
        Adjusted p-values in the same order; those below α hold together with error rate α.

    >>> adjust_p_values([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _count_clusters(
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
    if speakers is None:
        who, clusters = np.arange(len(rows)), len(rows)
    else:
        speakers = list(speakers)
        if len(speakers) != len(rows):
            raise EvaluationError(
                f"{len(speakers)} speakers for {len(rows)} items; give one per item"
            )
        names = list_labels(speakers)
        who, clusters = encode_labels(speakers, names, "speakers"), len(names)
    counts = np.zeros((clusters, len(order), len(order)), dtype=np.int64)
    np.add.at(counts, (who, rows, columns), 1)
    return counts


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

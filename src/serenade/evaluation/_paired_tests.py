"""Paired tests of two systems, with speakers as the unit of exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from serenade.errors import EvaluationError
from serenade.evaluation._metrics import SCORES, list_labels
from serenade.evaluation._statistics import count_by_speaker

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

    from serenade.evaluation._metrics import Labels


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
    ours = count_by_speaker(reference, first, speakers, order)
    theirs = count_by_speaker(reference, second, speakers, order)
    return permute_clusters(ours, theirs, SCORES[score], permutations=permutations, seed=seed)


def permute_clusters(
    ours: NDArray[Any],
    theirs: NDArray[Any],
    compute: Callable[[NDArray[Any]], NDArray[np.float64]],
    *,
    permutations: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Test the difference of a score of two systems by exchanging sums, cluster by cluster.

    Args:
        ours: sums over the items of each cluster for the first system, shape `(clusters, ...)`.
        theirs: sums of the second system.
        compute: the score, a function of sums.
        permutations: see `paired_permutation`.
        seed: see `paired_permutation`.
    """
    count = len(ours)
    exact = 2**count <= permutations
    if exact:
        swapped = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    else:
        swapped = np.random.default_rng(seed).integers(0, 2, size=(permutations, count))
    moved = (swapped.astype(np.float64) @ (theirs - ours).reshape(count, -1)).reshape(
        -1, *ours.shape[1:]
    )
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
        p_values: shape `(tests,)`; NaN stands for no test, and does not count.

    Returns:
        Adjusted p-values in the same order; those below α hold together with error rate α.

    >>> adjust_p_values([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]  # NaN is sorted last
    stepped = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    adjusted = np.full_like(p, np.nan)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted

"""Scores of predicted labels, all computed from one confusion matrix; NumPy only.

The field's two accuracies: UA, unweighted accuracy, is the mean of the recalls over the classes
that occur in the reference (also "unweighted average recall"); WA, weighted accuracy, is the
share of items that are right. Papers swap the two words; here they always mean this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serenade.errors import EvaluationError

Labels = Iterable[Any]
Array = NDArray[np.float64]


def encode_labels(values: Labels, labels: Sequence[Hashable], what: str) -> NDArray[np.intp]:
    """Return the position of every value in `labels`.

    Args:
        values: labels of the items, shape `(items,)`.
        labels: the known labels, each once.
        what: name of the values for messages ("reference", "predicted").

    Returns:
        Positions, shape `(items,)`.

    Raises:
        EvaluationError: a value that is missing or not among `labels`, or a repeated label.

    >>> encode_labels(["sad", "angry"], ("angry", "sad"), "reference")
    array([1, 0])
    """
    positions = {label: position for position, label in enumerate(labels)}
    if len(positions) < len(labels):
        raise EvaluationError(
            f"duplicate entries in labels: {_format_labels(labels)}; give each once"
        )
    items = _list_items(values)
    if missing := [number for number, item in enumerate(items) if _is_missing(item)]:
        raise EvaluationError(
            f"{what}: no label at {len(missing)} of {len(items)} items, the first at position "
            f"{missing[0]}; leave these items out or label them"
        )
    if unknown := sorted({item for item in items if item not in positions}, key=str):
        raise EvaluationError(
            f"{what}: {_format_labels(unknown)} not among the labels {_format_labels(labels)}; "
            "map or drop these, or add them to the labels"
        )
    return np.fromiter((positions[item] for item in items), dtype=np.intp, count=len(items))


def list_labels(*columns: Labels) -> tuple[Any, ...]:
    """Return the labels that occur in any of the columns, sorted, without missing ones.

    >>> list_labels(["sad", None], ["angry", "sad"])
    ('angry', 'sad')
    """
    found = {item for column in columns for item in _list_items(column) if not _is_missing(item)}
    return tuple(sorted(found))


def confusion(
    reference: Labels, predicted: Labels, labels: Sequence[Hashable] | None = None
) -> NDArray[np.int64]:
    """Count each pair of reference and predicted label.

    Args:
        reference: true labels, shape `(items,)`.
        predicted: labels given by a system, shape `(items,)`.
        labels: order of rows and columns; by default all that occur, sorted.

    Returns:
        Counts, shape `(labels, labels)`; rows are the reference, columns the prediction.

    Raises:
        EvaluationError: no items, unequal numbers of them, or a missing or unknown label.

    >>> confusion(["a", "a", "b"], ["a", "b", "b"])
    array([[1, 1],
           [0, 1]])
    """
    reference, predicted = _list_items(reference), _list_items(predicted)
    if len(reference) != len(predicted):
        raise EvaluationError(
            f"{len(reference)} reference labels but {len(predicted)} predicted; give one of each "
            "per item"
        )
    if not reference:
        raise EvaluationError("no items to score; give at least one")
    order = list_labels(reference, predicted) if labels is None else tuple(labels)
    rows, columns = (
        encode_labels(reference, order, "reference"),
        encode_labels(predicted, order, "predicted"),
    )
    size = len(order)
    counts = np.bincount(rows * size + columns, minlength=size * size)
    return counts.reshape(size, size).astype(np.int64)


def recalls(
    reference: Labels, predicted: Labels, labels: Sequence[Hashable] | None = None
) -> Array:
    """Compute the recall of each class: the share of its items that are predicted correctly.

    Args:
        reference: true labels, shape `(items,)`.
        predicted: predicted labels, shape `(items,)`.
        labels: the order of the result; by default all that occur, sorted.

    Returns:
        Recalls, shape `(labels,)`; NaN for classes the reference does not hold.

    Raises:
        EvaluationError: see `confusion`.

    >>> recalls(["a", "a", "b"], ["a", "b", "b"])
    array([0.5, 1. ])
    """
    counts = confusion(reference, predicted, labels)
    return _ratio(np.diagonal(counts), counts.sum(axis=1), absent=math.nan)


def unweighted_accuracy(
    reference: Labels, predicted: Labels, labels: Sequence[Hashable] | None = None
) -> float:
    """Compute UA: the mean recall over the classes that occur in the reference.

    Args:
        reference: true labels, shape `(items,)`.
        predicted: predicted labels, shape `(items,)`.
        labels: the labels allowed; by default all that occur.

    Raises:
        EvaluationError: see `confusion`.

    >>> unweighted_accuracy(["a", "a", "a", "b"], ["a", "a", "a", "a"])
    0.5
    """
    return float(_ua(confusion(reference, predicted, labels)))


def weighted_accuracy(
    reference: Labels, predicted: Labels, labels: Sequence[Hashable] | None = None
) -> float:
    """Compute WA: the share of correct predictions; see `unweighted_accuracy` for arguments.

    >>> weighted_accuracy(["a", "a", "a", "b"], ["a", "a", "a", "a"])
    0.75
    """
    return float(_wa(confusion(reference, predicted, labels)))


def f1_macro(
    reference: Labels, predicted: Labels, labels: Sequence[Hashable] | None = None
) -> float:
    """Compute the mean F1 over classes that occur in the reference or the predictions.

    Arguments and errors are those of `unweighted_accuracy`.

    >>> f1_macro(["a", "b"], ["a", "b"])
    1.0
    """
    return float(_f1_macro(confusion(reference, predicted, labels)))


def f1_weighted(
    reference: Labels, predicted: Labels, labels: Sequence[Hashable] | None = None
) -> float:
    """Compute the mean F1, weighted by the shares of the classes in the reference.

    Arguments and errors are those of `unweighted_accuracy`.

    >>> f1_weighted(["a", "b"], ["a", "b"])
    1.0
    """
    return float(_f1_weighted(confusion(reference, predicted, labels)))


def _ua(counts: NDArray[Any]) -> Array:
    """Compute UA of confusion matrices, shape `(..., labels, labels)` to `(...)`."""
    support = counts.sum(axis=-1)
    recall = _ratio(np.diagonal(counts, axis1=-2, axis2=-1), support)
    return _ratio(recall.sum(axis=-1), (support > 0).sum(axis=-1))


def _wa(counts: NDArray[Any]) -> Array:
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def _f1(counts: NDArray[Any]) -> tuple[Array, NDArray[np.bool_]]:
    """Compute F1 of each class, 2 TP / (2 TP + FP + FN), and whether the class occurs at all."""
    either = counts.sum(axis=-1) + counts.sum(axis=-2)
    return _ratio(2 * np.diagonal(counts, axis1=-2, axis2=-1), either), either > 0


def _f1_macro(counts: NDArray[Any]) -> Array:
    f1, occurs = _f1(counts)
    return _ratio(f1.sum(axis=-1), occurs.sum(axis=-1))


def _f1_weighted(counts: NDArray[Any]) -> Array:
    f1, _ = _f1(counts)
    return _ratio((f1 * counts.sum(axis=-1)).sum(axis=-1), counts.sum(axis=(-2, -1)))


SCORES: Mapping[str, Callable[[NDArray[Any]], Array]] = {
    "ua": _ua,
    "wa": _wa,
    "f1_macro": _f1_macro,
    "f1_weighted": _f1_weighted,
}
"""The four scores by name, as functions of confusion matrices `(..., labels, labels)`."""


def _ratio(top: NDArray[Any], bottom: NDArray[Any], absent: float = 0.0) -> Array:
    """Divide elementwise; the result is `absent` if the denominator is zero."""
    filled = np.full(np.broadcast_shapes(np.shape(top), np.shape(bottom)), absent)
    np.divide(top, bottom, out=filled, where=np.asarray(bottom) > 0)
    return filled


def _list_items(values: Labels) -> list[Any]:
    # Not np.asarray: it would turn ["sad", nan] into the labels "sad" and "nan".
    found: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    return found


def _is_missing(item: object) -> bool:
    return item is None or (isinstance(item, float) and math.isnan(item))


def _format_labels(labels: Iterable[object]) -> str:
    return ", ".join(repr(str(label)) for label in labels)

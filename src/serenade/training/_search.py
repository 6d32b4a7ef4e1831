"""Choose between classifiers on speakers held out of the training data."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._concordance import compute_concordance
from serenade._parallel import run_parallel
from serenade.errors import SerenadeError
from serenade.training._clips import compute_mean_recall, require_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FOLDS = 5


def fit_copies(
    classifier: Any,
    blocks: Sequence[NDArray[np.float32]],
    labels: NDArray[Any],
    weights: NDArray[np.float64],
) -> Any:
    """Fit a pipeline on features and those of augmented copies.

    Args:
        classifier: a scikit-learn pipeline whose last step takes `sample_weight`.
        blocks: features of the clips and of each round of copies, each `(rows, dims)`.
        labels: label of each clip, shape `(rows,)`; or its values, `(rows, targets)`.
        weights: weight of each clip, shape `(rows,)`.

    Returns:
        The classifier, fitted.

    Raises:
        SerenadeError: its last step takes no weights.
    """
    from sklearn.utils.validation import has_fit_parameter

    last, model = classifier.steps[-1]
    if not has_fit_parameter(model, "sample_weight"):
        raise SerenadeError(
            f"{type(model).__name__}: its fit takes no sample_weight; "
            "choose a classifier that takes sample_weight"
        )
    return classifier.fit(
        np.concatenate(blocks),
        np.concatenate([labels] * len(blocks)),
        **{f"{last}__sample_weight": np.tile(weights, len(blocks))},
    )


def choose_on_held_out(
    candidates: Sequence[Any],
    blocks: Sequence[NDArray[np.float32]],
    labels: NDArray[Any],
    speakers: NDArray[np.str_],
    weights: NDArray[np.float64],
) -> Any:
    """Choose the candidate with the highest mean recall, or CCC, on groups of held-out speakers.

    Copies of a clip are held out with it and never scored. The groups are distributed over a
    cluster if there is one.

    Args:
        candidates: unfitted pipelines.
        blocks: see `fit_copies`; the first holds the clips themselves.
        labels: label of each clip, shape `(rows,)`; or its values, `(rows, targets)`.
        speakers: speaker of each clip, shape `(rows,)`.
        weights: weight of each clip, shape `(rows,)`.

    Returns:
        The best candidate, unfitted.

    Raises:
        SerenadeError: there is only one speaker.
    """
    from sklearn.base import clone
    from sklearn.model_selection import GroupKFold

    count = len(np.unique(speakers))
    if count < 2:
        raise SerenadeError(
            "choosing between settings needs two training speakers or more, because some are held "
            "out; give more speakers, or give the recipe one setting, such as one C"
        )
    folds = GroupKFold(min(_FOLDS, count))
    task = functools.partial(_score_fold, candidates, blocks, labels, weights)
    found = run_parallel(task, folds.split(blocks[0], labels, speakers), jobs=1)
    scores: NDArray[np.float64] = np.sum(list(found), axis=0)
    return clone(candidates[int(scores.argmax())])


def _score_fold(
    candidates: Sequence[Any],
    blocks: Sequence[NDArray[np.float32]],
    labels: NDArray[Any],
    weights: NDArray[np.float64],
    fold: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> list[float]:
    """Return the mean recall, or CCC, of each candidate on the clips that a fold holds out."""
    from sklearn.base import clone

    train, test = fold
    score = compute_concordance if labels.ndim > 1 else compute_mean_recall
    if labels.ndim == 1:
        require_classes(labels[train])
    inner = [block[train] for block in blocks]
    scores = []
    for candidate in candidates:
        fitted = fit_copies(clone(candidate), inner, labels[train], weights[train])
        found = fitted.predict(blocks[0][test]).reshape(labels[test].shape)
        scores.append(score(labels[test], found))
    return scores

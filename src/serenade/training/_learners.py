"""Learners: fit the classifier or the network of a recipe behind one small interface."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from serenade._targets import has_values
from serenade.errors import MissingExtraError, SerenadeError
from serenade.systems import NetworkRecipe
from serenade.training._clips import list_examples, require_classes
from serenade.training._ensemble import Ensemble
from serenade.training._search import choose_on_held_out, fit_copies

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from serenade.systems import System
    from serenade.training._clips import Clips, Streams

    Curve = tuple[dict[str, float], ...]


class Learner(Protocol):
    """Interface of a learner of clips, which are streams of feature matrices.

    Attributes:
        classes_: labels in the order of the posteriors, or names of the values, once fitted.
        values: whether values are learnt, not emotions, once fitted.
        classifier: the fitted scikit-learn pipeline or skorch net.
        curve: scores after each epoch; empty if it does not learn in epochs.
    """

    classes_: NDArray[np.str_]
    values: bool
    classifier: Any

    @property
    def curve(self) -> Curve:
        """Return the scores after each epoch."""

    def fit(self, clips: Clips, validation: Clips | None = None) -> Self:
        """Learn from clips; validation clips only choose the best epoch."""

    def predict_proba(self, streams: Streams) -> NDArray[np.float64]:
        """Compute posteriors of clips, shape `(clips, classes)`, or their values."""


class PipelineLearner:
    """Learner that fits scikit-learn pipelines on clips of one frame each.

    Args:
        candidates: unfitted pipelines; of several, the one with the best result on held-out
            training speakers is fitted.
        regressors: function that returns the candidates for values; None if there are none.

    Attributes:
        classes_: labels in the order of the posteriors, or names of the values.
        values: whether values are learnt.
        classifier: the fitted pipeline.
        examples: see `serenade.training._clips.list_examples`.
    """

    curve: Curve = ()

    def __init__(
        self, candidates: Sequence[Any], regressors: Callable[[], Sequence[Any]] | None = None
    ) -> None:
        self.candidates = candidates
        self.regressors = regressors

    def fit(self, clips: Clips, validation: Clips | None = None) -> Self:  # noqa: ARG002
        """Learn from clips and their copies; validation clips are not used."""
        targets, weights = clips.targets, clips.weights
        require_classes(clips.labels, targets)
        blocks = [stack_rows(streams) for streams in clips.rounds]
        self.examples = list_examples(clips.streams)
        self.values = has_values(targets)
        labels: NDArray[Any] = clips.labels
        candidates = self.candidates
        if targets is not None and self.values:
            labels = targets.numbers
            candidates = [] if self.regressors is None else self.regressors()
        if len(candidates) == 1:
            chosen = candidates[0]
        elif clips.speakers is None:
            raise SerenadeError(
                "choosing between settings needs speakers to hold out; add the column speaker to "
                "the table, or give the recipe one setting"
            )
        else:
            chosen = choose_on_held_out(candidates, blocks, labels, clips.speakers, weights)
        if targets is not None and targets.votes:
            rows, labels, weights = targets.weigh_emotions(weights)
            blocks = [block[rows] for block in blocks]
        self.classifier = fit_copies(chosen, blocks, labels, weights)
        names = np.array(targets.names) if targets is not None else labels
        self.classes_ = names if self.values else self.classifier.classes_
        return self

    def predict_proba(self, streams: Streams) -> NDArray[np.float64]:
        """Compute posteriors of clips, shape `(clips, classes)`, or their values."""
        rows = stack_rows(streams)
        if self.values:
            return np.asarray(self.classifier.predict(rows)).reshape(len(rows), -1)
        probabilities: NDArray[np.float64] = self.classifier.predict_proba(rows)
        return probabilities


def stack_rows(streams: Streams) -> NDArray[np.float32]:
    """Join streams of one frame per clip to one matrix, `(clips, dims)`.

    >>> stack_rows(([np.ones((1, 2), np.float32), np.zeros((1, 2), np.float32)],))
    array([[1., 1.],
           [0., 0.]], dtype=float32)
    """
    joined = [np.concatenate(matrices).astype(np.float32) for matrices in streams]
    if any(len(block) != len(streams[0]) for block in joined):
        raise SerenadeError(
            "a classifier of single rows received features of several frames; use a recipe with "
            "utterance-level features"
        )
    return np.concatenate(joined, axis=1)


def make_learner(
    system: System,
    recipe: Any,
    seed: int,
    *,
    device: str = "cpu",
    checkpoints: str | os.PathLike[str] | None = None,
    tracking: str | None = None,
) -> Learner:
    """Make the learner of a system's recipe.

    Args:
        system: system that is fitted.
        recipe: recipe of the system.
        seed: random seed.
        device: device of a network; see `NetworkLearner`.
        checkpoints: folder of a network's checkpoints; see `NetworkLearner`.
        tracking: log of a network's epochs; see `NetworkLearner`.

    Raises:
        MissingExtraError: the extra "train" is not installed.
    """
    if members := system.members(recipe):
        known = system.features(recipe)
        return Ensemble(
            (
                make_learner(
                    system, each, seed, device=device, checkpoints=checkpoints, tracking=tracking
                ),
                [known.index(feature) for feature in system.features(each)],
            )
            for each in members
        )
    system.require_learner(recipe)
    if not is_network(recipe):
        regressors = functools.partial(system.regressors, recipe)
        return PipelineLearner(system.classifiers(recipe, seed), regressors)
    try:
        from serenade.training._network_learner import NetworkLearner
    except ImportError:
        raise MissingExtraError(f"training {system.name}", "train") from None
    return NetworkLearner(
        system, recipe, seed, device=device, checkpoints=checkpoints, tracking=tracking
    )


def is_network(recipe: Any) -> bool:
    """Return whether a recipe trains a network; only networks use validation rows."""
    return isinstance(recipe, NetworkRecipe)

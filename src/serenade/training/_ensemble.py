"""Ensemble: several learners over the same clips, their posteriors averaged."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade.training._clips import list_examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from serenade.training._clips import Clips, Streams
    from serenade.training._learners import Curve, Learner


class Ensemble:
    """Learners that are fitted one by one, each on its own streams.

    Each is trained as if it were alone, with its own validation clips and best epoch, and so shares
    the checkpoint of a run of the member alone.

    Args:
        members: learners, and the positions of their streams among the ensemble's.

    Attributes:
        classes_: labels in the order of the posteriors.
        classifier: classifiers of the members, in their order.
        curve: empty; each member has its own.
        examples: see `serenade.training._clips.list_examples`.
    """

    curve: Curve = ()

    def __init__(self, members: Iterable[tuple[Learner, Sequence[int]]]) -> None:
        self.members = tuple(members)

    def fit(self, clips: Clips, validation: Clips | None = None) -> Self:
        """Fit each member; see `Learner.fit`."""
        self.examples = list_examples(clips.streams)
        for learner, places in self.members:
            learner.fit(
                _select_streams(clips, places),
                None if validation is None else _select_streams(validation, places),
            )
        self.classes_: NDArray[np.str_] = self.members[0][0].classes_
        self.values: bool = self.members[0][0].values
        self.classifier: Any = tuple(learner.classifier for learner, _ in self.members)
        return self

    def predict_proba(self, streams: Streams) -> NDArray[np.float64]:
        """Compute the means of the members' posteriors, shape `(clips, classes)`."""
        found = [
            learner.predict_proba(pick_streams(streams, places)) for learner, places in self.members
        ]
        return np.asarray(np.mean(found, axis=0))


def list_members(learner: Any) -> tuple[tuple[Any, Sequence[int]], ...]:
    """List the members of an ensemble, or any other learner, with positions of their streams.

    Args:
        learner: fitted learner of one network or of several.
    """
    if isinstance(learner, Ensemble):
        return learner.members
    return ((learner, range(len(learner.examples))),)


def _select_streams(clips: Clips, places: Sequence[int]) -> Clips:
    """Return clips with some of their streams."""
    streams, *copies = (pick_streams(streams, places) for streams in clips.rounds)
    return dataclasses.replace(clips, streams=streams, copies=tuple(copies))


def pick_streams(streams: Streams, places: Sequence[int]) -> Streams:
    """Return the streams of a member by their positions among all.

    >>> pick_streams(("a", "b", "c"), (2, 0))
    ('c', 'a')
    """
    return tuple(streams[place] for place in places)

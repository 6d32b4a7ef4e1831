"""Several learners over the same clips, their posteriors averaged."""

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
    """Learners that are fitted one by one, each on the streams it looks at.

    Each is trained as it would be alone, with validation clips and the best epoch of its own, and
    shares the checkpoint of such a run.

    Args:
        members: learners, and the places of their streams among the ensemble's.

    Attributes:
        classes_: labels in the order of the posteriors.
        classifier: those of the members, in their order.
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
                _seen(clips, places), None if validation is None else _seen(validation, places)
            )
        self.classes_: NDArray[np.str_] = self.members[0][0].classes_
        self.classifier: Any = tuple(learner.classifier for learner, _ in self.members)
        return self

    def predict_proba(self, streams: Streams) -> NDArray[np.float64]:
        """Means of the members' posteriors, shape `(clips, classes)`."""
        found = [
            learner.predict_proba(pick_streams(streams, places)) for learner, places in self.members
        ]
        return np.asarray(np.mean(found, axis=0))


def list_members(learner: Any) -> tuple[tuple[Any, Sequence[int]], ...]:
    """The networks of an ensemble, or the one of any other learner, with the places of its streams.

    Args:
        learner: fitted, of a network or of several.
    """
    if isinstance(learner, Ensemble):
        return learner.members
    return ((learner, range(len(learner.examples))),)


def _seen(clips: Clips, places: Sequence[int]) -> Clips:
    """Clips with some of their streams."""
    streams, *copies = (pick_streams(streams, places) for streams in clips.rounds)
    return dataclasses.replace(clips, streams=streams, copies=tuple(copies))


def pick_streams(streams: Streams, places: Sequence[int]) -> Streams:
    """The streams of a member, by their places among all.

    >>> pick_streams(("a", "b", "c"), (2, 0))
    ('c', 'a')
    """
    return tuple(streams[place] for place in places)

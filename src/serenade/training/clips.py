"""What learners are given: clips as feature matrices, with labels, weights and speakers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrices = list[NDArray[np.float32]]


@dataclasses.dataclass(frozen=True, eq=False)
class Clips:
    """Labelled recordings as a learner sees them.

    Args:
        matrices: features of each clip, `(frames, dims)` float32.
        labels: emotions, shape `(clips,)`.
        weights: of each clip in the loss, shape `(clips,)`.
        speakers: names, shape `(clips,)`; None where the corpus does not know them.
        copies: per round of augmented copies, features of a copy of each clip.
    """

    matrices: Matrices
    labels: NDArray[np.str_]
    weights: NDArray[np.float64]
    speakers: NDArray[np.str_] | None = None
    copies: tuple[Matrices, ...] = ()

    @property
    def blocks(self) -> tuple[Matrices, ...]:
        """Features of the clips, and of each round of copies."""
        return (self.matrices, *self.copies)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Some of the clips, with their copies."""
        return dataclasses.replace(
            self,
            matrices=[self.matrices[row] for row in rows],
            labels=self.labels[rows],
            weights=self.weights[rows],
            speakers=None if self.speakers is None else self.speakers[rows],
            copies=tuple([block[row] for row in rows] for block in self.copies),
        )

    def held_out(self, share: float, seed: int) -> tuple[Self, Self]:
        """Divide clips for training and validation so that no speaker is on both sides.

        Where speakers are unknown, or there is one, clips are drawn at random instead.

        Args:
            share: of the speakers (or clips) to validate on, at least one.
            seed: of the draw.

        Returns:
            Clips to train on, and clips to validate on without their copies.
        """
        speakers = self.speakers
        if speakers is None or len(np.unique(speakers)) < 2:
            speakers = np.arange(len(self.labels)).astype(str)
        names = np.random.default_rng([seed, 1]).permutation(np.unique(speakers))
        count = min(max(1, round(share * len(names))), len(names) - 1)
        aside = np.isin(speakers, names[:count])
        kept = self.take(np.flatnonzero(~aside))
        return kept, dataclasses.replace(self, copies=()).take(np.flatnonzero(aside))

"""What learners are given: clips as feature matrices, with labels, weights and speakers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Matrices = list[NDArray[np.float32]]
    Streams = tuple[Matrices, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Clips:
    """Labelled recordings as a learner sees them.

    Args:
        streams: per feature that a system looks at, the feature of each clip, `(frames, dims)`
            float32; streams may differ in frames and dims.
        labels: emotions, shape `(clips,)`.
        weights: of each clip in the loss, shape `(clips,)`.
        speakers: names, shape `(clips,)`; None where the corpus does not know them.
        copies: per round of augmented copies, streams of a copy of each clip.
    """

    streams: Streams
    labels: NDArray[np.str_]
    weights: NDArray[np.float64]
    speakers: NDArray[np.str_] | None = None
    copies: tuple[Streams, ...] = ()

    @property
    def rounds(self) -> tuple[Streams, ...]:
        """Streams of the clips, and of each round of copies."""
        return (self.streams, *self.copies)

    @property
    def stacked(self) -> Streams:
        """Streams of the clips and then of their copies, a round after the other."""
        return tuple(
            [matrix for matrices in stream for matrix in matrices]
            for stream in zip(*self.rounds, strict=True)
        )

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Some of the clips, with their copies."""
        return dataclasses.replace(
            self,
            streams=pick_clips(self.streams, rows),
            labels=self.labels[rows],
            weights=self.weights[rows],
            speakers=None if self.speakers is None else self.speakers[rows],
            copies=tuple(pick_clips(streams, rows) for streams in self.copies),
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


def pick_clips(streams: Streams, rows: Sequence[int] | NDArray[np.int64]) -> Streams:
    """Some clips of each stream, in the order of `rows`."""
    return tuple([matrices[row] for row in rows] for matrices in streams)


def list_examples(streams: Streams, count: int = 7) -> Streams:
    """Clips of all lengths, from the shortest to the longest: what an exported graph is tried on.

    >>> clips = [np.ones((n, 2), np.float32) for n in (9, 3, 5, 7)]
    >>> [len(m) for m in list_examples((clips,), 3)[0]]
    [3, 5, 9]
    """
    order = np.argsort([len(matrix) for matrix in streams[0]], kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, count).astype(int))
    return pick_clips(streams, order[places])

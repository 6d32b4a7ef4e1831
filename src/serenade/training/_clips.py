"""Input of learners: clips as feature matrices with labels and weights; recall over classes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade._targets import has_values
from serenade.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade._targets import Targets

    Matrices = list[NDArray[np.float32]]
    Streams = tuple[Matrices, ...]
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, eq=False)
class Clips:
    """Labelled recordings as input of a learner.

    Args:
        streams: for each feature of a system, the matrix of each clip, `(frames, dims)` float32;
            streams may differ in frames and dims.
        labels: emotions, shape `(clips,)`.
        weights: weight of each clip in the loss, shape `(clips,)`.
        speakers: names, shape `(clips,)`; None if they are not known.
        copies: for each round of augmented copies, streams of a copy of each clip.
        targets: numbers that are learnt in place of the labels; None for emotions.
    """

    streams: Streams
    labels: NDArray[np.str_]
    weights: NDArray[np.float64]
    speakers: NDArray[np.str_] | None = None
    copies: tuple[Streams, ...] = ()
    targets: Targets | None = None

    @property
    def rounds(self) -> tuple[Streams, ...]:
        """Return the streams of the clips, and of each round of copies."""
        return (self.streams, *self.copies)

    @property
    def stacked(self) -> Streams:
        """Return the streams of the clips and then of their copies, one round after the other."""
        return tuple(
            [matrix for matrices in stream for matrix in matrices]
            for stream in zip(*self.rounds, strict=True)
        )

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return some of the clips, with their copies."""
        return dataclasses.replace(
            self,
            streams=pick_clips(self.streams, rows),
            labels=self.labels[rows],
            weights=self.weights[rows],
            speakers=None if self.speakers is None else self.speakers[rows],
            copies=tuple(pick_clips(streams, rows) for streams in self.copies),
            targets=None if self.targets is None else self.targets.take(rows),
        )

    def hold_out(self, share: float, seed: int) -> tuple[Self, Self]:
        """Divide clips into training and validation so that they share no speaker.

        If speakers are unknown, or there is only one, clips are drawn at random instead.

        Args:
            share: share of the speakers (or clips) for validation, at least one.
            seed: random seed of the draw.

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


def require_classes(labels: NDArray[np.str_], targets: Targets | None = None) -> None:
    """Raise an error for training data with fewer than two emotions, unless values are learnt.

    Args:
        labels: emotion of each training recording.
        targets: numbers that are learnt; None for the emotions.

    Raises:
        InputError: there is one emotion only.

    >>> require_classes(np.array(["sad", "happy"]))
    """
    classes = np.unique(labels)
    if len(classes) < 2 and not has_values(targets):
        raise InputError(
            f"y: all {len(labels)} training recordings are {', '.join(classes)}, and a classifier "
            "needs two classes or more; add recordings of another emotion, or divide the corpus "
            "differently"
        )


def pick_clips(streams: Streams, rows: Sequence[int] | NDArray[np.int64]) -> Streams:
    """Return some clips of each stream, in the order of `rows`."""
    return tuple([matrices[row] for row in rows] for matrices in streams)


def list_examples(streams: Streams, count: int = 7) -> Streams:
    """Pick clips from the shortest to the longest, on which an exported graph is checked.

    >>> clips = [np.ones((n, 2), np.float32) for n in (9, 3, 5, 7)]
    >>> [len(m) for m in list_examples((clips,), 3)[0]]
    [3, 5, 9]
    """
    order = np.argsort([len(matrix) for matrix in streams[0]], kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, count).astype(int))
    return pick_clips(streams, order[places])


def compute_weights(
    rows: pd.DataFrame, labels: NDArray[np.str_], power: float
) -> NDArray[np.float64]:
    """Compute weights that balance emotions, and corpora where the table has a column `corpus`.

    Args:
        rows: table of recordings.
        labels: emotion of each recording, shape `(rows,)`.
        power: 1 gives each emotion of each corpus the same total, 0 each recording.

    Returns:
        Shape `(rows,)`, of mean one.
    """
    corpora = rows["corpus"].to_numpy(dtype=str) if "corpus" in rows else np.full(len(rows), "")
    cells = np.char.add(np.char.add(corpora, "\0"), labels)
    _, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
    weights = counts[cell].astype(np.float64) ** -power
    return np.asarray(weights / weights.mean())


def compute_mean_recall(reference: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Compute the mean of the recalls of all classes that occur in the reference.

    Args:
        reference: true class of each clip.
        predicted: predicted class of each clip.

    >>> compute_mean_recall(np.array(["a", "a", "b"]), np.array(["a", "b", "b"]))
    0.75
    """
    recalls = [np.mean(predicted[reference == label] == label) for label in np.unique(reference)]
    return float(np.mean(recalls))

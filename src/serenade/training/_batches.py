"""Batches of clips of unequal length: padded, masked, and grouped by length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_POOL = 32  # batches that are sorted by length together; more pads less and mixes less


class ClipSet(torch.utils.data.Dataset[Any]):
    """Matrices, class numbers and weights, as skorch passes them from step to step.

    Args:
        streams: of each, matrices of the clips, `(frames, dims)` float32.
        labels: class numbers, shape `(clips,)`, or numbers of targets, `(clips, targets)`; zeros
            if None.
        weights: in the loss, shape `(clips,)`; ones if None.
    """

    def __init__(
        self,
        streams: Sequence[Sequence[NDArray[np.float32]]],
        labels: NDArray[Any] | None = None,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        count = len(streams[0])
        self.streams = streams
        self.lengths = np.array([len(matrix) for matrix in streams[0]])
        given = np.zeros(count, np.int64) if labels is None else np.asarray(labels)
        self.labels = torch.as_tensor(given.astype(np.int64 if given.ndim == 1 else np.float32))
        self.weights = torch.as_tensor(
            np.ones(count, np.float32) if weights is None else np.asarray(weights, np.float32)
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: NDArray[np.int64]) -> tuple[dict[str, Any], torch.Tensor]:
        """Return some clips as tensors.

        Returns:
            Per stream, in lists, `values` `(clips, frames, dims)`, zero where padded, and `mask`
            `(clips, frames)`, True where real; `weights` `(clips,)`; and the labels.
        """
        padded = [pad([matrices[row] for row in rows]) for matrices in self.streams]
        inputs = {
            "values": [values for values, _ in padded],
            "mask": [mask for _, mask in padded],
            "weights": self.weights[rows],
        }
        return inputs, self.labels[rows]


def pad(matrices: Sequence[NDArray[np.float32]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrices of unequal length as one tensor, and True where it is real."""
    lengths = np.array([len(matrix) for matrix in matrices])
    values = np.zeros((len(matrices), lengths.max(), matrices[0].shape[1]), dtype=np.float32)
    for place, matrix in enumerate(matrices):
        values[place, : len(matrix)] = matrix
    mask = np.arange(values.shape[1]) < lengths[:, None]
    return torch.from_numpy(values), torch.from_numpy(mask)


class Batches:
    """The batches of one pass over a `ClipSet`; each clip is in exactly one.

    Args:
        clips: clips that are divided.
        batch_size: clips per batch; the last ones may hold fewer, but never one clip alone, for
            which batch normalisation has no deviation.
        shuffle: whether in random order, from PyTorch's generator: clips are shuffled, sorted by
            the first stream's length within stretches of 32 batches, and the batches shuffled.
            Otherwise in order.
    """

    def __init__(self, clips: ClipSet, batch_size: int, *, shuffle: bool = False) -> None:
        self.clips = clips
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __iter__(self) -> Iterator[tuple[dict[str, Any], torch.Tensor]]:
        for rows in self.rows():
            yield self.clips.batch(rows)

    def rows(self) -> list[NDArray[np.int64]]:
        """Return the row numbers of each batch; if shuffled, each call draws other batches."""
        count = len(self.clips)
        order = np.arange(count)
        if not self.shuffle:
            return _cut_batches(order, self.batch_size)
        order = torch.randperm(count).numpy()
        batches = cut_by_length(order, self.clips.lengths, self.batch_size)
        if len(batches) > 1 and len(batches[-1]) == 1:
            alone = batches.pop()
            batches[-1] = np.concatenate([batches[-1], alone])
        return [batches[place] for place in torch.randperm(len(batches))]


def _cut_batches(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [order[start : start + size] for start in range(0, len(order), size)]


def cut_by_length(
    order: NDArray[np.int64], lengths: NDArray[np.int64], size: int
) -> list[NDArray[np.int64]]:
    """Cut shuffled rows into batches of rows with similar lengths, which need little padding.

    Rows are sorted by length within pools of 32 batches, so that batches stay random.

    Args:
        order: row numbers in random order.
        lengths: length of each row, by row number.
        size: rows per batch; the last batch of a pool may have fewer.

    >>> [rows.tolist() for rows in cut_by_length(np.array([2, 0, 3, 1]), np.array([5, 9, 1, 7]), 2)]
    [[2, 0], [3, 1]]
    """
    batches = []
    for start in range(0, len(order), _POOL * size):
        pool = order[start : start + _POOL * size]
        batches += _cut_batches(pool[np.argsort(lengths[pool], kind="stable")], size)
    return batches

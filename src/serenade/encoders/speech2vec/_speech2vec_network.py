"""An encoder that reads a spoken word, a decoder that foretells its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from serenade.encoders.speech2vec._speech2vec_settings import Speech2VecSettings

_AT_ONCE = 256  # words that are encoded together


class Speech2Vec(nn.Module):
    """LSTMs that read a word forwards and backwards, and one that writes frames from what they say.

    One decoder foretells all neighbours, as published: it is not told which of them is meant, so
    what it writes is closest to the mean of their frames. The vector enters it at every step.

    Args:
        coefficients: values of a frame.
        size: of a vector, even.
    """

    def __init__(self, coefficients: int, size: int) -> None:
        super().__init__()
        self.readers = nn.ModuleList(
            nn.LSTM(coefficients, size // 2, batch_first=True) for _ in range(2)
        )
        self.writer = nn.LSTM(size, size, batch_first=True)
        self.output = nn.Linear(size, coefficients)

    def encode(self, forwards: Tensor, backwards: Tensor, lengths: Tensor) -> Tensor:
        """Vectors of words: the last outputs of both readers.

        Args:
            forwards: frames, `(words, frames, coefficients)`; padding comes last.
            backwards: the same, each word's frames in reversed order.
            lengths: frames of each word, `(words,)`.

        Returns:
            Shape `(words, size)`.
        """
        rows = torch.arange(len(lengths), device=lengths.device)
        last = [
            reader(frames)[0][rows, lengths - 1]
            for reader, frames in zip(self.readers, (forwards, backwards), strict=True)
        ]
        return torch.cat(last, dim=1)

    def decode(self, vectors: Tensor, frames: int) -> Tensor:
        """Frames foretold from vectors `(words, size)`: `(words, frames, coefficients)`."""
        written: Tensor = self.output(self.writer(vectors[:, None].expand(-1, frames, -1))[0])
        return written

    def forward(self, forwards: Tensor, backwards: Tensor, lengths: Tensor, frames: int) -> Tensor:
        """Frames foretold from words; see `encode_words` and `decode`."""
        return self.decode(self.encode(forwards, backwards, lengths), frames)


def build_speech2vec(settings: Speech2VecSettings) -> Speech2Vec:
    """Build an untrained network; PyTorch's generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return Speech2Vec(settings.coefficients, settings.size)


def pad_words(matrices: Sequence[NDArray[np.float32]]) -> Tensor:
    """Return matrices as one tensor, padded with zeros."""
    longest = max(map(len, matrices))
    values = np.zeros((len(matrices), longest, matrices[0].shape[1]), dtype=np.float32)
    for place, matrix in enumerate(matrices):
        values[place, : len(matrix)] = matrix
    return torch.from_numpy(values)


def prepare_words(matrices: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor, Tensor]:
    """Pad words forwards and backwards, as `Speech2Vec.encode` takes them."""
    lengths = torch.tensor([len(matrix) for matrix in matrices])
    return pad_words(matrices), pad_words([matrix[::-1] for matrix in matrices]), lengths


def encode_words(
    network: Speech2Vec, matrices: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Compute the vector of each spoken word.

    Args:
        network: on any device.
        matrices: frames of the words, `(frames, coefficients)` each.

    Returns:
        Shape `(words, size)`, float32; a word's does not depend on the others.
    """
    device = network.output.weight.device
    found = np.empty((len(matrices), network.output.in_features), dtype=np.float32)
    # Neighbours of like length waste the least on padding.
    order = np.argsort([len(matrix) for matrix in matrices], kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), _AT_ONCE):
            rows = order[start : start + _AT_ONCE]
            parts = prepare_words([matrices[row] for row in rows])
            vectors = network.encode(*(part.to(device) for part in parts))
            found[rows] = vectors.float().cpu().numpy()
    return found

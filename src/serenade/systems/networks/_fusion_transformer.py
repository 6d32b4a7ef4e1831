"""The network of Liu, Kang & Ren (2022): two streams that attend to each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from serenade.systems.networks._layers import Dropout, EncoderLayer, masked_mean, mean_pool
from serenade.systems.networks._recurrence import Recurrence

if TYPE_CHECKING:
    from serenade.systems._system import Initial


class Steps(nn.Module):
    """Layer that turns frames of a stream into steps of the common width with positions.

    Args:
        dims: columns of a frame.
        width: of a step.
        kernel: length of the convolution over steps.
        window: frames averaged into one step beforehand.
        states: of an encoder, side by side in a frame; their sum is taken by shares that are
            learnt (Yang et al. 2021, arXiv:2105.01051).
        dropout: probability behind the convolution.
    """

    def __init__(
        self, dims: int, width: int, kernel: int, window: int, states: int, dropout: float
    ) -> None:
        super().__init__()
        self.window = window
        self.shares = nn.Parameter(torch.zeros(states)) if states > 1 else None
        self.convolution = nn.Conv1d(dims // states, width, kernel, padding=kernel // 2)
        self.dropout = Dropout(dropout)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn `(clips, frames, dims)` into `(clips, steps, width)` and a mask."""
        values, mask = mean_pool(values, mask, self.window)
        if self.shares is not None:
            # Unrelated states of deviation one each sum to that again.
            shares = self.shares.softmax(dim=0) * math.sqrt(len(self.shares))
            states = values.view(*values.shape[:2], len(shares), -1)
            values = (states * shares[:, None]).sum(dim=2)
        steps = self.convolution(values.transpose(1, 2)).transpose(1, 2)
        steps = self.dropout(
            steps + compute_positions(steps.shape[1], steps.shape[2]).to(steps.device)
        )
        return steps * mask[..., None], mask


class FusionTransformer(nn.Module):
    """Each stream attends to the other through all layers, then an LSTM reads both.

    Args:
        widths: columns of the two streams.
        classes: how many.
        width: the common width of steps.
        kernel: length of the convolutions that give it.
        windows: frames of each stream averaged into one step.
        states: of each stream, side by side in its frames.
        layers: of cross-modal attention, each way.
        heads: of it.
        hidden: units of its dense layers.
        cells: of the LSTM, in each direction.
        dropout: probability in the layers and behind the LSTM.
        input_dropout: behind the convolutions.
        initial: initial weights of the LSTM.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        classes: int,
        *,
        width: int = 128,
        kernel: int = 3,
        windows: tuple[int, int] = (1, 1),
        states: tuple[int, int] = (1, 1),
        layers: int = 6,
        heads: int = 8,
        hidden: int = 512,
        cells: int = 128,
        dropout: float = 0.1,
        input_dropout: float = 0.1,
        initial: Initial = "pytorch",
    ) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            Steps(dims, width, kernel, windows[side], states[side], input_dropout)
            for side, dims in enumerate(widths)
        )
        self.attention = nn.ModuleList(
            nn.ModuleList([EncoderLayer(width, heads, hidden, dropout) for _ in range(layers)])
            for _ in widths
        )
        self.recurrence = nn.ModuleList([Recurrence(width, cells, initial=initial) for _ in widths])
        self.dropout = Dropout(dropout)
        self.dense = nn.Linear(4 * cells, cells)
        self.output = nn.Linear(cells, classes)

    def forward(self, values_a: Tensor, mask_a: Tensor, values_b: Tensor, mask_b: Tensor) -> Tensor:
        """Compute logits of clips.

        Args:
            values_a: the acoustic stream, `(clips, segments, dims)`.
            mask_a: `(clips, segments)`, True where real.
            values_b: the pre-trained stream, `(clips, frames, dims)`.
            mask_b: `(clips, frames)`, True where real.

        Returns:
            Shape `(clips, classes)`.
        """
        a, real_a = self.steps[0](values_a, mask_a)
        b, real_b = self.steps[1](values_b, mask_b)
        fused = [
            self._read(0, self._attend(0, a, b, real_b), real_a),
            self._read(1, self._attend(1, b, a, real_a), real_b),
        ]
        hidden = self.dense(self.dropout(torch.cat(fused, dim=1))).relu()
        logits: Tensor = self.output(self.dropout(hidden))
        return logits

    def _attend(self, stream: int, queries: Tensor, source: Tensor, mask: Tensor) -> Tensor:
        """Apply equation 2 in all layers: adapt the steps of one stream to the other's."""
        for layer in self.attention[stream].children():
            queries = layer(queries, mask, source)
        return queries

    def _read(self, stream: int, steps: Tensor, mask: Tensor) -> Tensor:
        """Return the mean output of the LSTM over real steps."""
        outputs = self.recurrence[stream](steps * mask[..., None], mask)
        return masked_mean(outputs, mask)


class Linear(nn.Module):
    """Linear classifier of streams of one row per clip; its initial logits are zero.

    Args:
        widths: columns of the streams.
        classes: how many.
    """

    def __init__(self, widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(sum(widths), classes)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, *streams: Tensor) -> Tensor:
        """Turn values `(clips, 1, dims)` and mask of each stream into logits `(clips, classes)`."""
        logits: Tensor = self.output(torch.cat(streams[::2], dim=2)[:, 0])
        return logits


def compute_positions(steps: int, dims: int) -> Tensor:
    """Compute the sines of positions (Vaswani et al. 2017, section 3.5), `(steps, dims)`.

    >>> compute_positions(2, 4)[0]
    tensor([0., 1., 0., 1.])
    """
    places = torch.arange(steps)[:, None]
    rates = torch.exp(torch.arange(0, dims, 2) * (-math.log(10000.0) / dims))
    angles = places * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :dims]

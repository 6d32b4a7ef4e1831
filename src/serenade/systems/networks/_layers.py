"""Layers that several networks share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

_GRAINS = 1 << 16


class Dropout(nn.Module):
    """Inverted dropout with a fast random draw on a CPU: 16 bits of each 64 for a value.

    The probability is kept to 1/65536. Random bits come from PyTorch's own generator.

    >>> layer = Dropout(0.25)
    >>> 0.24 < float((layer(torch.ones(100_000)) == 0).float().mean()) < 0.26
    True
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self._dropped = round(probability * _GRAINS)

    def forward(self, x: Tensor) -> Tensor:
        """Drop values in training; return the input unchanged in evaluation."""
        if not self.training or self._dropped == 0:
            return x
        if x.device.type != "cpu" or self._dropped == _GRAINS:
            return nn.functional.dropout(x, self.probability)
        bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
        coins = bits.view(torch.int16)[: x.numel()]
        kept = (coins >= self._dropped - _GRAINS // 2).to(x.dtype)
        scale = _GRAINS / (_GRAINS - self._dropped)
        # Coins lie as the values do in memory, which spares a copy in another order.
        strides = torch.empty_like(x, device="meta").stride()
        return x * kept.mul_(scale).as_strided(x.shape, strides)


class EncoderLayer(nn.Module):
    """Attention and two dense layers, each normalised after its sum (Vaswani et al. 2017).

    Frames attend to one another, or to those of another sequence where one is given.

    Args:
        dims: of the frames.
        heads: of the attention; must divide dims.
        hidden: units between the dense layers; 0 for attention alone.
        dropout: probability, at attention weights, hidden units and both sums.
        residual: whether the input is added to what attention gives, and the sum normalised; must
            be true if there are dense layers.
    """

    def __init__(
        self, dims: int, heads: int, hidden: int, dropout: float, *, residual: bool = True
    ) -> None:
        super().__init__()
        self.heads = heads
        self.projection = nn.Linear(dims, 3 * dims)
        self.output = nn.Linear(dims, dims)
        self.dense = (
            nn.Sequential(
                nn.Linear(dims, hidden), nn.ReLU(), Dropout(dropout), nn.Linear(hidden, dims)
            )
            if hidden
            else None
        )
        sums = (2 if hidden else 1) if residual else 0
        self.norms = nn.ModuleList([nn.LayerNorm(dims) for _ in range(sums)])
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, source: Tensor | None = None) -> Tensor:
        """Encode frames.

        Args:
            x: shape `(clips, frames, dims)`.
            mask: shape `(clips, frames)`, True where a frame that is attended to is real; each
                clip has a real one.
            source: the frames attended to, `(clips, others, dims)`, which `mask` is of; None for
                x itself.
        """
        clips, frames, dims = x.shape
        query, key, value = self._project(x, source)
        scores = query @ key.transpose(-1, -2) / math.sqrt(dims // self.heads)
        weights = scores.masked_fill(~mask[:, None, None], -torch.inf).softmax(dim=-1)
        context = (self.dropout(weights) @ value).transpose(1, 2).reshape(clips, frames, dims)
        attended: Tensor = self.output(context)
        if not self.norms:
            return attended
        x = self.norms[0](x + self.dropout(attended))
        if self.dense is None:
            return x
        encoded: Tensor = self.norms[1](x + self.dropout(self.dense(x)))
        return encoded

    def _project(self, x: Tensor, source: Tensor | None) -> Sequence[Tensor]:
        """Return queries, keys and values, each `(clips, heads, frames, dims / heads)`."""
        if source is None:
            parts = self.projection(x).chunk(3, dim=-1)
        else:
            dims, weight, bias = x.shape[-1], self.projection.weight, self.projection.bias
            queries = nn.functional.linear(x, weight[:dims], bias[:dims])
            pairs = nn.functional.linear(source, weight[dims:], bias[dims:])
            parts = (queries, *pairs.chunk(2, dim=-1))
        return [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts]


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Average real frames: `(clips, frames, dims)` and `(clips, frames)` to `(clips, dims)`.

    >>> masked_mean(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    real = mask[..., None].to(x.dtype)
    return (x * real).sum(dim=1) / real.sum(dim=1)


def pool_mask(mask: Tensor, factor: int) -> Tensor:
    """Pool a mask by groups of `factor` frames; a pooled frame is real if all of them are.

    So a clip gives the same frames whether it is padded or not; a padded clip keeps at least one.

    >>> pool_mask(torch.tensor([[True] * 5 + [False]]), 2)
    tensor([[ True,  True, False]])
    """
    length = (mask.sum(dim=1) // factor).clamp(min=1)
    return torch.arange(mask.shape[1] // factor, device=mask.device) < length[:, None]


def mean_pool(x: Tensor, mask: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Average the real frames of each window, and mark the windows that have any.

    >>> x, mask = torch.tensor([[[1.0], [3.0], [5.0], [9.0]]]), torch.tensor([[1, 1, 1, 0]]) > 0
    >>> [part.tolist() for part in mean_pool(x, mask, 2)]
    [[[[2.0], [5.0]]], [[True, True]]]
    """
    clips, frames, dims = x.shape
    extra = -frames % window
    real = nn.functional.pad(mask, (0, extra)).view(clips, -1, window)
    sums = nn.functional.pad(x * mask[..., None], (0, 0, 0, extra))
    counts = real.sum(dim=2)
    means = sums.view(clips, -1, window, dims).sum(dim=2) / counts.clamp(min=1)[..., None]
    return means, counts > 0


class LayerProbe(nn.Module):
    """Weighted sum of rows, one for each layer, with learnt weights, and a linear classifier.

    Args:
        layers: number of rows.
        dims: length of a row.
        classes: number of classes.
        dropout: probability of dropout before the classifier.
    """

    def __init__(self, layers: int, dims: int, classes: int, *, dropout: float = 0.2) -> None:
        super().__init__()
        self.layers = nn.Parameter(torch.zeros(layers))
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(dims, classes)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Compute logits `(clips, classes)` of `(clips, layers, dims)`; each layer is real."""
        weights = self.layers.softmax(dim=0)[:, None] * mask[..., None].to(values.dtype)
        logits: Tensor = self.output(self.dropout((weights * values).sum(dim=1)))
        return logits

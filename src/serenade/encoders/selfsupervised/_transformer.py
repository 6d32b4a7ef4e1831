"""The network of TERA and Audio ALBERT: a Transformer encoder whose head restores its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serenade.encoders.selfsupervised._encoder_settings import TransformerSettings

_EPSILON = 1e-12  # of all normalisations, as BERT has it
_DEVIATION = 0.02  # of initial weights, as published
_SHARPNESS = 2.5  # of heads that begin at an offset: measured, 4 learns slower
# Where one layer is used again: a unit whose sine hardly turns, its level, how much heads shun
# it, and the gain of what the layer adds (1 and 0.5 learn slower).
_CONSTANT, _LEVEL, _CAUTION, _BRANCH = -2, 3.0, 80.0, 0.25


class Layer(nn.Module):
    """Self-attention and two dense layers, each normalised after its sum (Vaswani et al. 2017)."""

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        width, self.heads, self.dropout = settings.width, settings.heads, settings.dropout
        self.projection = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.expand = nn.Linear(width, settings.hidden)
        self.contract = nn.Linear(settings.hidden, width)
        self.attention_norm = nn.LayerNorm(width, eps=_EPSILON)
        self.dense_norm = nn.LayerNorm(width, eps=_EPSILON)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode `(clips, frames, width)`; mask `(clips, 1, 1, frames)`, True where real."""
        clips, frames, width = x.shape
        query, key, value = (
            self.projection(x).view(clips, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        context = attend(query, key, value, mask, self.dropout if self.training else 0.0)
        context = self.output(context.transpose(1, 2).reshape(clips, frames, width))
        x = self.attention_norm(x + functional.dropout(context, self.dropout, self.training))
        dense = self.contract(functional.gelu(self.expand(x)))
        encoded: Tensor = self.dense_norm(
            x + functional.dropout(dense, self.dropout, self.training)
        )
        return encoded


class SpeechTransformer(nn.Module):
    """Frames with their positions through layers of attention; a head for pre-training.

    Args:
        settings: sizes.
        dims: of the input's frames.

    >>> from serenade.encoders.selfsupervised._encoder_settings import TransformerSettings
    >>> network = SpeechTransformer(TransformerSettings(16, 2, 2, 32), dims=80)
    >>> states = network.states(torch.zeros(1, 50, 80))
    >>> len(states), states[-1].shape
    (3, torch.Size([1, 50, 16]))
    """

    positions: Tensor

    def __init__(self, settings: TransformerSettings, dims: int) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        self.input = nn.Linear(dims, width)
        self.input_norm = nn.LayerNorm(width, eps=_EPSILON)
        unlike = 1 if settings.shared else settings.layers
        self.layers = nn.ModuleList([Layer(settings) for _ in range(unlike)])
        self.head = nn.Sequential(
            nn.Linear(width, width),
            nn.GELU(),
            nn.LayerNorm(width, eps=_EPSILON),
            nn.Linear(width, dims),
        )
        table = compute_sinusoids(settings.longest, width)
        self.register_buffer("positions", table, persistent=False)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """As published; with offsets, weights of unit gain, and heads that look at neighbours."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                gain = module.in_features**-0.5
                nn.init.normal_(module.weight, std=gain if self.settings.offsets else _DEVIATION)
                nn.init.zeros_(module.bias)
        if self.settings.offsets:
            self._look_around([module for module in self.modules() if isinstance(module, Layer)])

    def _look_around(self, layers: Sequence[Layer]) -> None:
        """Let the first heads see positions only, those of the offset they begin at.

        A layer used again and again has to leave the positions as they are, and adds little at
        first. In masked frames, where nothing but the position is, normalisation makes it larger,
        which draws the heads there; a unit that is constant before tells them apart, and a bias
        of the queries against it holds against that. Measured for Audio ALBERT, with half the
        learning rate: held-out loss after 400 steps as otherwise after 3,000.
        """
        width, again = self.settings.width, self.settings.shared
        each = width // self.settings.heads
        size = (each - again) // 2 * 2
        # The units with the fastest sines hold positions only, and these heads see only them.
        self.input.weight[:size] = 0.0
        for layer in layers:
            for head, offset in enumerate(self.settings.offsets):
                query = layer.projection.weight[head * each :][:size]
                key = layer.projection.weight[width + head * each :][:size]
                query.zero_()[:, :size] = _SHARPNESS * compute_rotation(offset, size, width)
                key.zero_()[:, :size] = _SHARPNESS * torch.eye(size)
        if again:
            (layer,) = layers
            self.input.weight[_CONSTANT] = 0.0
            self.input.bias[_CONSTANT] = _LEVEL
            for branch in (layer.output, layer.contract):
                branch.weight *= _BRANCH
                branch.weight[:size] = 0.0
                branch.weight[_CONSTANT] = 0.0
            for last in range(each - 1, each * len(self.settings.offsets), each):
                layer.projection.weight[last] = 0.0
                layer.projection.bias[last] = -_CAUTION
                layer.projection.weight[width + last] = 0.0
                layer.projection.weight[width + last, _CONSTANT] = 1.0

    def states(self, x: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """All hidden states.

        Args:
            x: standardised energies, shape `(clips, frames, dims)`.
            mask: True where real, shape `(clips, frames)`; None where all frames are.

        Returns:
            The first layer's input and each layer's output, each `(clips, frames, width)`.
        """
        count = -(-x.shape[1] // self.settings.longest)
        if count > 1:
            masks = [None] * count if mask is None else mask.chunk(count, dim=1)
            parts = [self.states(*part) for part in zip(x.chunk(count, dim=1), masks, strict=True)]
            return [torch.cat(state, dim=1) for state in zip(*parts, strict=True)]
        x = self.input_norm(self.input(x) + self.positions[: x.shape[1]])
        x = functional.dropout(x, self.settings.dropout, self.training)
        real = None if mask is None else mask[:, None, None]
        states = [x]
        for number in range(self.settings.layers):
            x = self.layers[number % len(self.layers)](x, real)
            states.append(x)
        return states

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the input as restored by the head, shape `(clips, frames, dims)`."""
        restored: Tensor = self.head(self.states(x, mask)[-1])
        return restored


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
) -> Tensor:
    """Scaled dot-product attention; all of shape `(clips, heads, frames, size)`."""
    if value.device.type == "cpu" and value.dtype is torch.bfloat16 and not dropout:
        # PyTorch's own kernel takes twice as long here: it was written for single precision.
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        scores = scores.float()
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        mixed: Tensor = scores.softmax(dim=-1).to(value.dtype) @ value
        return mixed
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout
    )


def compute_rotation(offset: int, size: int, width: int) -> Tensor:
    """Return the rotation of a position's first sines and cosines by a number of frames.

    Args:
        offset: in frames.
        size: how many units, even.
        width: of the whole table.

    Returns:
        Shape `(size, size)`.

    >>> table = compute_sinusoids(10, 32)[:, :8]
    >>> bool(torch.allclose(table[2] @ compute_rotation(3, 8, 32).T, table[5], atol=1e-6))
    True
    """
    first = torch.arange(0, size, 2)
    angles = (offset * 10000.0 ** (-first.double() / width)).float()
    turned = torch.zeros(size, size)
    turned[first, first] = turned[first + 1, first + 1] = angles.cos()
    turned[first, first + 1] = angles.sin()
    turned[first + 1, first] = -angles.sin()
    return turned


def compute_sinusoids(length: int, width: int) -> Tensor:
    """Positions as sines and cosines by turns (Vaswani et al. 2017), shape `(length, width)`."""
    rates = 10000.0 ** (-2 * (torch.arange(width, dtype=torch.float64) // 2) / width)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    angles[:, 0::2] = angles[:, 0::2].sin()
    angles[:, 1::2] = angles[:, 1::2].cos()
    return angles.float()

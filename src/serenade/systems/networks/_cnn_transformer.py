"""Network of An & Ruan (2021): two convolutional branches and a Transformer encoder."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from serenade.systems.networks._layers import Dropout, EncoderLayer, masked_mean, pool_mask

POOLS = (2, 4, 4)
"""Max-pooling after each convolution, along both axes."""


class ConvolutionBlock(nn.Module):
    """3×3 convolution, batch normalisation, ReLU, max-pooling, dropout."""

    def __init__(self, inputs: int, outputs: int, pool: int, dropout: float) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)
        self.pool = nn.MaxPool2d(pool)
        self.dropout = Dropout(dropout)

    def forward(self, image: Tensor) -> Tensor:
        """Turn `(clips, inputs, dims, frames)` into the pooled image of `outputs` channels."""
        # ReLU and the maximum may change places; after pooling there is less to do.
        pooled: Tensor = self.pool(self.norm(self.convolution(image)))
        dropped: Tensor = self.dropout(pooled.relu())
        return dropped


class ConvolutionBranch(nn.Module):
    """Convolutional blocks: spatial features of the image of coefficients over time."""

    def __init__(self, channels: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        sizes = zip((1, *channels[:-1]), channels, POOLS, strict=True)
        self.blocks = nn.ModuleList([ConvolutionBlock(*size, dropout) for size in sizes])

    def forward(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """Turn `(clips, 1, dims, frames)` into `(clips, channels, dims // 32, frames // 32)`.

        Args:
            image: coefficients over time, zero where padded.
            mask: shape `(clips, frames)`, True where real; None where nothing is padded.
        """
        for block, pool in zip(self.blocks, POOLS, strict=True):
            image = block(image)
            if mask is not None:
                mask = pool_mask(mask, pool)
                image = image * mask[:, None, None]
        return image


class CNNTransformer(nn.Module):
    """Two branches and an encoder side by side, joined by one linear layer.

    Args:
        dims: coefficients per frame.
        frames: frames of a clip; decides the size of the linear layer if images are flattened.
        classes: number of classes.
        channels: channels of the three blocks of a branch.
        layers: layers of the encoder.
        heads: attention heads of the encoder.
        hidden: units of the encoder's dense layers.
        dropout: probability of dropout in the branches.
        encoder_dropout: probability of dropout in the encoder.
        pooling: "flatten" takes all values of a branch's image, which needs clips of one length;
            "mean" takes means over time.

    Raises:
        ValueError: clips have fewer than 32 frames or coefficients, so that three poolings leave
            nothing.
    """

    def __init__(
        self,
        dims: int,
        frames: int,
        classes: int,
        *,
        channels: tuple[int, int, int] = (16, 32, 64),
        layers: int = 4,
        heads: int = 4,
        hidden: int = 512,
        dropout: float = 0.3,
        encoder_dropout: float = 0.4,
        pooling: Literal["flatten", "mean"] = "flatten",
    ) -> None:
        super().__init__()
        if min(dims, frames) < 32:
            raise ValueError(f"need 32 coefficients and frames at least, got {dims} and {frames}")
        self.frames, self.flat = frames, pooling == "flatten"
        self.branches = nn.ModuleList([ConvolutionBranch(channels, dropout) for _ in range(2)])
        # Channels last in memory: a convolution takes half the time.
        self.branches.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.encoder = nn.ModuleList(
            [EncoderLayer(dims, heads, hidden, encoder_dropout) for _ in range(layers)]
        )
        width = channels[-1] * (dims // 32) * (frames // 32 if self.flat else 1)
        self.output = nn.Linear(2 * width + dims, classes)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Compute logits of clips.

        Args:
            values: shape `(clips, frames, dims)`, zero where padded.
            mask: shape `(clips, frames)`, True where real.

        Returns:
            Shape `(clips, classes)`.
        """
        if self.flat and values.shape[1] != self.frames:
            raise ValueError(f"made for clips of {self.frames} frames, got {values.shape[1]}")
        # A traced graph must be valid for padded clips, also if it is traced on others.
        padded = mask if torch.onnx.is_in_onnx_export() or not bool(mask.all()) else None
        image = values.transpose(1, 2)[:, None].contiguous(memory_format=torch.channels_last)
        parts = [self._flatten(branch(image, padded), mask) for branch in self.branches]
        # Not stated in the paper: "1×4" is read as pooling over time alone, and no code of
        # positions is added.
        encoded = nn.functional.max_pool1d(values.transpose(1, 2), 4).transpose(1, 2)
        real = pool_mask(mask, 4)
        for layer in self.encoder:
            encoded = layer(encoded, real)
        logits: Tensor = self.output(torch.cat([*parts, masked_mean(encoded, real)], dim=1))
        return logits

    def _flatten(self, image: Tensor, mask: Tensor) -> Tensor:
        """Turn a branch's image into a vector for each clip."""
        if self.flat:
            return image.flatten(1)
        for pool in POOLS:
            mask = pool_mask(mask, pool)
        return masked_mean(image.permute(0, 3, 1, 2).flatten(2), mask)

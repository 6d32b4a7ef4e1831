"""The recurrent networks of He, Ren & He: an LSTM over steps, and attention over its outputs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from serenade.systems.networks._layers import Dropout, masked_mean, mean_pool
from serenade.systems.networks._recurrence import Attention, Recurrence


class Noise(nn.Module):
    """Gaussian noise of zero mean that is added in training.

    Args:
        deviation: deviation of the noise.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        """Add the noise in training; return the input unchanged in evaluation."""
        if not self.training or not self.deviation:
            return x
        return x + self.deviation * torch.randn_like(x)


class DescriptorSteps(nn.Module):
    """Front of experiment two: descriptors averaged over windows of frames.

    Args:
        dims: columns of a frame.
        window: frames averaged into one step.
    """

    def __init__(self, dims: int, window: int = 1) -> None:
        super().__init__()
        self.outputs, self.window = dims, window

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn values and mask of frames into those of steps."""
        return (values, mask) if self.window == 1 else mean_pool(values, mask, self.window)


class AttentiveCRNN(nn.Module):
    """Steps of a front, recurrent layers, pooling over time, one linear layer.

    Args:
        front: module that turns `(values, mask)` of frames into those of steps; has `outputs` and
            `window`.
        recurrence: LSTM over the steps of the front, or over those of the dense layer.
        classes: number of classes.
        hidden: units of a dense layer with ReLU before the recurrence; 0 for none.
        dropout: probability of dropout behind every layer but the last.
        noise: deviation of the noise that is added to the front's outputs in training.
        pooling: pooling over time: by attention, the mean, or the last output of each direction.
    """

    def __init__(
        self,
        front: nn.Module,
        recurrence: Recurrence,
        classes: int,
        *,
        hidden: int = 0,
        dropout: float = 0.5,
        noise: float = 0.1,
        pooling: Literal["attention", "mean", "last"] = "attention",
    ) -> None:
        super().__init__()
        self.front, self.recurrence, self.pooling = front, recurrence, pooling
        self.noise, self.dropout = Noise(noise), Dropout(dropout)
        width = int(front.outputs)  # type: ignore[arg-type]
        self.dense = nn.Linear(width, hidden) if hidden else None
        self.weigh = Attention(recurrence.outputs) if pooling == "attention" else None
        self.output = nn.Linear(recurrence.outputs, classes)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Compute logits of clips.

        Args:
            values: shape `(clips, frames, dims)`.
            mask: shape `(clips, frames)`, True where real.

        Returns:
            Shape `(clips, classes)`.
        """
        outputs, real = self._compute_outputs(values, mask)
        if self.weigh is not None:
            pooled = (self.weigh(outputs, real)[..., None] * outputs).sum(dim=1)
        elif self.pooling == "mean":
            pooled = masked_mean(outputs, real)
        else:
            pooled = self.recurrence.last(outputs, real)
        logits: Tensor = self.output(pooled)
        return logits

    def attention(self, values: Tensor, mask: Tensor) -> Tensor:
        """Compute the weights of steps, shape `(clips, steps)`, of sum one for each clip.

        Without attention every real step has the same weight, or the last one has all.
        """
        outputs, real = self._compute_outputs(values, mask)
        if self.weigh is not None:
            weights: Tensor = self.weigh(outputs, real)
            return weights
        if self.pooling == "mean":
            return real / real.sum(dim=1, keepdim=True)
        return nn.functional.one_hot(real.sum(dim=1) - 1, real.shape[1]).to(outputs.dtype)

    def _compute_outputs(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of the recurrence and the mask of its steps."""
        steps, real = self.front(values, mask)
        steps = self.noise(steps)
        if self.dense is not None:
            steps = self.dense(steps).relu()
        return self.dropout(self.recurrence(self.dropout(steps), real)), real

"""The recurrent networks of He, Ren & He: an LSTM over steps, and attention over its outputs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from serenade.systems.networks.layers import Dropout, masked_mean
from serenade.systems.networks.sparse_coder import mean_pool

_REACH = 0.1  # initial weights of recurrent layers and attention


class Noise(nn.Module):
    """Adds Gaussian noise of zero mean while training.

    Args:
        deviation: of the noise.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape; unchanged while evaluating."""
        if not self.training or not self.deviation:
            return x
        return x + self.deviation * torch.randn_like(x)


class DescriptorSteps(nn.Module):
    """Windows of descriptors as they are: the front of experiment two.

    Args:
        dims: columns of a frame.
        window: frames averaged into one step.
    """

    def __init__(self, dims: int, window: int = 1) -> None:
        super().__init__()
        self.outputs, self.window = dims, window

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Values and mask of frames to those of steps."""
        return (values, mask) if self.window == 1 else mean_pool(values, mask, self.window)


class Recurrence(nn.Module):
    """LSTM layers over sequences of unequal length.

    Args:
        inputs: values of a step.
        cells: in each layer and direction.
        layers: how many.
        bidirectional: whether it is read backwards, too.
        dropout: probability between layers.
        context: steps after which the layers forget all and begin anew; 0 for never.
    """

    def __init__(
        self,
        inputs: int,
        cells: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        context: int = 0,
    ) -> None:
        super().__init__()
        self.cells, self.context = cells, context
        self.outputs = cells * (2 if bidirectional else 1)
        # One LSTM per layer and direction, over padded batches: packed sequences are free of
        # padding, but PyTorch's fast path on CPUs does not take them, and is three times as fast.
        self.layers = nn.ModuleList(
            nn.ModuleList(
                nn.LSTM(self.outputs if layer else inputs, cells, batch_first=True)
                for _ in range(self.outputs // cells)
            )
            for layer in range(layers)
        )
        self.dropout = Dropout(dropout)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -_REACH, _REACH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Outputs of the last layer.

        Args:
            x: shape `(clips, steps, inputs)`.
            mask: shape `(clips, steps)`, True where real: a stretch from the first step on.

        Returns:
            Shape `(clips, steps, outputs)`, zero where padded.
        """
        clips, steps, inputs = x.shape
        size = self.context or steps
        extra = -steps % size
        parts = nn.functional.pad(x, (0, 0, 0, extra)).reshape(-1, size, inputs)
        lengths = nn.functional.pad(mask, (0, extra)).view(-1, size).sum(dim=1)
        for number, layer in enumerate(self.layers):
            parts = self._layer(layer, self.dropout(parts) if number else parts, lengths)
        return parts.reshape(clips, -1, self.outputs)[:, :steps] * mask[..., None]

    def _layer(self, directions: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
        """One layer: what is padded comes after all that is real, whichever way it is read."""
        forwards, *backwards = directions.children()
        found: list[Tensor] = [forwards(x)[0]]
        for lstm in backwards:
            places = torch.arange(x.shape[1], device=x.device)
            mirrored = lengths[:, None] - 1 - places
            order = torch.where(mirrored < 0, places, mirrored)[..., None]
            read = lstm(x.gather(1, order.expand_as(x)))[0]
            found.append(read.gather(1, order.expand_as(read)))
        return torch.cat(found, dim=2)

    def last(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """The last output of each direction, shape `(clips, outputs)`."""
        rows = torch.arange(len(outputs), device=outputs.device)
        ends = outputs[rows, mask.sum(dim=1) - 1, : self.cells]
        return torch.cat([ends, outputs[:, 0, self.cells :]], dim=1)


class Attention(nn.Module):
    """Weights of steps by the inner product with one learnt vector (equation 13).

    Args:
        dims: values of a step.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(dims).uniform_(-_REACH, _REACH))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Shape `(clips, steps)`: of sum one over real steps, zero where padded."""
        return (x @ self.direction).masked_fill(~mask, -torch.inf).softmax(dim=1)


class AttentiveCRNN(nn.Module):
    """Steps of a front, recurrent layers, pooling over time, one linear layer.

    Args:
        front: `(values, mask)` of frames to those of steps; has `outputs` and `window`.
        recurrence: over its steps, or over those of the dense layer.
        classes: how many.
        hidden: units of a dense layer with ReLU before the recurrence; 0 for none.
        dropout: probability behind every layer but the last.
        noise: deviation of what is added to the front's outputs while training.
        pooling: over time: by attention, the mean, or the last output of each direction.
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
        """Logits of clips.

        Args:
            values: shape `(clips, frames, dims)`.
            mask: shape `(clips, frames)`, True where real.

        Returns:
            Shape `(clips, classes)`.
        """
        outputs, real = self._outputs(values, mask)
        if self.weigh is not None:
            pooled = (self.weigh(outputs, real)[..., None] * outputs).sum(dim=1)
        elif self.pooling == "mean":
            pooled = masked_mean(outputs, real)
        else:
            pooled = self.recurrence.last(outputs, real)
        logits: Tensor = self.output(pooled)
        return logits

    def attention(self, values: Tensor, mask: Tensor) -> Tensor:
        """Weights of steps, shape `(clips, steps)`; each clip's sum to one.

        Without attention every real step weighs the same, or the last one all.
        """
        outputs, real = self._outputs(values, mask)
        if self.weigh is not None:
            weights: Tensor = self.weigh(outputs, real)
            return weights
        if self.pooling == "mean":
            return real / real.sum(dim=1, keepdim=True)
        return nn.functional.one_hot(real.sum(dim=1) - 1, real.shape[1]).to(outputs.dtype)

    def _outputs(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Of the recurrence, with the mask of its steps."""
        steps, real = self.front(values, mask)
        steps = self.noise(steps)
        if self.dense is not None:
            steps = self.dense(steps).relu()
        return self.dropout(self.recurrence(self.dropout(steps), real)), real

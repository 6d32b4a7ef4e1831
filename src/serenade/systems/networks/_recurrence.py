"""LSTM layers over sequences of unequal length, and attention over their outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from serenade.systems.networks._layers import Dropout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serenade.systems._system import Initial

_REACH = 0.1  # initial weights of attention


class Recurrence(nn.Module):
    """LSTM layers over sequences of unequal length.

    Args:
        inputs: values of a step.
        cells: in each layer and direction.
        layers: how many.
        bidirectional: whether the steps are also read backwards.
        dropout: probability between layers.
        recurrent_dropout: probability that a cell's output is not handed on to the next step,
            drawn once per clip for all its steps (Gal & Ghahramani 2016).
        context: steps after which the state of the layers is reset; 0 for never.
        initial: initial weights: the defaults of PyTorch or Keras, or uniform between minus and
            plus a number.
    """

    def __init__(
        self,
        inputs: int,
        cells: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        context: int = 0,
        initial: Initial = _REACH,
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
        self.dropout, self.kept = Dropout(dropout), Dropout(recurrent_dropout)
        for module in self.modules():
            if isinstance(module, nn.LSTM):
                _initialise(module, initial)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Compute the outputs of the last layer.

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
            parts = self._apply_layer(layer, self.dropout(parts) if number else parts, lengths)
        return parts.reshape(clips, -1, self.outputs)[:, :steps] * mask[..., None]

    def _apply_layer(self, directions: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
        """Apply one layer; padding comes after all real steps in both directions."""
        lstms = cast("list[nn.LSTM]", list(directions.children()))
        inputs = [x]
        if len(lstms) > 1:
            places = torch.arange(x.shape[1], device=x.device)
            mirrored = lengths[:, None] - 1 - places
            order = torch.where(mirrored < 0, places, mirrored)[..., None]
            inputs.append(x.gather(1, order.expand_as(x)))
        if self.training and self.kept.probability:
            found = self._unroll(lstms, inputs)
        else:
            found = [lstm(part)[0] for lstm, part in zip(lstms, inputs, strict=True)]
        found[1:] = [read.gather(1, order.expand_as(read)) for read in found[1:]]
        return torch.cat(found, dim=2)

    def _unroll(self, lstms: Sequence[nn.LSTM], inputs: Sequence[Tensor]) -> list[Tensor]:
        """Apply the LSTMs step by step, both directions at once, with recurrent dropout."""
        parameters = [lstm.all_weights[0] for lstm in lstms]
        projected = torch.stack(
            [
                nn.functional.linear(part, from_input, bias + other_bias)
                for part, (from_input, _, bias, other_bias) in zip(inputs, parameters, strict=True)
            ]
        )
        weights = torch.stack([from_output.t() for _, from_output, _, _ in parameters])
        output = projected.new_zeros(*projected.shape[:2], self.cells)
        cell, kept, outputs = output, self.kept(torch.ones_like(output)), []
        for step in projected.unbind(2):
            gates = torch.baddbmm(step, output * kept, weights)
            let_in, forget, _, let_out = gates.sigmoid().chunk(4, dim=-1)
            cell = forget * cell + let_in * gates[..., 2 * self.cells : 3 * self.cells].tanh()
            output = let_out * cell.tanh()
            outputs.append(output)
        return list(torch.stack(outputs, dim=2))

    def last(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """Return the last output of each direction, shape `(clips, outputs)`."""
        last = (mask.sum(dim=1) - 1)[:, None, None].expand(-1, 1, self.cells)
        ends = outputs[..., : self.cells].gather(1, last)[:, 0]
        return torch.cat([ends, outputs[:, 0, self.cells :]], dim=1)


def _initialise(lstm: nn.LSTM, initial: Initial) -> None:
    """Draw the weights of one layer in one direction; they already have PyTorch's defaults."""
    if isinstance(initial, int | float):
        for parameter in lstm.parameters():
            nn.init.uniform_(parameter, -initial, initial)
    elif initial == "keras":
        from_input, from_output, bias, other_bias = lstm.all_weights[0]
        nn.init.xavier_uniform_(from_input)
        nn.init.orthogonal_(from_output)
        nn.init.zeros_(other_bias)
        with torch.no_grad():
            # The order is input, forget, cell, output: only the forget gate has a bias of 1.
            bias.zero_()[lstm.hidden_size : 2 * lstm.hidden_size] = 1.0


class Attention(nn.Module):
    """Weights of steps: the softmax of their inner products with a learnt vector (equation 13).

    Args:
        dims: values of a step.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(dims).uniform_(-_REACH, _REACH))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return weights, `(clips, steps)`, of sum one over real steps and zero where padded."""
        return (x @ self.direction).masked_fill(~mask, -torch.inf).softmax(dim=1)

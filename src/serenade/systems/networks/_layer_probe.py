"""Linear classifier on a weighted sum of an encoder's layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from serenade.systems.networks._layers import Dropout


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

"""The one-dimensional convolutional network of Issa et al. (2020)."""

from __future__ import annotations

from torch import Tensor, nn

from serenade.systems.networks._layers import Dropout, masked_mean


class DCNN(nn.Module):
    """Convolutions along a vector of utterance-level features.

    Args:
        dims: length of the vector.
        classes: number of classes.
        channels: channels of the first convolution and of the five others.
        kernel: length of every convolution.
        pool: window of the maximum after the second.
        dropout: probabilities of dropout before the pooling, before the last convolution, and
            after it.
    """

    def __init__(
        self,
        dims: int,
        classes: int,
        *,
        channels: tuple[int, int] = (256, 128),
        kernel: int = 5,
        pool: int = 8,
        dropout: tuple[float, float, float] = (0.1, 0.2, 0.2),
    ) -> None:
        super().__init__()
        wide, narrow = channels

        def convolution(inputs: int) -> nn.Module:
            return nn.Conv1d(inputs, narrow, kernel, padding="same")

        self.layers = nn.Sequential(
            nn.Conv1d(1, wide, kernel, padding="same"),
            nn.BatchNorm1d(wide),
            nn.ReLU(),
            convolution(wide),
            nn.ReLU(),
            Dropout(dropout[0]),
            nn.BatchNorm1d(narrow),
            nn.MaxPool1d(pool),
            convolution(narrow),
            nn.ReLU(),
            convolution(narrow),
            nn.ReLU(),
            convolution(narrow),
            nn.BatchNorm1d(narrow),
            nn.ReLU(),
            Dropout(dropout[1]),
            convolution(narrow),
            nn.ReLU(),
            nn.Flatten(),
            Dropout(dropout[2]),
            nn.Linear(narrow * (dims // pool), classes),
            nn.BatchNorm1d(classes),
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Compute logits `(clips, classes)` of `(clips, frames, dims)`, one frame in each clip."""
        logits: Tensor = self.layers(masked_mean(values, mask)[:, None])
        return logits

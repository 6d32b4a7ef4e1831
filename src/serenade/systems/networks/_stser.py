"""The networks of Chen & Zhao (2020): a model of speech, and classifiers over what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from serenade.systems.networks._cnn_transformer import ConvolutionBlock
from serenade.systems.networks._layers import Dropout, EncoderLayer, masked_mean, pool_mask
from serenade.systems.networks._recurrence import Recurrence

if TYPE_CHECKING:
    from serenade.systems._system import Initial


class SpeechModel(nn.Module):
    """The paper's smodel: a convolutional block, an LSTM each way, self-attention, the mean.

    Args:
        dims: columns of a frame.
        channels: of the convolution.
        pool: of max-pooling, along both axes.
        cells: of the LSTM, in each direction.
        heads: of the attention.
        initial: initial weights of the LSTM.
        residual: see `EncoderLayer`.
    """

    def __init__(
        self,
        dims: int,
        *,
        channels: int = 64,
        pool: int = 2,
        cells: int = 128,
        heads: int = 4,
        initial: Initial = "pytorch",
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.pool, self.outputs = pool, 2 * cells
        self.block = ConvolutionBlock(1, channels, pool, 0.0)
        # Channels last in memory: a convolution takes half the time.
        self.block.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recurrence = Recurrence(channels * (dims // pool), cells, initial=initial)
        self.attention = EncoderLayer(self.outputs, heads, 0, 0.0, residual=residual)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """`(clips, frames, dims)` and its mask to a vector per clip, `(clips, outputs)`."""
        # A traced graph must be valid for the shortest clips, also if it is traced on others.
        short = (
            self.pool - 1 if torch.onnx.is_in_onnx_export() else max(0, self.pool - values.shape[1])
        )
        values, mask = (
            nn.functional.pad(values, (0, 0, 0, short)),
            nn.functional.pad(mask, (0, short)),
        )
        image = values.transpose(1, 2)[:, None].contiguous(memory_format=torch.channels_last)
        real = pool_mask(mask, self.pool)
        steps = self.block(image).permute(0, 3, 1, 2).flatten(2)
        return masked_mean(self.attention(self.recurrence(steps, real).relu(), real), real)


class SpeechTextClassifier(nn.Module):
    """A classifier of speech, of text, or of both side by side.

    Args:
        speech: the model of the first stream; None where there is none.
        text: columns of the stream after it; 0 where there is none.
        classes: how many.
        hidden: units of the dense layers.
        dropout: probability of each column of the text.
    """

    def __init__(
        self,
        speech: SpeechModel | None,
        text: int,
        classes: int,
        hidden: tuple[int, ...] = (128, 64, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.speech, self.dropout = speech, Dropout(dropout)
        sizes = ((0 if speech is None else speech.outputs) + text, *hidden)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(sizes, hidden, strict=False):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.dense = nn.Sequential(*layers, nn.Linear(sizes[-1], classes))

    def forward(self, *streams: Tensor) -> Tensor:
        """Logits of clips.

        Args:
            streams: values `(clips, frames, dims)` and mask `(clips, frames)`, True where real, of
                speech, of text (tokens in place of frames), or of speech and then of text.

        Returns:
            Shape `(clips, classes)`.
        """
        pairs = list(zip(streams[::2], streams[1::2], strict=True))
        known = [] if self.speech is None else [self.speech(*pairs.pop(0))]
        known += [self.dropout(masked_mean(*pair)) for pair in pairs]
        logits: Tensor = self.dense(torch.cat(known, dim=1))
        return logits

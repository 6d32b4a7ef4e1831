"""The network of NPC: convolutions that do not see the frame they predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from serenade.encoders.selfsupervised._encoder_settings import NPCSettings

_PART = 30_000  # frames of a long utterance at once: bounds memory, changes no value


class NPCBlock(nn.Module):
    """Two convolutions, over three frames and over one, each with batch normalisation.

    Args:
        inputs: channels.
        width: channels that come out.
        dropout: probability.
        residual: whether the input is added before the last ReLU.
    """

    def __init__(self, inputs: int, width: int, dropout: float, *, residual: bool) -> None:
        super().__init__()
        self.wide = nn.Conv1d(inputs, width, 3, padding=1)
        self.narrow = nn.Conv1d(width, width, 1)
        self.wide_norm, self.narrow_norm = nn.BatchNorm1d(width), nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Shape `(clips, inputs, frames)` to `(clips, width, frames)`."""
        y = functional.relu(self.wide_norm(self.wide(x)))
        y = self.dropout(self.narrow_norm(self.narrow(y)))
        return functional.relu(y + x if self.residual else y)


class MaskedConvolution(nn.Module):
    """A convolution over `kernel` frames without the `mask` in its middle, then tanh.

    Only the weights that are used exist: those of the frames before and after the mask.

    Args:
        width: channels.
        kernel: frames, odd.
        mask: frames, odd, fewer.
    """

    def __init__(self, width: int, kernel: int, mask: int) -> None:
        super().__init__()
        self.margin = kernel // 2
        self.side = (kernel - mask) // 2
        fan_in = width * 2 * self.side
        bound = fan_in**-0.5
        # Channels of the frames before the mask, then of those after it.
        self.weight = nn.Parameter(torch.empty(width, 2 * width, self.side).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Shape `(clips, width, frames)` to the same."""
        padded = functional.pad(x, (self.margin, self.margin))
        length = x.shape[2] + self.side - 1
        both = torch.cat([padded[..., :length], padded[..., padded.shape[2] - length :]], dim=1)
        return torch.tanh(functional.conv1d(both, self.weight, self.bias))


class Quantiser(nn.Module):
    """Quantiser of groups of channels into codes (Baevski et al. 2020, by Gumbel softmax).

    Args:
        width: channels.
        groups: they are divided into.
        codes: of each group.
        temperature: of the softmax, in training.
    """

    def __init__(self, width: int, groups: int, codes: int, temperature: float) -> None:
        super().__init__()
        self.groups, self.temperature = groups, temperature
        size = width // groups
        self.logits = nn.ModuleList([nn.Linear(size, codes) for _ in range(groups)])
        self.books = nn.ModuleList([nn.Linear(codes, size, bias=False) for _ in range(groups)])

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape `(clips, frames, width)`: sampled in training, else the likeliest."""
        found = []
        for part, logits, book in zip(
            x.chunk(self.groups, dim=-1), self.logits, self.books, strict=True
        ):
            scores = logits(part).float()
            if self.training:
                chosen = functional.gumbel_softmax(scores, self.temperature, hard=True)
            else:
                chosen = functional.one_hot(scores.argmax(dim=-1), scores.shape[-1])
            found.append(book(chosen.to(x.dtype)))
        return torch.cat(found, dim=-1)


class NPC(nn.Module):
    """Blocks of convolutions, a masked one for each, their sum, a quantiser, a linear layer.

    Args:
        settings: sizes.
        dims: of the input's frames.

    >>> from serenade.encoders.selfsupervised._encoder_settings import NPCSettings
    >>> network = NPC(NPCSettings(width=16, blocks=2), dims=80).eval()
    >>> states = network.states(torch.zeros(1, 50, 80))
    >>> len(states), states[-1].shape, network(torch.zeros(1, 50, 80)).shape
    (5, torch.Size([1, 50, 16]), torch.Size([1, 50, 80]))
    """

    def __init__(self, settings: NPCSettings, dims: int) -> None:
        super().__init__()
        width, self.settings = settings.width, settings
        self.blocks = nn.ModuleList(
            [
                NPCBlock(width if n else dims, width, settings.dropout, residual=n > 0)
                for n in range(settings.blocks)
            ]
        )
        # Each block sees one frame further to both sides, so its mask is wider by two.
        self.masked = nn.ModuleList(
            [
                MaskedConvolution(width, settings.kernel, settings.mask + 2 * (n + 1))
                for n in range(settings.blocks)
            ]
        )
        self.quantiser = (
            Quantiser(width, settings.groups, settings.codes, settings.temperature)
            if settings.codes
            else None
        )
        self.head = nn.Linear(width, dims)

    def states(self, x: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """All hidden states.

        Args:
            x: standardised energies, shape `(clips, frames, dims)`.
            mask: True where real, shape `(clips, frames)`. Unused: the output beyond
                the end of a clip is ignored.

        Returns:
            Block by block its output and that of its masked convolution; then the sum of
            the latter, which is the feature. Each `(clips, frames, width)`.
        """
        del mask
        frames, margin = x.shape[1], self.settings.kernel // 2 + self.settings.blocks
        if not self.training and frames > _PART:
            parts = []
            for start in range(0, frames, _PART):
                first, end = max(0, start - margin), min(start + _PART, frames)
                part = self._states(x[:, first : min(end + margin, frames)])
                parts.append([state[:, start - first : end - first] for state in part])
            return [torch.cat(state, dim=1) for state in zip(*parts, strict=True)]
        return self._states(x)

    def _states(self, x: Tensor) -> list[Tensor]:
        y, found = x.transpose(1, 2), []
        for block, convolution in zip(self.blocks, self.masked, strict=True):
            y = block(y)
            found += [y.transpose(1, 2), convolution(y).transpose(1, 2)]
        return [*found, torch.stack(found[1::2]).sum(dim=0)]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Each frame as predicted from those around it, shape `(clips, frames, dims)`."""
        feature = self.states(x, mask)[-1]
        predicted: Tensor = self.head(self.quantiser(feature) if self.quantiser else feature)
        return predicted

"""The network of Krishna & Reddy: an LSTM over acoustic windows, one over embedded words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from serenade.systems.networks._layers import Dropout
from serenade.systems.networks._recurrence import Recurrence

if TYPE_CHECKING:
    from serenade.systems._system import Initial


class Embedding(nn.Module):
    """Trained part of word embeddings, which is added to the vectors that words come with.

    The sum is what an embedding layer holds that begins with those vectors: its gradient is the
    same, and so are the steps of an optimiser without weight decay. A word that training never saw
    keeps the vector that it comes with, and is zero where it has none.

    Args:
        codes: codes of the words in the training texts, ascending, `(words,)` int64; see
            `serenade.encoders._embedded_words`.
        start: initial values, `(words, dims)`.
    """

    codes: Tensor

    def __init__(self, codes: Tensor, start: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.learnt = nn.Parameter(start)

    def forward(self, values: Tensor) -> Tensor:
        """Turn rows of codes and vectors, `(…, 2 + dims)` or `(…, 2)`, into `(…, dims)`."""
        codes = (values[..., 0].long() << 24) + values[..., 1].long()
        places = torch.searchsorted(self.codes, codes).clamp(max=len(self.codes) - 1)
        seen = (self.codes[places] == codes)[..., None]
        learnt = nn.functional.embedding(places, self.learnt) * seen
        return learnt + values[..., 2:] if values.shape[-1] > 2 else learnt


class Branch(nn.Module):
    """An LSTM each way, its last outputs through a dense layer.

    Args:
        inputs: values of a step.
        longest: most steps that are read.
        embedding: embedding of the steps, if they are words.
        cells: cells of the LSTM, in each direction.
        dense: units of the dense layer.
        recurrent_dropout: probability of dropout in the LSTM.
        dropout: probability of dropout behind the dense layer.
        embedding_dropout: probability of dropout behind the embedding.
        initial: initial weights of the LSTM.
    """

    def __init__(
        self,
        inputs: int,
        longest: int,
        embedding: Embedding | None = None,
        *,
        cells: int = 128,
        dense: int = 256,
        recurrent_dropout: float = 0.2,
        dropout: float = 0.3,
        embedding_dropout: float = 0.0,
        initial: Initial = "keras",
    ) -> None:
        super().__init__()
        self.longest, self.embedding = longest, embedding
        self.embedding_dropout = Dropout(embedding_dropout)
        self.recurrence = Recurrence(
            inputs, cells, recurrent_dropout=recurrent_dropout, initial=initial
        )
        self.dense = nn.Linear(self.recurrence.outputs, dense)
        self.dropout = Dropout(dropout)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Turn steps and their mask into a vector for each clip, `(clips, dense)`."""
        values, mask = values[:, : self.longest], mask[:, : self.longest]
        if self.embedding is not None:
            values = self.embedding_dropout(self.embedding(values))
        last = self.recurrence.last(self.recurrence(values, mask), mask)
        dropped: Tensor = self.dropout(self.dense(last).relu())
        return dropped


class DualBiLSTM(nn.Module):
    """Branches side by side, a dense layer over them, one linear layer.

    Args:
        branches: one per stream.
        classes: how many.
        joint: units of the dense layer over all; 0 for none.
        dropout: probability behind it.
        branch_dropout: probability that a training clip shows all branches but one, so that each
            learns to tell by itself (Neverova et al. 2016).
    """

    def __init__(
        self,
        branches: list[Branch],
        classes: int,
        *,
        joint: int = 256,
        dropout: float = 0.3,
        branch_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.branch_dropout = branch_dropout if len(branches) > 1 else 0.0
        width = sum(branch.dense.out_features for branch in branches)
        self.joint = nn.Linear(width, joint) if joint else None
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(joint or width, classes)

    def forward(self, *streams: Tensor) -> Tensor:
        """Compute logits of clips.

        Args:
            streams: values `(clips, steps, dims)` and mask `(clips, steps)`, True where real, of
                each branch in turn.

        Returns:
            Shape `(clips, classes)`.
        """
        pairs = zip(streams[::2], streams[1::2], strict=True)
        found = [branch(*pair) for branch, pair in zip(self.branches, pairs, strict=True)]
        fused = torch.cat(self._drop_branches(found), dim=1)
        if self.joint is not None:
            fused = self.dropout(self.joint(fused).relu())
        logits: Tensor = self.output(fused)
        return logits

    def _drop_branches(self, found: list[Tensor]) -> list[Tensor]:
        """Return the outputs of the branches; in training, one is set to zero for some clips."""
        if not self.training or not self.branch_dropout:
            return found
        clips, device = len(found[0]), found[0].device
        one_is_hidden = torch.rand(clips, device=device) < self.branch_dropout
        which = torch.randint(len(found), (clips,), device=device)
        return [
            branch.masked_fill((one_is_hidden & (which == place))[:, None], 0.0)
            for place, branch in enumerate(found)
        ]

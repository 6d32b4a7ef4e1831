"""`dual-bilstm`: LSTMs over short-term features and over embedded words (Krishna & Reddy).

34 short-term features of each 100 ms, and Speech2Vec's vector of each word of the transcript, go
through bidirectional LSTMs whose last outputs are joined by dense layers. Published unweighted
accuracy on IEMOCAP's four emotions, sessions 1 to 4 against 5: 68.49 with vectors of 50 dimensions;
acoustic branch alone 55.01, Speech2Vec alone 60.03, word vectors alone 60.68.

`branches` chooses `both`, `acoustic` or `words`, or, beyond the paper, the `average` of the three
networks; `vectors` the file that words begin with: of `serenade speech2vec`, published Speech2Vec
vectors, word2vec, GloVe, or `random` for none. The paper's are Speech2Vec's of Chung & Glass
(2018), which cannot be shipped: name a file.

As in the paper: windows of 100 ms, at most 200 of them, and 128 words; 128 cells each way;
recurrent dropout 0.2; dense layers of 256 units with dropout 0.3 behind each; trained embeddings;
Adam at 0.001; batches of 32; 20 epochs. Each branch alone: the dense layer of the acoustic branch
is followed by softmax, that of words by another dense layer.

The paper speaks of "dropout" of 0.2 in sections 4.1 and 4.2 and of "recurrent dropout" in 4.3; the
latter is used.

Not stated in the paper, and read so: dense layers have ReLU; features are scaled by training means
and deviations; the last step is the last real one, not one of the padding; the 20th epoch counts,
there being no validation part; the LSTMs' weights begin as Keras draws them, whose terms
("recurrent dropout", "embedding layer") the paper uses. Words: of the file and trained on, or
trained on alone (beginning at random within 0.05): learnt; of the file alone: as there; of neither:
zero. The vocabulary that learns is that of the training texts.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from serenade.encoders import (
    CODE_COLUMNS,
    GLOVE_SOURCE,
    RANDOM_VECTORS,
    EmbeddedWords,
    get_word_codes,
)
from serenade.features import ShortTerm34
from serenade.systems._system import Initial, NetworkRecipe, Scaling, System

if TYPE_CHECKING:
    from serenade.systems._system import Stream, TrainingSet
    from serenade.systems.networks import Embedding

_REACH = 0.05  # initial embeddings of words without a vector, Keras' own


@dataclasses.dataclass(frozen=True, kw_only=True)
class DualRecipe(NetworkRecipe):
    """Settings of the paper, in addition to those of `NetworkRecipe`.

    Args:
        branches: `both`, `acoustic` or `words`, or `average`: of the posteriors of these three.
        vectors: a file of word vectors, `glove-6b-50d`, or `random`.
        split: whether contractions and hyphenated words are taken apart, as GloVe's are.
        dims: dimensions of embeddings that begin at random; a file has its own.
        windows: most windows of 100 ms that are read from a clip.
        words: most words that are read from a clip.
        cells: cells of each LSTM, in each direction.
        dense: units of the dense layers.
        recurrent_dropout: probability of dropout in the LSTMs.
        dropout: probability of dropout behind dense layers.
        embedding_dropout: probability of dropout behind embeddings; the paper has none.
        branch_dropout: probability that one branch of a training clip is hidden; the paper has
            none.
        initial: initial weights of the LSTMs: the defaults of `pytorch` or `keras`, or uniform
            between minus and plus a number.
    """

    scaling: Scaling | tuple[Scaling, ...] = "column"
    epochs: int = 20
    batch: int = 32
    learning_rate: float = 1e-3
    branches: Literal["both", "acoustic", "words", "average"] = "both"
    vectors: str = RANDOM_VECTORS
    split: bool = False
    dims: int = 50
    windows: int = 200
    words: int = 128
    cells: int = 128
    dense: int = 256
    recurrent_dropout: float = 0.2
    dropout: float = 0.3
    embedding_dropout: float = 0.0
    branch_dropout: float = 0.0
    initial: Initial = 0.1


def _build_embedding(recipe: DualRecipe, data: TrainingSet) -> Embedding:
    """Build the part of the embeddings that learns: zero for words that have a vector."""
    import numpy as np
    import torch

    from serenade.systems.networks import Embedding

    rows = np.concatenate(data.streams[-1])
    codes, places = np.unique(get_word_codes(rows), return_index=True)
    vectors = rows[places, CODE_COLUMNS:]
    dims = vectors.shape[1] or recipe.dims
    start = torch.empty(len(codes), dims).uniform_(-_REACH, _REACH)
    start[torch.from_numpy(vectors.any(axis=1))] = 0.0
    return Embedding(torch.from_numpy(codes), start)


class DualBiLSTMSystem(System):
    """LSTMs over short-term features and over word vectors."""

    name = "dual-bilstm"
    title = "LSTMs over short-term features and over Speech2Vec's vectors of the words"
    source = "Krishna & Reddy, Multi-Modal SER Using Speech Embeddings and Audio Features"
    recipes: ClassVar = {
        "default": DualRecipe(initial="keras"),
        # Word vectors in place of speech embeddings: the last row of the paper's table 1.
        "glove": DualRecipe(vectors=GLOVE_SOURCE, split=True, initial="keras"),
        # For hundreds of recordings: augmented copies, soft labels and a branch that is hidden in
        # most clips limit overfitting; see docs/benchmarks/tuning.md.
        "tuned": DualRecipe(
            vectors=GLOVE_SOURCE,
            split=True,
            copies=2,
            epochs=4,
            schedule="cosine",
            smoothing=0.1,
            balance=1.0,
            dropout=0.4,
            embedding_dropout=0.3,
            branch_dropout=0.8,
        ),
    }
    writable_with = ("branches=acoustic",)

    def features(self, recipe: DualRecipe) -> tuple[Stream, ...]:
        """Return the short-term features, the embedded words, or both."""
        streams: dict[str, tuple[Stream, ...]] = {
            "acoustic": (ShortTerm34(),),
            "words": (EmbeddedWords(recipe.vectors, recipe.split, recipe.words),),
        }
        return streams.get(recipe.branches, streams["acoustic"] + streams["words"])

    def network(self, recipe: DualRecipe, data: TrainingSet) -> Any:
        """Build the branches of the recipe and what joins them."""
        from serenade.systems.networks import Branch, DualBiLSTM

        settings: dict[str, Any] = {
            "cells": recipe.cells,
            "dense": recipe.dense,
            "recurrent_dropout": recipe.recurrent_dropout,
            "dropout": recipe.dropout,
            "embedding_dropout": recipe.embedding_dropout,
            "initial": recipe.initial,
        }
        branches = []
        if recipe.branches != "words":
            branches.append(Branch(data.dims, recipe.windows, **settings))
        if recipe.branches != "acoustic":
            embedding = _build_embedding(recipe, data)
            dims = embedding.learnt.shape[1]
            branches.append(Branch(dims, recipe.words, embedding, **settings))
        joint = 0 if recipe.branches == "acoustic" else recipe.dense
        return DualBiLSTM(
            branches,
            len(data.classes),
            joint=joint,
            dropout=recipe.dropout,
            branch_dropout=recipe.branch_dropout,
        )

    def members(self, recipe: DualRecipe) -> tuple[DualRecipe, ...]:
        """Return the recipes of both branches and of the whole where they are averaged."""
        if recipe.branches != "average":
            return ()
        # Each is the network that it is alone, where the acoustic one has no vectors to name.
        acoustic = dataclasses.replace(recipe, branches="acoustic", vectors=RANDOM_VECTORS)
        words = dataclasses.replace(recipe, branches="words")
        return acoustic, words, dataclasses.replace(recipe, branches="both")


SYSTEM = DualBiLSTMSystem()

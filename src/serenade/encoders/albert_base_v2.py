"""ALBERT-base: hidden states of a text, with weights from the Hugging Face hub."""

from __future__ import annotations

from serenade.encoders._registry import Encoder
from serenade.encoders._text import TextEncoder

ENCODER = Encoder(
    title="text encoder ALBERT-base, version 2; hidden states of tokens, or their mean",
    source="Lan et al. 2020, arXiv:1909.11942",
    size="11.7 million parameters, downloaded on first use (47 MB)",
    licence="Apache-2.0",
    build=TextEncoder,
)

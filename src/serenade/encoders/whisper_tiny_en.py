"""Whisper-tiny's encoder for English, in the package: pooled hidden states of speech."""

from __future__ import annotations

from serenade.encoders._registry import Encoder
from serenade.encoders.whisper import WhisperPooled

ENCODER = Encoder(
    title="speech encoder of Whisper-tiny for English; hidden states, pooled over time",
    source="Radford et al. 2023, arXiv:2212.04356",
    size="8.2 million parameters, in the package (15 MB)",
    licence="MIT",
    build=WhisperPooled,
)

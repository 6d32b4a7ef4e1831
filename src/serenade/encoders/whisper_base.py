"""First layers of Whisper-base's encoder, in the package: pooled hidden states of speech."""

from __future__ import annotations

from typing import Any

from serenade.encoders._registry import Encoder
from serenade.encoders.whisper import WHISPER_BASE, WhisperPooled


def make_feature(**settings: Any) -> WhisperPooled:
    """Return the pooled states of Whisper-base; the arguments are those of `WhisperPooled`."""
    return WhisperPooled(**{"encoder": WHISPER_BASE, **settings})


ENCODER = Encoder(
    title="first five layers of Whisper-base's speech encoder; hidden states, pooled over time",
    source="Radford et al. 2023, arXiv:2212.04356",
    size="17 million parameters, in the package (17 MB, eight bits)",
    licence="MIT",
    build=make_feature,
)

"""NPC: non-autoregressive predictive coding.

Liu, Chung & Glass (2021), Non-autoregressive predictive coding for learning speech representations
from local dependencies, Interspeech. Each frame is predicted (L1) from the frames around it, those
next to it excepted, through a quantised bottleneck; the input of the bottleneck is the feature.
"""

from __future__ import annotations

from serenade.encoders._registry import Encoder
from serenade.encoders.selfsupervised import (
    NO_ALTERATIONS,
    EncoderSettings,
    FrontEnd,
    NPCSettings,
    PretrainingSettings,
    SelfSupervised,
)

PRESETS = {
    # As in the authors' code (github.com/Alexander-H-Liu/NPC): Adam with a constant learning rate
    # of 1e-3, gradients clipped at a norm of 5. 100 epochs over the 104,014 utterances of
    # LibriSpeech's train-clean-360 in batches of 32 are 325,000 steps.
    "paper": (
        EncoderSettings("npc", FrontEnd(window="hamming"), NPCSettings(), NO_ALTERATIONS),
        PretrainingSettings(
            steps=325_000,
            batch=480.0,
            crop=15.0,
            learning_rate=1e-3,
            schedule="constant",
            decay=0.0,
            clipping=5.0,
        ),
    ),
    # For two processor cores and an hour.
    "small": (
        EncoderSettings(
            "npc", FrontEnd(window="hamming"), NPCSettings(width=320, dropout=0.0), NO_ALTERATIONS
        ),
        PretrainingSettings(minutes=50.0, batch=24.0, decay=0.0, precision="bfloat16"),
    ),
}
"""Settings by name: of the encoder, of its pre-training."""


def make_feature(layer: int = -1, encoder: str = "npc") -> SelfSupervised:
    """Return the feature of NPC; the arguments are those of `SelfSupervised`."""
    return SelfSupervised(encoder=encoder, layer=layer)


ENCODER = Encoder(
    title="speech encoder NPC, a convolutional network that predicts a frame from those around it",
    source="Liu, Chung & Glass 2021",
    size="3.5 million parameters, in the package (7 MB)",
    licence="CC-BY-NC-SA-4.0",
    build=make_feature,
)

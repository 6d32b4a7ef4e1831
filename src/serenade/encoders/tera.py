"""TERA: Transformer encoder representations from alteration.

Liu, Li & Lee (2021), TERA: Self-supervised learning of Transformer encoder representation for
speech, IEEE/ACM TASLP 29. Utterances are altered along time, frequency and magnitude; a Transformer
encoder and a small head restore what they were (L1).
"""

from __future__ import annotations

from serenade.encoders._registry import Encoder
from serenade.encoders.selfsupervised import (
    Alterations,
    EncoderSettings,
    FrontEnd,
    PretrainingSettings,
    SelfSupervised,
    TransformerSettings,
)

PRESETS = {
    # As published; the input is that of the released logMelBase checkpoints.
    "paper": (
        EncoderSettings(
            "tera", FrontEnd(kind="mel", level=-25.0), TransformerSettings(), Alterations()
        ),
        PretrainingSettings(steps=1_000_000, batch=480.0, crop=15.0, learning_rate=2e-4),
    ),
    # For two processor cores and an hour.
    "small": (
        EncoderSettings(
            "tera",
            FrontEnd(),
            TransformerSettings(320, 3, 5, 1280, dropout=0.0, offsets=(-6, -3, 3, 6)),
            Alterations(),
        ),
        PretrainingSettings(minutes=50.0, batch=24.0, precision="bfloat16"),
    ),
}
"""Settings by name: of the encoder, of its pre-training."""


def make_feature(layer: int = -1, encoder: str = "tera") -> SelfSupervised:
    """Return the feature of TERA; the arguments are those of `SelfSupervised`."""
    return SelfSupervised(encoder=encoder, layer=layer)


ENCODER = Encoder(
    title="speech encoder TERA, a Transformer trained to restore altered speech",
    source="Liu, Li & Lee 2021",
    size="3.9 million parameters, in the package (8 MB)",
    licence="CC-BY-NC-SA-4.0",
    build=make_feature,
)

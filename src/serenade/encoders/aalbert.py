"""Audio ALBERT: one Transformer layer, used again and again.

Chi et al. (2021), Audio ALBERT: A lite BERT for self-supervised learning of audio representation,
IEEE SLT. The network and its task are TERA's, with one set of parameters for all layers and
alterations along time only.
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

_TIME_ONLY = Alterations(band_share=0.0, noise_probability=0.0)

PRESETS = {
    # As published, in the version of three layers; trained as the released checkpoint was.
    "paper": (
        EncoderSettings(
            "aalbert",
            FrontEnd(kind="mel", level=-25.0),
            TransformerSettings(shared=True),
            _TIME_ONLY,
        ),
        PretrainingSettings(steps=1_000_000, batch=480.0, crop=15.0, learning_rate=2e-4),
    ),
    # For two processor cores and an hour.
    "small": (
        EncoderSettings(
            "aalbert",
            FrontEnd(),
            TransformerSettings(
                384, 3, 6, 1536, dropout=0.0, shared=True, offsets=(-6, -3, -1, 1, 3, 6)
            ),
            _TIME_ONLY,
        ),
        PretrainingSettings(minutes=50.0, batch=24.0, learning_rate=4e-4, precision="bfloat16"),
    ),
}
"""Settings by name: of the encoder, of its pre-training."""


def make_feature(layer: int = -1, encoder: str = "aalbert") -> SelfSupervised:
    """Return the feature of Audio ALBERT; the arguments are those of `SelfSupervised`."""
    return SelfSupervised(encoder=encoder, layer=layer)


ENCODER = Encoder(
    title="speech encoder Audio ALBERT, one Transformer layer used several times",
    source="Chi et al. 2021",
    size="2.0 million parameters, in the package (4 MB)",
    licence="CC-BY-NC-SA-4.0",
    build=make_feature,
)

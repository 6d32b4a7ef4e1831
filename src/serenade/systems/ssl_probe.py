"""`ssl-probe`: a linear classifier on the layers of any speech encoder, frozen or trained further.

The probe of SUPERB (Yang et al. 2021): the hidden states of all layers, averaged over time, are
summed with learnt weights and classified linearly; no weight of the encoder is trained. The mean
over time and the sum over layers change places without changing a number, so an encoder runs once
per recording. Unlike there, each layer is standardised, and there is no projection before the mean.

Encoders are Whisper of any size (in the package: `whisper-base`) and any encoder
of 16 kHz signals that transformers loads, by its folder or its name on the Hugging Face hub:
wav2vec 2.0, HuBERT, WavLM, data2vec, UniSpeech-SAT. The extra "ssl" converts them to ONNX once;
after that, no transformers is needed.

The recipes `finetune` and `adapters` train encoders of signals further: all layers but the
convolutions, or low-rank matrices that are added to the weights of the attention (LoRA, Hu et al.
2022, arXiv:2106.09685). The whole network is then exported to ONNX.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from serenade.encoders import LayerMeans, Waveform, fingerprint_weights, load_encoder
from serenade.systems._system import NetworkRecipe, Scaling, System

if TYPE_CHECKING:
    from serenade.systems._system import Stream, TrainingSet


@dataclasses.dataclass(frozen=True, kw_only=True)
class SSLProbeRecipe(NetworkRecipe):
    """Settings of the probe, in addition to those of `NetworkRecipe`.

    Args:
        encoder: see `serenade.encoders.LayerMeans`.
        deviation: whether the standard deviation over time is used in addition to the mean.
        dropout: probability of dropout before the classifier.
        tuning: parts of the encoder that are trained: none (frozen), all but its convolutions, or
            adapters.
        rank: rank of the adapters.
        longest: seconds after which recordings are cut off if the encoder is trained.
    """

    encoder: str = "whisper-base"
    deviation: bool = False
    dropout: float = 0.2
    tuning: Literal["frozen", "all", "adapters"] = "frozen"
    rank: int = 8
    longest: float = 10.0
    balance: float = 1.0
    scaling: Scaling | tuple[Scaling, ...] = "pixel"
    epochs: int = 40
    batch: int = 32
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    schedule: Literal["constant", "cosine", "inverse"] = "cosine"


_TUNED = SSLProbeRecipe(
    encoder="facebook/wav2vec2-base",
    scaling="none",
    epochs=15,
    batch=8,
    clip=1.0,
    monitor="ua",
)


class SSLProbeSystem(System):
    """Linear classifier on a weighted sum of an encoder's layers."""

    name = "ssl-probe"
    title = "linear classifier on the layers of any speech encoder, frozen or fine-tuned"
    source = "Yang et al. 2021, doi:10.21437/Interspeech.2021-1775"
    recipes: ClassVar = {
        "default": SSLProbeRecipe(),
        "wav2vec2": SSLProbeRecipe(encoder="facebook/wav2vec2-base"),
        "hubert": SSLProbeRecipe(encoder="facebook/hubert-base-ls960"),
        "wavlm": SSLProbeRecipe(encoder="microsoft/wavlm-base-plus"),
        "finetune": dataclasses.replace(_TUNED, tuning="all", learning_rate=2e-5),
        "adapters": dataclasses.replace(_TUNED, tuning="adapters", learning_rate=5e-4),
    }

    def features(self, recipe: SSLProbeRecipe) -> tuple[Stream, ...]:
        """Return the means of the encoder's hidden states, or the signal to train it on."""
        if recipe.tuning != "frozen":
            return (Waveform(recipe.longest),)
        return (LayerMeans(recipe.encoder, recipe.deviation),)

    def network(self, recipe: SSLProbeRecipe, data: TrainingSet) -> Any:
        """Build the weights of the layers and the classifier, with the encoder if it is trained.

        Raises:
            ModelError: the encoder cannot be trained further.
        """
        from serenade.systems.networks import LayerProbe, TunedEncoder

        if recipe.tuning != "frozen":
            encoder, normalise = load_encoder(recipe.encoder)
            return TunedEncoder(
                encoder,
                len(data.classes),
                normalise=normalise,
                rank=recipe.rank if recipe.tuning == "adapters" else 0,
                dropout=recipe.dropout,
            )
        return LayerProbe(data.frames, data.dims, len(data.classes), dropout=recipe.dropout)

    def fingerprint(self, recipe: SSLProbeRecipe) -> str:
        """Return a hash of the weights of an encoder that is trained further."""
        return "" if recipe.tuning == "frozen" else fingerprint_weights(recipe.encoder)


SYSTEM = SSLProbeSystem()

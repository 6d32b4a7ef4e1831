"""`stser`: three classifiers, of speech, of text and of both, averaged (Chen & Zhao 2020).

Speech is a log-mel spectrogram through a convolutional block, a bidirectional LSTM and
self-attention of four heads; text is what a pre-trained ALBERT gives for the transcript. Published
on IEMOCAP's four emotions, leaving one session out, WA and UA: speech 53.35 and 55.0, text 59.32
and 59.4, both side by side 70.83 and 71.7, the average of the three 71.06 and 72.05.

`parts` chooses what is trained: `speech`, `text`, `bimodal`, or the `ensemble` of the three. "Three
classifiers … are used to give the emotion prediction separately", and "can be applied individually
or in combination": each is trained by itself, with a speech model and a best epoch of its own, so
a part of the ensemble is the same network as that part alone. ALBERT is not trained.

Not stated in the paper, and read so: 64 mel bands of 25 ms windows every 10 ms; 64 kernels of 3×3,
pooling 2×2; 128 cells each way, weights beginning as PyTorch draws them, whose outputs, not their
gates, go through the ReLU that the text names; attention without a residual sum, which the
conclusion names as future work (`light` and `tuned` have one, with layer normalisation); means over
time after attention, and over tokens of ALBERT's last layer; both inputs are scaled by training
means and deviations; batches of 32, at most 100 epochs, 10 without a better one end it. Validation
is a fifth of the training speakers, where the protocol sets no clips aside; the paper does not say
whether its 20% share speakers with the rest. Its accuracy, which says when to stop, is the share of
clips (WA).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from serenade.encoders import ALBERT, TextEncoder
from serenade.features import LogMel
from serenade.systems._system import Initial, NetworkRecipe, Scaling, System

if TYPE_CHECKING:
    from serenade.systems._system import Stream, TrainingSet


Part = Literal["speech", "text", "bimodal"]

PARTS: tuple[Part, ...] = ("speech", "text", "bimodal")
"""The classifiers of the ensemble."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class STSERRecipe(NetworkRecipe):
    """Settings of the paper, in addition to those of `NetworkRecipe`.

    Args:
        parts: `speech`, `text`, `bimodal`, or `ensemble` for the three.
        encoder: encoder of the text: a model on the hub, or the folder of one.
        mels: mel bands of the spectrogram.
        channels: kernels of the convolution.
        pool: width of max-pooling, over bands and over frames.
        cells: cells of the LSTM, in each direction.
        heads: heads of the attention.
        hidden: units of a classifier's dense layers.
        text_dropout: probability of dropout of each column of the text; the paper has none.
        initial: initial weights of the LSTMs: the defaults of `pytorch` or `keras`, or uniform
            between minus and plus a number.
        residual: whether the input of the attention is added to its output, and the sum normalised;
            the paper names residual connections as future work.
    """

    scaling: Scaling | tuple[Scaling, ...] = "column"
    epochs: int = 100
    batch: int = 32
    learning_rate: float = 1e-4
    monitor: Literal["ua", "wa", "loss"] = "wa"
    patience: int = 10
    holdout: float = 0.2
    parts: Part | Literal["ensemble"] = "ensemble"
    encoder: str = ALBERT
    mels: int = 64
    channels: int = 64
    pool: int = 2
    cells: int = 128
    heads: int = 4
    hidden: tuple[int, ...] = (128, 64, 128)
    text_dropout: float = 0.0
    initial: Initial = 0.1
    residual: bool = True


_LIGHT = STSERRecipe(channels=32, pool=4, learning_rate=1e-3, precision="bfloat16")


class STSERSystem(System):
    """Classifiers of speech, of text and of both, averaged."""

    name = "stser"
    title = "classifiers of a log-mel spectrogram, of ALBERT's text and of both, averaged"
    source = "Chen & Zhao 2020, Interspeech"
    recipes: ClassVar = {
        "default": STSERRecipe(initial="pytorch", residual=False),
        # Ours: a sixth of the time on a CPU, and steps that suit hundreds of clips.
        "light": _LIGHT,
        # For hundreds of clips: most of the text, which a network soon knows by heart, is hidden,
        # and all speakers train, for a number of epochs that is set.
        "tuned": dataclasses.replace(
            _LIGHT,
            epochs=30,
            patience=0,
            holdout=0.0,
            optimiser="adamw",
            weight_decay=0.05,
            schedule="cosine",
            smoothing=0.1,
            balance=1.0,
            time_masks=1,
            band_masks=1,
            text_dropout=0.8,
        ),
    }
    writable_with = ("parts=speech",)

    def features(self, recipe: STSERRecipe) -> tuple[Stream, ...]:
        """Return the log-mel spectrogram, the states of ALBERT, or both."""
        speech, text = LogMel(recipe.mels), TextEncoder(recipe.encoder)
        streams: dict[str, tuple[Stream, ...]] = {"speech": (speech,), "text": (text,)}
        return streams.get(recipe.parts, (speech, text))

    def network(self, recipe: STSERRecipe, data: TrainingSet) -> Any:
        """Build the classifier of one part."""
        from serenade.systems.networks import SpeechModel, SpeechTextClassifier

        speech = None
        if recipe.parts != "text":
            speech = SpeechModel(
                recipe.mels,
                channels=recipe.channels,
                pool=recipe.pool,
                cells=recipe.cells,
                heads=recipe.heads,
                initial=recipe.initial,
                residual=recipe.residual,
            )
        text = 0 if recipe.parts == "speech" else data.widths[-1]
        return SpeechTextClassifier(
            speech, text, len(data.classes), recipe.hidden, recipe.text_dropout
        )

    def members(self, recipe: STSERRecipe) -> tuple[STSERRecipe, ...]:
        """Return the recipe of each part of an ensemble."""
        if recipe.parts != "ensemble":
            return ()
        return tuple(dataclasses.replace(recipe, parts=part) for part in PARTS)


SYSTEM = STSERSystem()

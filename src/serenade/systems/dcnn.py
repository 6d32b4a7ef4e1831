"""`dcnn`: the baseline of An & Ruan (2021), by Issa, Demirci & Yazici (2020).

Means over time of MFCC, chroma, mel power, contrast and tonnetz, 193 numbers, into a
one-dimensional convolutional network. Published accuracy on RAVDESS: 0.7161.

An & Ruan only cite it, so the layout is that of Issa et al., Biomed. Signal Process. Control 59,
101894: six convolutions of length 5 with 256 and then 128 channels, batch normalisation, maxima of
8, dropout, RMSprop with a learning rate of 1e-5 that decays by 1e-6 per step. The order of layers,
with a ReLU behind the sixth convolution and batch normalisation between the dense layer and the
softmax, is that of a public implementation of the article (github.com/antipixel1/speech_em_rec).
Not stated there, and read so: recordings are read at 22.05 kHz, as its extraction library does by
default; convolutions keep the length; the tonnetz is made from the same chroma as the other
features, and not from a constant-Q chroma of the harmonic part; features are scaled by the training
set's mean and deviation per column; batches of 16; 700 epochs at most, of which the best on the
validation part counts.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from serenade.audio import WhiteNoise
from serenade.features import SpectralMeans
from serenade.systems._system import NetworkRecipe, Scaling, System

if TYPE_CHECKING:
    from serenade.systems._system import Stream, TrainingSet


@dataclasses.dataclass(frozen=True, kw_only=True)
class DCNNRecipe(NetworkRecipe):
    """Settings of the paper, in addition to those of `NetworkRecipe`.

    Args:
        channels: channels of the first convolution and of the five others.
        dropout: probabilities of dropout before the pooling, before the last convolution, and
            after it.
        snr: lowest and highest signal-to-noise ratio of an augmented copy, in dB.
    """

    scaling: Scaling | tuple[Scaling, ...] = "column"
    epochs: int = 700
    batch: int = 16
    optimiser: str = "rmsprop"
    learning_rate: float = 1e-5
    schedule: Literal["constant", "cosine", "inverse"] = "inverse"
    decay: float = 1e-6
    channels: tuple[int, int] = (256, 128)
    dropout: tuple[float, float, float] = (0.1, 0.2, 0.2)
    snr: tuple[float, float] = (15.0, 30.0)


class DCNNSystem(System):
    """One-dimensional convolutional network over spectral means."""

    name = "dcnn"
    title = "one-dimensional convolutions over means of five spectral features"
    source = "Issa, Demirci & Yazici 2020, doi:10.1016/j.bspc.2020.101894"
    recipes: ClassVar = {"default": DCNNRecipe()}
    sampling_rate = 22050
    version = 2  # other layers and chroma than in version 1

    def features(self, recipe: DCNNRecipe) -> tuple[Stream, ...]:
        """Return the means of five spectral features over time."""
        return (SpectralMeans(),)

    def augmentation(self, recipe: DCNNRecipe) -> WhiteNoise:
        """Return white noise at the recipe's signal-to-noise ratios."""
        return WhiteNoise(recipe.snr)

    def network(self, recipe: DCNNRecipe, data: TrainingSet) -> Any:
        """Build the convolutional network."""
        from serenade.systems.networks import DCNN

        return DCNN(data.dims, len(data.classes), channels=recipe.channels, dropout=recipe.dropout)


SYSTEM = DCNNSystem()

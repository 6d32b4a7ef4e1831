"""`whisper-probe`: a linear classifier on a frozen speech encoder.

The hidden states of Whisper-base's first layers (Radford et al. 2023), mean and standard deviation
over time, standardised, multinomial logistic regression with a squared penalty. No weight of the
encoder is trained: the system fits in minutes on a laptop.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from serenade.audio import Augmentation
from serenade.encoders import WhisperPooled
from serenade.encoders.whisper import WHISPER_BASE
from serenade.systems._system import System

if TYPE_CHECKING:
    from serenade.systems._system import Stream


@dataclasses.dataclass(frozen=True)
class WhisperProbe:
    """Settings of the probe.

    Args:
        encoder: see `serenade.encoders.whisper._whisper_weights.locate_whisper`.
        layers: hidden states that are pooled; empty for all.
        deviation: whether the standard deviation over time is used in addition to the mean.
        trim: whether silence before and after the speech is left out.
        dynamic_range: of the log-mel image, in decades of power.
        copies: augmented copies of each training clip.
        reverberation: probability of reverberation in a copy; see `serenade.audio.Augmentation`.
        filtering: probability of filtering in a copy.
        noise: probability of noise in a copy.
        noise_range: lowest and highest signal-to-noise ratio of a copy, in dB.
        C: weight of the summed loss relative to half the squared coefficients; of several, the
            one with the best result on held-out training speakers.
        balance: weight of a clip: the number of clips of its emotion in its corpus to the power
            of minus this; 1 gives all classes the same weight, 0 all clips.
    """

    encoder: str = WHISPER_BASE
    layers: tuple[int, ...] = ()
    deviation: bool = True
    trim: bool = True
    dynamic_range: float = 5.0
    copies: int = 3
    reverberation: float = 0.0
    filtering: float = 0.3
    noise: float = 0.3
    noise_range: tuple[float, float] = (20.0, 40.0)
    C: tuple[float, ...] = (0.0002,)
    balance: float = 1.0


class WhisperProbeSystem(System):
    """Linear classifier on pooled states of Whisper."""

    name = "whisper-probe"
    title = "linear classifier on the pooled hidden states of a frozen Whisper-base encoder"
    source = "ours; encoder: Radford et al. 2023, arXiv:2212.04356"
    recipes: ClassVar = {
        "default": WhisperProbe(),
        # For other corpora; the settings of the bundled model's head.
        "transfer": WhisperProbe(layers=(1, 2, 3, 4, 5), deviation=False, copies=2),
        "nested": WhisperProbe(C=(0.0001, 0.0002, 0.0005, 0.001, 0.003, 0.01)),
    }

    def features(self, recipe: WhisperProbe) -> tuple[Stream, ...]:
        """Return the pooled hidden states of the encoder."""
        return (
            WhisperPooled(
                encoder=recipe.encoder,
                trim=recipe.trim,
                dynamic_range=recipe.dynamic_range,
                layers=recipe.layers,
                deviation=recipe.deviation,
            ),
        )

    def augmentation(self, recipe: WhisperProbe) -> Augmentation:
        """Return reverberation, filtering and noise with the recipe's probabilities."""
        return Augmentation(
            reverberation=recipe.reverberation,
            filtering=recipe.filtering,
            noise=recipe.noise,
            noise_range=recipe.noise_range,
        )

    def classifiers(self, recipe: WhisperProbe, seed: int) -> list[Any]:
        """Return a scaler with a logistic regression for each C."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        # 6144 strongly correlated inputs: the last digits of the optimum cost most of the time and
        # change no decision.
        return [
            make_pipeline(
                StandardScaler(),
                LogisticRegression(C=C, max_iter=1000, tol=1e-2, random_state=seed),
            )
            for C in recipe.C
        ]


SYSTEM = WhisperProbeSystem()

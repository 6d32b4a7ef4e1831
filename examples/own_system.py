"""My system: the spectrum's mean and how it moves, and a forest of trees that vote.

serenade systems own_system.py
serenade evaluate own_system.py ravdess --root CORPORA --set trees=500
"""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from serenade.audio import WhiteNoise
from serenade.features import Feature, LogMel
from serenade.systems import System


@dataclasses.dataclass(frozen=True)
class MeanSpectrum(Feature):
    """Mean and standard deviation of each band over time: one frame, so utterance-level."""

    @property
    def names(self):
        """Of the columns."""
        return tuple(f"{kind}.{name}" for kind in ("mean", "deviation") for name in LogMel().names)

    def __call__(self, signal, sampling_rate):
        """`(samples,)` to `(1, dims)`, float32."""
        frames = LogMel()(signal, sampling_rate)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])[None].astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Every number a run depends on; `copies` and `balance` belong to each recipe."""

    trees: int = 200
    snr: tuple[float, float] = (15.0, 30.0)
    copies: int = 0  # augmented copies of each training clip
    balance: float = 1.0  # a clip weighs one over the count of its emotion to this power


SYSTEM = System(
    name="own-system",
    title="a random forest on mean spectra",
    source="mine",
    recipes={"default": Recipe(), "noisy": Recipe(copies=2)},
    feature=lambda recipe: MeanSpectrum(),
    augmentation=lambda recipe: WhiteNoise(recipe.snr),
    classifiers=lambda recipe, seed: [
        make_pipeline(RandomForestClassifier(recipe.trees, random_state=seed))
    ],
)

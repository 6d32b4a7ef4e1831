"""My system: the spectrum's mean and how it moves, and a random forest.

serenade systems own_system.py
serenade evaluate own_system.py ravdess --root CORPORA --set trees=500
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

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
        """Return the names of the columns."""
        return tuple(f"{kind}.{name}" for kind in ("mean", "deviation") for name in LogMel().names)

    def __call__(self, signal, sampling_rate):
        """Turn samples, `(samples,)`, into one row, `(1, dims)`, float32."""
        frames = LogMel()(signal, sampling_rate)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])[None].astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All settings of a run; every recipe has `copies` and `balance`."""

    trees: int = 200
    snr: tuple[float, float] = (15.0, 30.0)
    copies: int = 0  # augmented copies of each training clip
    balance: float = 1.0  # weight of a clip: count of its emotion to the power of minus this


class OwnSystem(System):
    """A random forest on mean spectra."""

    name = "own-system"
    title = "a random forest on mean spectra"
    source = "mine"
    recipes: ClassVar = {"default": Recipe(), "noisy": Recipe(copies=2)}

    def features(self, recipe):
        """Return the features, one for each stream."""
        return (MeanSpectrum(),)

    def augmentation(self, recipe):
        """Return the alteration of copies."""
        return WhiteNoise(recipe.snr)

    def classifiers(self, recipe, seed):
        """Return the pipelines to choose from."""
        return [make_pipeline(RandomForestClassifier(recipe.trees, random_state=seed))]


SYSTEM = OwnSystem()

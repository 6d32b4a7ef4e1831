"""Classify mean spectra with a random forest; try it with `serenade systems own_system.py`."""

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
    """Mean and standard deviation of each mel band over time, as one frame per recording."""

    @property
    def names(self):
        return tuple(f"{kind}.{name}" for kind in ("mean", "deviation") for name in LogMel().names)

    def __call__(self, signal, sampling_rate):
        """Return one row, `(1, dims)`, float32, for samples of shape `(samples,)`."""
        frames = LogMel()(signal, sampling_rate)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])[None].astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a run; every recipe has `copies` and `balance`."""

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
        return (MeanSpectrum(),)

    def augmentation(self, recipe):
        return WhiteNoise(recipe.snr)

    def classifiers(self, recipe, seed):
        return [make_pipeline(RandomForestClassifier(recipe.trees, random_state=seed))]


SYSTEM = OwnSystem()

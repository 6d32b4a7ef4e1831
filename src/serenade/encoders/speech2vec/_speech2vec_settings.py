"""Settings of a Speech2Vec network and of its training."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from serenade._parameters import find_mismatch
from serenade.errors import ModelError
from serenade.features import MFCC40

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serenade.features import Feature

SPEECH2VEC_RATE = 16000
"""Recordings are read at, in Hz."""

SPEECH2VEC_HOP = 0.010
"""Distance between frames in seconds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speech2VecSettings:
    """A run: 13 MFCC every 10 ms, skip-grams, as published; the rest is ours.

    Args:
        size: dimensions of a vector, even: half of them read a word forwards, half backwards.
        window: words on each side that a word has to foretell.
        coefficients: MFCC of a frame, the zeroth included.
        epochs: how often every word that is trained on is the centre.
        batch: centres per step.
        learning_rate: of Adam. Published: gradient descent at 0.001 for 500 epochs.
        clipping: longest gradient.
        held_out: share of the recordings whose loss is only watched.
        precision: precision of the matrix products.
        seed: random seed.

    Raises:
        ModelError: an odd size, or a number below its least.
    """

    size: int = 50
    window: int = 3
    coefficients: int = 13
    epochs: int = 100
    batch: int = 256
    learning_rate: float = 2e-3
    clipping: float = 5.0
    held_out: float = 0.05
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.size, self.window, self.coefficients, self.epochs, self.batch)
        if self.size % 2 or min(counts) < 1 or not 0 <= self.held_out < 1:
            raise ModelError(
                f"{self}: give an even size, numbers of at least 1, and held_out below 1"
            )

    @property
    def feature(self) -> Feature:
        """The frames that words are made of."""
        return MFCC40(
            n_mfcc=self.coefficients, n_fft=512, win_length=400, hop_length=160, n_mels=40
        )

    def to_json(self) -> dict[str, Any]:
        """Fields as JSON data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, stated: Mapping[str, Any], source: str) -> Speech2VecSettings:
        """Read settings that `to_json` wrote.

        Raises:
            ModelError: something else; the message names the source.
        """
        try:
            if problem := find_mismatch(cls, stated):
                raise ValueError(problem)
            return cls(**stated)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{source}: not settings of Speech2Vec ({error})") from None

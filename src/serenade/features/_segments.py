"""An utterance-level feature over consecutive segments."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from serenade.features._feature import Feature
from serenade.features.spectral import as_signal

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Segments(Feature):
    """A feature of one row, taken of each segment.

    Attributes:
        feature: gives one row per signal.
        seconds: length of a segment. A rest of half a segment or more is one of its own, shorter
            ones belong to the segment before.

    >>> from serenade.features import AcousticSet
    >>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    >>> Segments(AcousticSet(), 0.2)(0.1 * noise, 16000).shape
    (5, 1726)
    """

    feature: Feature
    seconds: float = 0.2

    @property
    def names(self) -> tuple[str, ...]:
        """As of the feature itself."""
        return self.feature.names

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Rows of the segments, shape `(segments, dims)`."""
        samples = as_signal(signal)
        parts = itertools.pairwise(edges(samples.size, round(self.seconds * sampling_rate)))
        return np.concatenate(
            [self.feature(samples[start:stop], sampling_rate) for start, stop in parts]
        )


def edges(samples: int, length: int) -> list[int]:
    """Where segments begin, and the end of the last.

    >>> edges(1000, 300), edges(1100, 300), edges(100, 300)
    ([0, 300, 600, 1000], [0, 300, 600, 900, 1100], [0, 100])
    """
    count = max(1, round(samples / length))
    return [*range(0, count * length, length), samples]

"""Frames of a feature, pooled over consecutive segments."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from serenade.features._feature import Feature
from serenade.features._segments import edges
from serenade.features.spectral import as_signal

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Pooled(Feature):
    """Mean and standard deviation over the frames of each segment, `(segments, 2 * dims)`.

    Unlike `Segments`, which shows the feature each segment as a signal of its own, frames are those
    of the whole signal; an encoder sees what is around a segment, too. Both cut alike.

    Attributes:
        feature: gives frames, evenly over the signal.
        seconds: length of a segment; see `Segments` for the last one. None for the whole signal.
        deviation: whether the standard deviations stand behind the means; else `(segments, dims)`.

    >>> from serenade.features import LogMel
    >>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    >>> Pooled(LogMel(), 0.2)(0.1 * noise, 16000).shape
    (5, 128)
    """

    feature: Feature
    seconds: float | None = 0.2
    deviation: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The feature's, means first."""
        statistics = ("mean", "std")[: 1 + self.deviation]
        return tuple(
            f"{name}_{statistic}" for statistic in statistics for name in self.feature.names
        )

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Pool the feature's frames. A segment shorter than a frame has the one it begins in."""
        samples = as_signal(signal)
        frames = self.feature(samples, sampling_rate)
        length = samples.size if self.seconds is None else round(self.seconds * sampling_rate)
        places = [place * len(frames) // samples.size for place in edges(samples.size, length)]
        parts = [frames[start : max(stop, start + 1)] for start, stop in itertools.pairwise(places)]
        means = np.stack([part.mean(axis=0) for part in parts])
        if not self.deviation:
            return means
        return np.concatenate([means, np.stack([part.std(axis=0) for part in parts])], axis=1)

"""Pool the frames of a feature over consecutive segments."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from serenade.features._feature import Feature
from serenade.features._segments import find_edges
from serenade.features.spectral import as_signal

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Pooled(Feature):
    """Mean and standard deviation over the frames of each segment, `(segments, 2 * dims)`.

    The frames are extracted from the whole signal, so that an encoder uses the context of each
    segment. `Segments` extracts from each segment alone. Both cut segments in the same way.

    Attributes:
        feature: feature with frames at equal distances.
        seconds: length of a segment; see `Segments` for the last one. None for the whole signal.
        deviation: whether to append the standard deviations; otherwise `(segments, dims)`.

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
        """Names of the means, then of the standard deviations."""
        statistics = ("mean", "std")[: 1 + self.deviation]
        return tuple(
            f"{name}_{statistic}" for statistic in statistics for name in self.feature.names
        )

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Pool the frames. A segment shorter than a frame uses the frame in which it begins."""
        samples = as_signal(signal)
        frames = self.feature(samples, sampling_rate)
        length = samples.size if self.seconds is None else round(self.seconds * sampling_rate)
        places = [place * len(frames) // samples.size for place in find_edges(samples.size, length)]
        parts = [frames[start : max(stop, start + 1)] for start, stop in itertools.pairwise(places)]
        means = np.stack([part.mean(axis=0) for part in parts])
        if not self.deviation:
            return means
        return np.concatenate([means, np.stack([part.std(axis=0) for part in parts])], axis=1)

"""Extract a feature from consecutive segments, or pool its frames over them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from serenade.features._feature import Feature
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

    version: ClassVar[int] = 2

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


@dataclasses.dataclass(frozen=True)
class Segments(Feature):
    """Utterance-level feature of each segment.

    Attributes:
        feature: feature with one frame per signal.
        seconds: length of a segment. A rest of at least half a segment is another segment; a
            shorter rest belongs to the segment before it.

    >>> from serenade.features import AcousticSet
    >>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    >>> Segments(AcousticSet(), 0.2)(0.1 * noise, 16000).shape
    (5, 1726)
    """

    version: ClassVar[int] = 2

    feature: Feature
    seconds: float = 0.2

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the feature's columns."""
        return self.feature.names

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Extract one row for each segment, shape `(segments, dims)`."""
        samples = as_signal(signal)
        parts = itertools.pairwise(find_edges(samples.size, round(self.seconds * sampling_rate)))
        return np.concatenate(
            [self.feature(samples[start:stop], sampling_rate) for start, stop in parts]
        )


def find_edges(samples: int, length: int) -> list[int]:
    """Return the first sample of each segment, and the end of the last.

    >>> find_edges(1000, 300), find_edges(1050, 300), find_edges(100, 300)
    ([0, 300, 600, 1000], [0, 300, 600, 900, 1050], [0, 100])
    """
    count = max(1, (2 * samples + length) // (2 * length))
    return [*range(0, count * length, length), samples]

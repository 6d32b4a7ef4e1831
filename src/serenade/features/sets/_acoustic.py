"""Extract our own acoustic feature set: statistics of voice descriptors over an utterance.

It serves what openSMILE's ComParE set (Schuller et al. 2013) serves, under this project's licence:
a vector per utterance for a linear classifier. `benchmarks/acoustic_set.py` compares the two.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features._feature import Feature
from serenade.features.sets._descriptors import SPECTRAL, VOICED, describe
from serenade.features.sets._functionals import Functionals
from serenade.features.spectral import regression_deltas
from serenade.features.voice import Pitch, Voice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.features.voice import PitchTrack

_CONTOUR = Functionals(("moments", "percentiles", "regression"))
_DELTA = Functionals(("percentiles",))

_LENGTHS = ("mean", "std", "max")
_RHYTHM = (
    "voiced_share",
    "voiced_stretches_per_second",
    *(f"voiced_stretch_seconds.{name}" for name in _LENGTHS),
    *(f"voiceless_stretch_seconds.{name}" for name in _LENGTHS),
    "loudness_peaks_per_second",
)


@dataclasses.dataclass(frozen=True)
class AcousticSet(Feature):
    """Functionals of spectral, prosodic and voice-quality descriptors, one vector per utterance.

    - every spectral descriptor (`SPECTRAL` in `_descriptors.py`): moments, percentiles and
      regression of its contour, percentiles of its delta (regression over five frames);
    - every descriptor of the voice (`VOICED`): moments, percentiles and regression over voiced
      frames;
    - rhythm: share of voiced frames; number, and mean, standard deviation and maximum length, of
      voiced stretches and of those in between; peaks of loudness per second, a measure of the
      rate of syllables (after Eyben et al. 2016).

    Values depend on the recording's level where the level says something (`energy_db`, `loudness`,
    `mel…`), not on an offset, and on the sampling rate: resample to 16 kHz. Undefined values, such
    as the mean F0 where nothing is voiced, are 0.

    Attributes:
        pitch: how F0 is found; its frames must be 10 ms apart.

    >>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    >>> features = AcousticSet()
    >>> features(0.1 * noise, 16000).shape == (1, len(features.names))
    True
    """

    pitch: Pitch = dataclasses.field(default_factory=lambda: Pitch(candidates=3))

    def __post_init__(self) -> None:
        if self.pitch.hop_seconds != 0.010:
            raise ValueError(f"frames must be 10 ms apart, got {self.pitch.hop_seconds} s")

    @property
    def names(self) -> tuple[str, ...]:
        """`<descriptor>.<statistic>`, `<descriptor>.delta.<statistic>`, then rhythm."""
        return _names()

    def __call__(self, signal: NDArray[Any], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the set as one row.

        Args:
            signal: mono samples, shape `(samples,)`.
            sampling_rate: in Hz, at least 8000; meant for 16000.

        Returns:
            Shape `(1, len(names))`, float32, finite.

        Raises:
            SignalFormatError: the signal is not one-dimensional and real, or its rate too low.
            NoSamplesError: it is empty.
        """
        found = describe(signal, sampling_rate, Voice(self.pitch))
        parts = (
            _CONTOUR(found.spectral),
            _DELTA(regression_deltas(found.spectral)),
            _CONTOUR(found.voiced),
            _rhythm(found.track, found.spectral[:, SPECTRAL.index("loudness")]),
        )
        return np.concatenate([part.ravel() for part in parts])[None]


@functools.cache
def _names() -> tuple[str, ...]:
    return (
        *_CONTOUR.column_names(SPECTRAL),
        *_DELTA.column_names([f"{name}.delta" for name in SPECTRAL]),
        *_CONTOUR.column_names(VOICED),
        *_RHYTHM,
    )


def _rhythm(track: PitchTrack, loudness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the values named in `_RHYTHM`."""
    voiced = track.voiced
    seconds = len(voiced) * track.hop_seconds
    turns = np.flatnonzero(voiced[1:] != voiced[:-1]) + 1
    edges = np.concatenate([[0], turns, [len(voiced)]])
    lengths = (edges[1:] - edges[:-1]) * track.hop_seconds
    first = int(not voiced[0])  # of the stretches that are voiced
    spoken, between = lengths[first::2], lengths[1 - first :: 2]
    inner = loudness[1:-1]
    peak = (inner > loudness[:-2]) & (inner >= loudness[2:])
    peak &= inner > loudness.sum() / len(loudness)
    return np.array(
        [
            np.count_nonzero(voiced) / len(voiced),
            len(spoken) / seconds,
            *_spread(spoken),
            *_spread(between),
            np.count_nonzero(peak) / seconds,
        ],
        dtype=np.float32,
    )


def _spread(lengths: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean, standard deviation and maximum, 0 of nothing."""
    values = lengths.tolist()  # few, so that plain arithmetic is quicker
    if not values:
        return 0.0, 0.0, 0.0
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    return mean, math.sqrt(variance), max(values)

"""Estimate the mean of a speaker's features from little speech, for enrolment.

The means of features differ more between speakers than between emotions. From a few recordings, the
mean of a speaker is estimated and subtracted. The fewer recordings there are, the more the estimate
is shrunk towards the mean of all speakers. Under normal distributions the best estimate is the
posterior mean (Efron & Morris 1973, "Stein's estimation rule and its competitors"). It needs three
numbers per feature, which are computed from the training speakers: the mean, the variance within a
speaker, and the variance between speakers.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from serenade.adaptation._array_files import load_arrays
from serenade.errors import SerenadeError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

NEUTRAL = ("neutral", "calm")
"""Emotions of a normal voice."""

_LARGEST = 1e18  # of any number in a file: its square is still a float32
_LEAST_SHARE = 1e-3  # least variance between speakers, as a share of that within


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """Statistics of the features of many speakers, each array of shape `(dims,)`.

    Args:
        mean: mean of the speakers' means.
        within: variance of a speaker's recordings around the speaker's mean, pooled over speakers.
        between: variance of the speakers' means.
        neutral_offset: mean of a speaker's neutral speech minus the speaker's mean; zeros if
            `neutral` is False.
        neutral_within: variance of neutral recordings around their mean.
        neutral_between: variance of the offset over speakers.
        neutral: whether the training data contained neutral speech.
    """

    mean: NDArray[np.float64]
    within: NDArray[np.float64]
    between: NDArray[np.float64]
    neutral_offset: NDArray[np.float64]
    neutral_within: NDArray[np.float64]
    neutral_between: NDArray[np.float64]
    neutral: bool

    @classmethod
    def learn(
        cls, features: NDArray[np.float32], speakers: NDArray[np.str_], labels: NDArray[np.str_]
    ) -> Self:
        """Compute the statistics of labelled recordings.

        Args:
            features: features `(recordings, dims)`.
            speakers: speakers of the recordings, at least two.
            labels: emotions of the recordings.

        Raises:
            SerenadeError: no speaker has two recordings.

        >>> rng = np.random.default_rng(0)
        >>> names = np.repeat(["a", "b", "c"], 50)
        >>> centres = np.repeat([[-4.0], [0.0], [4.0]], 50, axis=0)
        >>> rows = centres + rng.standard_normal((150, 1))
        >>> known = Population.learn(rows, names, np.full(150, "angry"))
        >>> known.within.round(1), known.between.round(0), known.neutral
        (array([0.9]), array([16.]), False)
        """
        own = [features[speakers == name].astype(np.float64) for name in np.unique(speakers)]
        means = np.stack([rows.mean(axis=0) for rows in own])
        spreads = np.stack([len(rows) * rows.var(axis=0) for rows in own])
        freedom = sum(len(rows) - 1 for rows in own)
        if not freedom:
            raise SerenadeError(
                "the variance within a speaker cannot be estimated: give two recordings or more of "
                "at least one speaker"
            )
        within = spreads.sum(axis=0) / freedom
        noise = within * np.mean([1 / len(rows) for rows in own])
        between = np.maximum(means.var(axis=0, ddof=1) - noise, _LEAST_SHARE * within)
        calm = [
            (rows, mean)
            for name, mean in zip(np.unique(speakers), means, strict=True)
            if len(rows := features[(speakers == name) & np.isin(labels, NEUTRAL)]) > 1
        ]
        nothing = np.zeros_like(within)
        if len(calm) < 2:
            return cls(means.mean(axis=0), within, between, nothing, nothing, nothing, False)
        offsets = np.stack([rows.mean(axis=0, dtype=np.float64) - mean for rows, mean in calm])
        spread = np.mean([rows.var(axis=0, ddof=1, dtype=np.float64) for rows, _ in calm], axis=0)
        noise = spread * np.mean([1 / len(rows) for rows, _ in calm])
        return cls(
            mean=means.mean(axis=0),
            within=within,
            between=between,
            neutral_offset=offsets.mean(axis=0),
            neutral_within=spread,
            neutral_between=np.maximum(offsets.var(axis=0, ddof=1) - noise, 0.0),
            neutral=True,
        )

    def shift(self, mean: NDArray[np.float64], count: int, *, neutral: bool) -> NDArray[np.float64]:
        """Estimate the distance of a speaker from the population, to subtract from features.

        Args:
            mean: mean feature of the speaker's recordings, `(dims,)`.
            count: number of the recordings.
            neutral: whether the recordings are neutral speech, instead of mixed emotions.

        Returns:
            Shape `(dims,)`: zeros without recordings; approaches `mean - self.mean` for many
            recordings of mixed emotions.
        """
        if not count:
            return np.zeros_like(self.mean)
        found, noise = mean - self.mean, self.within / count
        if neutral:
            found = found - self.neutral_offset
            noise = self.neutral_within / count + self.neutral_between
        # A constant feature has variance zero within and between speakers.
        total = np.maximum(self.between + noise, np.finfo(np.float64).tiny)
        return np.asarray(found * (self.between / total))

    def save(self, file: BinaryIO) -> None:
        """Write the statistics as NumPy's `.npz` in float32.

        Args:
            file: file opened for writing bytes.
        """
        arrays: dict[str, Any] = {
            field.name: np.asarray(
                getattr(self, field.name), bool if field.name == "neutral" else np.float32
            )
            for field in dataclasses.fields(self)
        }
        np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | BinaryIO) -> Self:
        """Read statistics that `save` wrote.

        Args:
            path: the file.

        Raises:
            OSError: the file cannot be read.
            ValueError: the content is damaged, or shapes differ.
            KeyError: an array is missing.
        """
        arrays = load_arrays(path, [field.name for field in dataclasses.fields(cls)])
        neutral = bool(arrays.pop("neutral"))
        if len({array.shape for array in arrays.values()}) != 1 or arrays["mean"].ndim != 1:
            raise ValueError("its arrays differ in shape")
        if any(array.dtype.kind != "f" for array in arrays.values()):
            raise ValueError("its arrays are not floats")
        if not all((np.abs(array) < _LARGEST).all() for array in arrays.values()):
            raise ValueError("its arrays are not finite")
        variances = [
            array for name, array in arrays.items() if name.endswith(("within", "between"))
        ]
        if any((array < 0).any() for array in variances):
            raise ValueError("a variance is negative")
        return cls(**{k: v.astype(np.float64) for k, v in arrays.items()}, neutral=neutral)

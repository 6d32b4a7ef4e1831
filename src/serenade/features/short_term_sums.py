"""What the 34 short-term features sum over the samples and bins of each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from serenade.features.short_term_tables import N_CHROMA
from serenade.features.temporal import EPSILON, entropy_of_stretches, stretch_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.features.short_term_tables import Tables

_TINY = float(np.finfo(np.float64).tiny)


class FrameSums:
    """What is summed over the samples and bins of each frame, before any logarithm.

    Blocks of frames fill it, so that the long arrays stay in the cache and the short ones are
    worked on once.
    """

    def __init__(self, count: int, tables: Tables) -> None:
        self.tables = tables
        bins = tables.powers.shape[1]
        self.length = bins // 10  # of a stretch of bins
        self.crossings = np.empty(count)
        self.moments = np.empty((count, 3))  # of the magnitude: 0, 1 and 2
        self.flux = np.empty(count)
        self.stretches = np.empty((2, count, 11))  # of the squared samples and of the power
        self.rolloff = np.empty(count, dtype=np.intp)  # stretch in which 90% are reached
        self.rising = np.zeros((max(self.length, bins % 10), count))  # the power of its bins
        self.mel = np.empty((count, len(tables.mel.weights)))
        self.chroma = np.empty((count, N_CHROMA))
        self.last: NDArray[np.float32] | None = None  # normalised magnitude of the frame before

    def add(self, block: slice, magnitude: NDArray[np.float32]) -> None:
        """Add |FFT| / bins of a block of frames, shape `(frames, bins)`, and overwrite it."""
        tables, bins = self.tables, magnitude.shape[1]
        self.mel[block] = tables.mel(magnitude)
        # E f² - (E f)² nearly cancels for a tone: in float64.
        moments = self.moments[block]
        precise = magnitude.astype(np.float64)
        for order, weights in enumerate(tables.powers):  # faster one by one than as a matrix
            moments[:, order] = precise @ weights
        power = np.square(magnitude)
        self.stretches[1, block] = stretch_sums(power)
        self.chroma[block] = power.take(tables.chroma_bins, axis=1) @ tables.chroma
        self._find_rolloff(block, power)
        magnitude *= (1 / (moments[:, :1] + bins * EPSILON)).astype(np.float32)
        steps = power
        np.subtract(magnitude[1:], magnitude[:-1], out=steps[1:])
        np.subtract(magnitude[0], magnitude[0] if self.last is None else self.last, out=steps[0])
        self.flux[block] = np.einsum("ij,ij->i", steps, steps)
        self.last = magnitude[-1].copy()

    def _find_rolloff(self, block: slice, power: NDArray[np.float32]) -> None:
        """Among sums of stretches, so that running sums need not be taken over every bin."""
        reached = np.cumsum(self.stretches[1, block], axis=1)
        index = (reached > 0.9 * reached[:, -1:] - EPSILON).argmax(axis=1)
        self.rolloff[block] = index
        whole = 10 * self.length
        stretches = power[:, :whole].reshape(len(power), 10, self.length)
        rising = self.rising[:, block]
        rising[: self.length] = stretches[np.arange(len(power)), np.minimum(index, 9)].T
        if bins_left := power.shape[1] - whole:
            late = index == 10  # among the few bins left over
            rising[:bins_left, late] = power[late, whole:].T

    def _rolloff(self) -> NDArray[np.float64]:
        """Share of the bins below the one where 90% of the power is reached."""
        row = np.arange(len(self.rolloff))
        sums = self.stretches[1]
        before = np.cumsum(sums, axis=1)
        missing = 0.9 * before[:, -1] - EPSILON
        missing -= before[row, self.rolloff] - sums[row, self.rolloff]
        above = np.cumsum(self.rising, axis=0) > missing
        bins = self.tables.powers.shape[1]
        last = np.where(self.rolloff < 10, self.length, bins % 10) - 1
        above[last, row] = True  # it is reached in this stretch, whatever rounding says
        position = self.rolloff * self.length + above.argmax(axis=0)
        return np.asarray(position / bins)

    def features(self, window: int) -> NDArray[np.float32]:
        """The 34 features, shape `(frames, 34)`."""
        result = np.empty((len(self.mel), 34), dtype=np.float32)
        totals = self.stretches.sum(axis=2)
        moments = self.moments / (self.moments[:, :1] + self.tables.powers.shape[1] * EPSILON)
        centre = moments[:, 1]
        # The mean of (f - centre)² with weights that add up to moments[:, 0], hardly less than 1.
        spread = moments[:, 2] + np.square(centre) * (moments[:, 0] - 2)
        result[:, 0] = self.crossings / (window - 1)
        result[:, 1] = totals[0] / window
        result[:, [2, 5]] = entropy_of_stretches(self.stretches).T
        result[:, 3] = centre
        result[:, 4] = np.sqrt(np.maximum(spread, 0))
        result[:, 6] = self.flux
        result[:, 7] = self._rolloff()
        result[:, 8:21] = np.log10(self.mel + EPSILON) @ self.tables.dct
        chroma = self.chroma / np.maximum(totals[1], _TINY)[:, None]
        result[:, 21:33] = chroma
        chroma -= chroma @ np.full((N_CHROMA, 1), 1 / N_CHROMA)
        result[:, 33] = np.sqrt(np.einsum("ij,ij->i", chroma, chroma) / N_CHROMA)
        return result

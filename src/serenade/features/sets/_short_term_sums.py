"""Compute the sums over samples and bins behind the 34 short-term features of pyAudioAnalysis."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from serenade.features.spectral import (
    EPSILON,
    FilterBank,
    dct_matrix,
    entropy_of_stretches,
    frames,
    sum_stretches,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


N_MFCC = 13
N_CHROMA = 12


@dataclasses.dataclass(frozen=True, eq=False)
class ShortTermTables:
    """Constants of one window length and rate."""

    powers: NDArray[np.float64]  # (3, bins): frequency over half the rate, to the power 0, 1, 2
    mel: FilterBank  # of 40
    dct: NDArray[np.float64]  # (40, 13)
    chroma_bins: NDArray[np.intp]
    chroma: NDArray[np.float32]  # (len(chroma_bins), 12)


def mel_filters(sampling_rate: int, bins: int) -> NDArray[np.float64]:
    """Compute Slaney's 13 linear and 27 logarithmic triangles as pyAudioAnalysis samples them.

    Its bins are spaced as if they spanned the whole sampling rate, not half of it, so filters sit
    an octave above where their names say.
    """
    linear = 133.33 + 200 / 3 * np.arange(13)
    corners = np.concatenate([linear, linear[-1] * 1.0711703 ** np.arange(1, 30)])
    low, mid, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    frequency = np.arange(bins) / bins * sampling_rate
    index = np.arange(bins)
    first, middle, last = (np.floor(edge * bins / sampling_rate) for edge in (low, mid, high))
    rising = (index > first) & (index <= middle)
    falling = (index > middle) & (index <= last)
    slopes = np.where(rising, (frequency - low) / (mid - low), 0.0)
    slopes += np.where(falling, (high - frequency) / (high - mid), 0.0)
    return np.asarray(2.0 / (high - low) * slopes)


def chroma_map(sampling_rate: int, bins: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the bins that count towards chroma, and their weights for the 12 classes.

    pyAudioAnalysis writes each bin's power into the cell of its semitone above 27.5 Hz, so of a
    semitone's bins only the last remains; it then divides cell `i` by the number of bins that
    share the semitone of the bin numbered as bin `i`'s semitone. Semitones below 27.5 Hz count
    from the end. Where it fails (windows with fewer bins than semitones), semitones beyond the
    last cell are left out.
    """
    frequency = np.arange(1, bins + 1) * sampling_rate / (2 * bins)
    semitone = np.round(12.0 * np.log2(frequency / 27.5)).astype(int)
    _, inverse, counts = np.unique(semitone, return_inverse=True, return_counts=True)
    shared = counts[inverse]
    source = dict(zip(semitone.tolist(), range(bins), strict=True))  # the last of equals stays
    by_cell = {cell % bins: bin_ for cell, bin_ in source.items() if -bins <= cell < bins}
    cells = np.array(sorted(by_cell), dtype=np.intp)
    weights = np.zeros((len(cells), N_CHROMA))
    divisor = shared[np.minimum(semitone[cells], bins - 1)]
    weights[np.arange(len(cells)), cells % N_CHROMA] = 1.0 / divisor
    return np.array([by_cell[cell] for cell in cells.tolist()], dtype=np.intp), weights


@functools.lru_cache(maxsize=16)
def make_short_term_tables(sampling_rate: int, bins: int) -> ShortTermTables:
    """Compute the constants for spectra with a number of bins."""
    mel = mel_filters(sampling_rate, bins).astype(np.float32)
    chroma_bins, chroma = chroma_map(sampling_rate, bins)
    frequency = np.arange(1, bins + 1) / bins
    return ShortTermTables(
        powers=frequency ** np.arange(3)[:, None],
        mel=FilterBank(mel),
        dct=dct_matrix(len(mel), N_MFCC),
        chroma_bins=chroma_bins,
        chroma=chroma.astype(np.float32),
    )


_TINY = float(np.finfo(np.float64).tiny)


def _crossings(
    signal: NDArray[np.float32], mean: float, window: int, hop: int
) -> NDArray[np.float64]:
    """Compute half the sum of |sign steps| about the mean of each frame, exact in float32."""
    nearest = np.float32(mean)
    # x > mean is x > the float32 at or below it; x < mean works the same from above.
    below = nearest if float(nearest) <= mean else np.nextafter(nearest, np.float32(-np.inf))
    positive = signal > below
    steps = np.zeros(signal.shape, dtype=np.uint8)
    np.not_equal(positive[1:], positive[:-1], out=steps[1:].view(bool))
    share = 1.0
    if float(nearest) == mean:  # a sample can lie on the mean: half a crossing from either side
        negative = signal < nearest
        steps[1:] += (negative[1:] != negative[:-1]).view(np.uint8)
        share = 0.5
    rows = frames(steps, window, hop)
    # The step at a frame's first sample comes from the sample before the frame.
    counter = np.uint16 if window < 2**15 else np.uint32  # steps are at most 2; narrow is fast
    return np.asarray((rows.sum(axis=1, dtype=counter) - rows[:, 0]) * share)


def widen(samples: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return the samples in float64, and their mean."""
    wide = samples.astype(np.float64)
    return wide, float(np.add.reduce(wide)) / wide.size


def sum_samples(
    samples: NDArray[np.float32], mean: float, window: int, hop: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count zero crossings about the mean of each frame, and sum squares about it."""
    squares = samples - np.float32(mean)
    squares *= squares
    return _crossings(samples, mean, window, hop), sum_stretches(frames(squares, window, hop))


def magnitudes(spectrum: NDArray[np.complex128], scale: float, out: NDArray[np.float32]) -> None:
    """Write |spectrum| times `scale`, of as many bins as `out` has."""
    single = np.empty(out.shape, dtype=np.complex64)
    single[:] = spectrum[:, : out.shape[1]]
    np.abs(single, out=out)
    out *= np.float32(scale)


def sum_bins(
    magnitude: NDArray[np.float32], powers: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sum over the bins of each frame.

    Args:
        magnitude: shape `(frames, bins)`.
        powers: of the bins' frequencies, shape `(3, bins)`.

    Returns:
        Moments of the magnitude, `(frames, 3)`; `sum_stretches` of the power; the share of the bins
        below the one where 90% of the power are reached.
    """
    moments = np.empty((len(magnitude), 3))
    # E f² - (E f)² nearly cancels for a tone: in float64.
    precise = magnitude.astype(np.float64)
    for order, weights in enumerate(powers):  # faster one by one than as a matrix
        moments[:, order] = precise @ weights
    power = np.square(magnitude)
    stretches = sum_stretches(power)
    return moments, stretches, _rolloff(power, stretches)


def _rolloff(power: NDArray[np.float32], stretches: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the roll-off; sums of stretches first avoid running sums over every bin."""
    count, bins = power.shape
    length, row = bins // 10, np.arange(count)
    reached = np.cumsum(stretches, axis=1)
    missing = 0.9 * reached[:, -1] - EPSILON
    which = (reached > missing[:, None]).argmax(axis=1)
    missing -= reached[row, which] - stretches[row, which]
    rising = np.zeros((count, max(length, bins % 10)), dtype=np.float32)
    rising[:, :length] = power[:, : 10 * length].reshape(count, 10, length)[
        row, np.minimum(which, 9)
    ]
    late = which == 10  # among the few bins left over
    if late.any():
        rising[late, : bins % 10] = power[late, 10 * length :]
    above = np.cumsum(rising, axis=1, dtype=np.float64) > missing[:, None]
    # Rounding must not move the roll-off out of this stretch.
    above[row, np.where(late, bins % 10, length) - 1] = True
    return np.asarray((which * length + above.argmax(axis=1)) / bins)


def flux(
    magnitude: NDArray[np.float32], totals: NDArray[np.float64], last: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Compute the squared distance of normalised magnitudes of neighbouring frames.

    Args:
        magnitude: shape `(frames, bins)`; lost.
        totals: sum of each frame, shape `(frames,)`.
        last: shares of the frame before the first, shape `(bins,)`; becomes the last frame's.

    Returns:
        Shape `(frames,)`.
    """
    magnitude *= (1 / (totals + magnitude.shape[1] * EPSILON)).astype(np.float32)[:, None]
    steps = np.empty_like(magnitude)
    np.subtract(magnitude[1:], magnitude[:-1], out=steps[1:])
    np.subtract(magnitude[0], last, out=steps[0])
    last[:] = magnitude[-1]
    return np.asarray(np.einsum("ij,ij->i", steps, steps), dtype=np.float64)


class FrameSums:
    """Sums over the samples and bins of each frame, before any logarithm.

    Blocks of frames fill it, so that the long arrays stay in the cache and the short ones are
    worked on once.
    """

    def __init__(self, count: int, tables: ShortTermTables) -> None:
        self.tables = tables
        bins = tables.powers.shape[1]
        self.crossings = np.empty(count)
        self.moments = np.empty((count, 3))  # of the magnitude: 0, 1 and 2
        self.flux = np.empty(count)  # from the frame before, 0 for the first
        self.stretches = np.empty((2, count, 11))  # of the squared samples and of the power
        self.rolloff = np.empty(count)
        self.mel = np.empty((count, len(tables.mel.weights)))
        self.chroma = np.empty((count, N_CHROMA))
        self.last = np.zeros(bins, dtype=np.float32)  # normalised magnitude of the frame before

    def add(self, block: slice, magnitude: NDArray[np.float32]) -> None:
        """Add |FFT| / bins of a block of frames, shape `(frames, bins)`, and overwrite it."""
        tables = self.tables
        self.mel[block] = tables.mel(magnitude)
        self.chroma[block] = np.square(magnitude.take(tables.chroma_bins, axis=1)) @ tables.chroma
        moments, stretches, rolloff = sum_bins(magnitude, tables.powers)
        self.moments[block], self.rolloff[block] = moments, rolloff
        self.stretches[1, block] = stretches
        if block.start == 0:
            flux(magnitude[:1].copy(), moments[:1, 0], self.last)
        self.flux[block] = flux(magnitude, moments[:, 0], self.last)

    def features(self, window: int) -> NDArray[np.float32]:
        """Compute the 34 features, shape `(frames, 34)`."""
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
        result[:, 7] = self.rolloff
        result[:, 8:21] = np.log10(self.mel + EPSILON) @ self.tables.dct
        chroma = self.chroma / np.maximum(totals[1], _TINY)[:, None]
        result[:, 21:33] = chroma
        chroma -= chroma @ np.full((N_CHROMA, 1), 1 / N_CHROMA)
        result[:, 33] = np.sqrt(np.einsum("ij,ij->i", chroma, chroma) / N_CHROMA)
        return result

"""Filters and maps of pyAudioAnalysis' short-term features."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from serenade.features.spectral import FilterBank, dct_matrix

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

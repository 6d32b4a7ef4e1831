"""Kernels of the 34 short-term features."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from serenade.features.kernels.compiler import compiled
from serenade.features.spectral import EPSILON

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Doubles: TypeAlias = NDArray[np.float64]


@compiled
def widened(samples: Floats) -> tuple[Doubles, float]:
    """As `serenade.features.sets._short_term_sums.widened`."""
    wide = np.empty(len(samples))
    total = 0.0
    for i in range(len(samples)):
        value = np.float64(samples[i])
        wide[i] = value
        total += value
    return wide, total / len(samples)


@compiled
def sample_sums(samples: Floats, mean: float, window: int, hop: int) -> tuple[Doubles, Doubles]:
    """As `serenade.features.sets._short_term_sums.sample_sums`."""
    count = 1 + (len(samples) - window) // hop
    length = window // 10
    crossings = np.empty(count)
    squares = np.zeros((count, 11))
    nearest = np.float32(mean)
    one, none = np.float32(1), np.float32(0)  # counted in float32, which sums as vectors
    # x > mean is x > the float32 at or below it; x < mean likewise from above.
    below = nearest if nearest <= mean else np.nextafter(nearest, np.float32(-np.inf))
    above = nearest if nearest >= mean else np.nextafter(nearest, np.float32(np.inf))
    for row in range(count):
        frame = samples[row * hop : row * hop + window]
        steps = none
        later = frame[1:]  # slices, because an index that might be negative is not for vectors
        for i in range(len(later)):
            now = (one if later[i] > below else none) - (one if later[i] < above else none)
            past = (one if frame[i] > below else none) - (one if frame[i] < above else none)
            steps += abs(now - past)
        crossings[row] = 0.5 * steps
        for stretch in range(11):
            part = frame[stretch * length : window if stretch == 10 else (stretch + 1) * length]
            total = none
            for i in range(len(part)):
                centred = part[i] - nearest
                total += centred * centred
            squares[row, stretch] = total
    return crossings, squares


@compiled
def magnitudes(spectrum: NDArray[np.complex128], scale: float, out: Floats) -> None:
    """As `serenade.features.sets._short_term_sums.magnitudes`."""
    rows, bins = out.shape
    parts = spectrum.view(np.float64)
    for row in range(rows):
        for k in range(bins):
            real = np.float32(parts[row, 2 * k] * scale)
            imaginary = np.float32(parts[row, 2 * k + 1] * scale)
            out[row, k] = np.sqrt(real * real + imaginary * imaginary)


@compiled
def bin_sums(magnitude: Floats, powers: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """As `serenade.features.sets._short_term_sums.bin_sums`."""
    rows, bins = magnitude.shape
    length = bins // 10
    moments = np.empty((rows, 3))
    stretches = np.zeros((rows, 11))
    rolloff = np.empty(rows)
    frequency = powers[1]
    for row in range(rows):
        line = magnitude[row]
        zeroth = first = second = 0.0
        for stretch in range(11):
            inside = slice(stretch * length, bins if stretch == 10 else (stretch + 1) * length)
            part, hertz = line[inside], frequency[inside]
            total = 0.0
            for k in range(len(part)):
                value = np.float64(part[k])
                weighted = value * hertz[k]
                zeroth += value
                first += weighted
                second += weighted * hertz[k]
                total += value * value
            stretches[row, stretch] = total
        moments[row] = zeroth, first, second
        missing = 0.9 * stretches[row].sum() - EPSILON
        stretch = 0
        while stretch < 10 and not stretches[row, stretch] > missing:
            missing -= stretches[row, stretch]
            stretch += 1
        k = stretch * length
        last = bins - 1 if stretch == 10 else k + length - 1
        reached = 0.0
        while k < last:
            reached += np.float64(line[k] * line[k])
            if reached > missing:
                break
            k += 1
        rolloff[row] = k / bins
    return moments, stretches, rolloff


@compiled
def flux(magnitude: Floats, totals: Doubles, last: Floats) -> Doubles:
    """As `serenade.features.sets._short_term_sums.flux`."""
    rows, bins = magnitude.shape
    result = np.empty(rows)
    for row in range(rows):
        line = magnitude[row]
        gain = np.float32(1 / (totals[row] + bins * EPSILON))
        total = np.float32(0)
        for k in range(bins):
            share = line[k] * gain
            step = share - last[k]
            last[k] = share
            total += step * step
        result[row] = total
    return result

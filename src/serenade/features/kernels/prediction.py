"""Kernels of linear prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features.kernels.compiler import compiled
from serenade.features.voice import CLOSE

if TYPE_CHECKING:
    from numpy.typing import NDArray


@compiled
def levinson(autocorrelation: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """As `serenade.features.voice._lpc.levinson`."""
    frames, lags = autocorrelation.shape
    filters = np.zeros((frames, lags), dtype=autocorrelation.dtype)
    error = autocorrelation[:, 0].copy()
    past = np.empty(lags, dtype=autocorrelation.dtype)
    for row in range(frames):
        lag, found = autocorrelation[row], filters[row]
        found[0] = 1
        for order in range(1, lags):
            past[:] = found
            missed = past[0] * lag[order]
            for i in range(1, order):
                missed += past[i] * lag[order - i]
            reflection = missed / error[row]
            for i in range(1, order + 1):
                found[i] -= reflection * past[order - i]
            error[row] -= reflection * missed
    return filters, error


@compiled
def valley_roots(
    parts: NDArray[np.float32], grid: NDArray[np.complex64]
) -> tuple[NDArray[np.intp], NDArray[np.complex64]]:
    """As `serenade.features.voice._lpc._valley_roots`."""
    rows, points = len(parts), len(grid)
    terms = parts.shape[1] // (2 * points)
    found = 0
    frame = np.empty(rows * (points // 2), dtype=np.intp)
    root = np.empty(rows * (points // 2), dtype=np.complex64)
    level = np.empty(points, dtype=np.float32)
    reciprocal = np.empty(terms, dtype=np.complex64)
    ratio = np.empty(terms, dtype=np.complex64)
    for row in range(rows):
        taylor = parts[row].view(np.complex64)
        for i in range(points):
            level[i] = taylor[i].real ** 2 + taylor[i].imag ** 2
        for i in range(1, points - 1):
            if not (level[i] < level[i - 1]) & (level[i] <= level[i + 1]):
                continue
            value = taylor[i] if abs(taylor[i]) > CLOSE else np.complex64(CLOSE)
            reciprocal[0] = 1
            for order in range(1, terms):
                ratio[order] = taylor[order * points + i] / -value
                total = np.complex64(0)
                for past in range(order):
                    total += reciprocal[past] * ratio[order - past]
                reciprocal[order] = total
            last = reciprocal[terms - 1]
            at = grid[i] + reciprocal[terms - 2] / (last if last != 0 else np.complex64(1))
            if at.imag > 0 and abs(at) < 1:
                frame[found], root[found] = row, at
                found += 1
    return frame[:found], root[:found]

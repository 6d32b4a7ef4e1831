"""Kernels of pitch, cycles and zero crossings."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from serenade.features.kernels.compiler import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Doubles: TypeAlias = NDArray[np.float64]
    Places: TypeAlias = NDArray[np.intp]


@compiled
def sign_changes(samples: Floats, length: int, hop: int) -> Floats:
    """As `serenade.features.spectral._temporal._sign_changes`."""
    edge, one, none = np.float32(-1e-10), np.float32(1), np.float32(0)
    result = np.empty(1 + (len(samples) - length) // hop, dtype=np.float32)
    for row in range(len(result)):
        frame = samples[row * hop : row * hop + length]
        later = frame[1:]  # slices, because an index that might be negative is not for vectors
        count = none
        for i in range(len(later)):
            count += one if (later[i] < edge) != (frame[i] < edge) else none
        result[row] = count
    return result


@compiled
def best_path(local: Floats, transition: Floats) -> Places:
    """As `serenade.features.voice._viterbi.best_path`."""
    states, frames = local.shape
    score, new = np.empty(states), np.empty(states)
    origin = np.empty((frames, states), dtype=np.intp)
    path = np.empty(frames, dtype=np.intp)
    for state in range(states):
        score[state] = local[state, 0]
    for frame in range(1, frames):
        for state in range(states):
            best, source = -np.inf, 0
            for past in range(states):
                value = score[past] + transition[past, state, frame - 1]
                if value > best:
                    best, source = value, past
            new[state] = best + local[state, frame]
            origin[frame, state] = source
        score, new = new, score
    path[-1] = np.argmax(score)
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = origin[frame, path[frame]]
    return path


@compiled
def strongest(correlation: Floats, handicap: Floats, number: int) -> tuple[Floats, Doubles]:
    """As `serenade.features.voice._pitch._strongest`."""
    strength = np.full((number, len(correlation)), np.float32(-10))
    place = np.ones((number, len(correlation)))
    index = np.empty(number, dtype=np.intp)
    rank = np.empty(number, dtype=np.float32)
    for row in range(len(correlation)):
        line = correlation[row]
        found = 0
        for i in range(1, len(line) - 1):
            if (line[i] > line[i - 1]) & (line[i] >= line[i + 1]):
                value = line[i] - handicap[i - 1]
                spot = found
                while spot > 0 and value > rank[spot - 1]:
                    if spot < number:
                        rank[spot], index[spot] = rank[spot - 1], index[spot - 1]
                    spot -= 1
                if spot < number:
                    rank[spot], index[spot] = value, i
                    found = min(found + 1, number)
        for spot in range(found):
            at = index[spot]
            shift, height = _parabola(line[at - 1], line[at], line[at + 1])
            strength[spot, row] = height if height <= 1 else 1 / height
            place[spot, row] = at + np.float64(shift)
    return strength, place


@compiled
def highest(samples: Floats, middle: Doubles, reach: Doubles) -> tuple[Doubles, Floats]:
    """As `serenade.features.voice._cycles._highest`."""
    place = np.empty(len(middle))
    height = np.empty(len(middle), dtype=np.float32)
    last = len(samples) - 1
    for cycle in range(len(middle)):
        centre, whole = int(np.rint(middle[cycle])), int(reach[cycle])
        best = np.float32(-np.inf)
        peak = centre - whole
        for at in range(centre - whole, centre + whole + 1):
            value = samples[min(max(at, 0), last)]
            if value > best:
                best, peak = value, at
        shift, height[cycle] = _parabola(
            samples[min(max(peak - 1, 0), last)],
            samples[min(max(peak, 0), last)],
            samples[min(max(peak + 1, 0), last)],
        )
        place[cycle] = peak + np.float64(shift)
    return place, height


@compiled
def pulse_turns(
    samples: Floats, middle: Doubles, period: Doubles, grid: Doubles
) -> tuple[Places, Floats]:
    """As `serenade.features.voice._cycles._pulse_turns`."""
    best = np.zeros(len(middle), dtype=np.intp)
    weight = np.empty(len(middle), dtype=np.float32)
    last = len(samples) - 1
    for cycle in range(len(middle)):
        most = np.float32(-np.inf)
        for point in range(len(grid)):
            at = int(middle[cycle] + grid[point] * period[cycle])
            value = samples[min(max(at, 0), last)]
            if value > most:
                most, best[cycle] = value, point
        weight[cycle] = most
    return best, weight


@compiled
def matched(samples: Floats, place: Doubles, period: Doubles, points: int, reach: int) -> Doubles:
    """As `serenade.features.voice._cycles._matched`."""
    result = np.zeros(len(place))
    last = len(samples) - 1
    here = np.empty(points, dtype=np.float32)
    there = np.empty(points + 2 * reach, dtype=np.float32)
    coarse = np.empty(2 * reach + 1, dtype=np.float32)
    fine = np.empty(5, dtype=np.float32)
    for cycle in range(len(place)):
        step = max(1, int(np.rint(period[cycle] / points)))
        first = int(np.rint(place[cycle])) - points // 2 * step
        shortest = int(np.rint(period[cycle] / step)) - reach
        for i in range(points):
            here[i] = samples[min(max(first + i * step, 0), last)]
        for i in range(len(there)):
            there[i] = samples[min(max(first + (shortest + i) * step, 0), last)]
        for shift in range(len(coarse)):
            coarse[shift] = _similarity(here, there[shift : shift + points])
        row = int(np.argmax(coarse))
        if row in (0, len(coarse) - 1):
            continue
        shift, _ = _parabola(coarse[row - 1], coarse[row], coarse[row + 1])
        near = int(np.rint(step * (shortest + (row + shift)))) - 2
        for offset in range(len(fine)):
            for i in range(points):
                there[i] = samples[min(max(first + near + offset + i * step, 0), last)]
            fine[offset] = _similarity(here, there[:points])
        row = min(max(int(np.argmax(fine)), 1), len(fine) - 2)
        shift, _ = _parabola(fine[row - 1], fine[row], fine[row + 1])
        result[cycle] = near + (row + shift)
    return result


@compiled
def _similarity(here: Floats, there: Floats) -> np.float32:
    """Correlation of two waveforms over the second one's size."""
    match = energy = np.float32(0)
    for i in range(len(here)):
        match += here[i] * there[i]
        energy += there[i] * there[i]
    return np.float32(match / np.sqrt(max(energy, np.float32(1e-20))))


@compiled
def _parabola(
    left: np.float32, middle: np.float32, right: np.float32
) -> tuple[np.float32, np.float32]:
    """As `serenade.features.voice._autocorrelation.parabola`."""
    bend = min(left - np.float32(2) * middle + right, np.float32(-1e-20))
    tilt = left - right
    half = np.float32(0.5)
    shift = max(min(half * tilt / bend, half), -half)
    return shift, middle - half * half * tilt * shift

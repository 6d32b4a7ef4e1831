"""Find the single cycles of a voice: position, height and period of its pulses.

Cycles are found for the whole signal at once. F0's integral over time gives cells of one period
each. A pulse, the highest peak of a cell, is searched around the position of its neighbours' pulses
in theirs, so an error of F0 that adds up from cell to cell cannot make it slip into the next one.
The period is the shift at which the waveform around a pulse best matches what follows it (waveform
matching: Titze & Liang 1993), which noise disturbs less than the distance between two peaks.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features.spectral import as_signal
from serenade.features.voice._autocorrelation import parabola

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.features.voice._pitch import PitchTrack

_CELL_POINTS = 32  # of a cell at which the phase of its pulse is evaluated
_NEIGHBOURS = 3  # cells on either side whose phases are averaged
_SEARCH = 0.15  # periods on either side of the expected place
_MATCH_POINTS = 24  # per period, at which waveforms are compared, in whole steps of samples
_MATCH_SHIFTS = 4  # such steps a period may be longer or shorter than F0 says
_AROUND = np.array([[-1], [0], [1]])


@dataclasses.dataclass(frozen=True, eq=False)
class Cycles:
    """Pulses of the voice, one per cycle.

    Attributes:
        times: in seconds, ascending, shape `(cycles,)`.
        amplitudes: height of each pulse's peak, shape `(cycles,)`.
        periods: from each pulse to the next by waveform matching, in seconds; 0 where none
            follows in the same stretch of voice or none matches; shape `(cycles,)`.
        linked: True where the next pulse belongs to the same stretch of voice, shape `(cycles,)`.
    """

    times: NDArray[np.float64]
    amplitudes: NDArray[np.float32]
    periods: NDArray[np.float64]
    linked: NDArray[np.bool_]


def find_cycles(signal: NDArray[Any], sampling_rate: int, track: PitchTrack) -> Cycles:
    """Find the pulse of every cycle of the voiced frames.

    Args:
        signal: mono samples, shape `(samples,)`.
        sampling_rate: in Hz.
        track: F0 of the same signal, from `Pitch.track`.

    Returns:
        The cycles; none where nothing is voiced.

    Raises:
        SignalFormatError: the signal is not one-dimensional and real.
    """
    samples = as_signal(signal)
    phase = np.zeros(len(track.frequency) + 1)
    np.cumsum(track.frequency * np.float64(track.hop_seconds), out=phase[1:])
    number = np.arange(0.5, phase[-1] - 0.5)
    if not number.size:
        return Cycles(np.zeros(0), np.zeros(0, np.float32), np.zeros(0), np.zeros(0, bool))
    frame = np.searchsorted(phase, number, side="right") - 1
    frequency = track.frequency[frame].astype(np.float64)
    period = sampling_rate / frequency  # in samples, as are the cells' middles
    middle = (
        (frame - 0.5) * track.hop_seconds + (number - phase[frame]) / frequency
    ) * sampling_rate
    # Frames are linked while no unvoiced one lies between.
    stretch = np.cumsum(track.frequency == 0)[frame]
    linked = np.zeros(number.size, dtype=bool)
    linked[:-1] = stretch[1:] == stretch[:-1]

    middle += period * _pulse_phase(samples, middle, period, stretch)
    place, height = _highest(samples, middle, _SEARCH * period)
    periods = np.zeros(number.size)
    periods[linked] = (
        _match_period(samples, place[linked], period[linked], _MATCH_POINTS, _MATCH_SHIFTS)
        / sampling_rate
    )
    return Cycles(place / sampling_rate, height, periods, linked)


def _pulse_phase(
    samples: NDArray[np.float32],
    middle: NDArray[np.float64],
    period: NDArray[np.float64],
    stretch: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Find pulses, in periods from the middles of their cells, averaged over neighbours."""
    grid, direction = _cell()
    best, weight = _pulse_turns(samples, middle, period, grid)
    turns = np.maximum(weight, 0) * direction[best]
    total = turns.copy()
    for away in range(1, min(_NEIGHBOURS, len(turns) - 1) + 1):
        together = stretch[away:] == stretch[:-away]
        total[:-away] += turns[away:] * together
        total[away:] += turns[:-away] * together
    return np.asarray(np.angle(total) / (2 * np.pi))


def _pulse_turns(
    samples: NDArray[np.float32],
    middle: NDArray[np.float64],
    period: NDArray[np.float64],
    grid: NDArray[np.float64],
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Find the highest point of a cell, in periods from its middle, and its height."""
    at = (middle + grid[:, None] * period).astype(np.intp)
    values = samples.take(at, mode="clip")
    best = values.argmax(axis=0)
    return best, values[best, np.arange(len(best))]


@functools.cache
def _cell() -> tuple[NDArray[np.float64], NDArray[np.complex64]]:
    """Return the points of a cell in periods from its middle, and on the unit circle."""
    grid = np.arange(_CELL_POINTS) / _CELL_POINTS - 0.5
    return grid, np.exp(2j * np.pi * grid).astype(np.complex64)


def _highest(
    samples: NDArray[np.float32], middle: NDArray[np.float64], reach: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Place, between samples too, and height of the highest peak within reach of each middle."""
    whole = reach.astype(np.intp)
    width = int(whole.max())
    # Offsets out of reach are cut back to its ends, which then merely occur several times.
    offsets = np.arange(-width, width + 1)[:, None]
    at = np.minimum(np.maximum(offsets, -whole), whole)
    at += np.rint(middle).astype(np.intp)
    best = samples.take(at, mode="clip").argmax(axis=0)
    peak = at[best, np.arange(len(best))]
    shift, height = parabola(*samples.take(peak + _AROUND, mode="clip"))
    return peak + shift.astype(np.float64), height


def _match_period(
    samples: NDArray[np.float32],
    place: NDArray[np.float64],
    period: NDArray[np.float64],
    points: int,
    reach: int,
) -> NDArray[np.float64]:
    """Find the period in samples after each place; 0 where no shift matches best.

    Waveforms are compared at so many `points` per period; `reach` is how many of their steps a
    period may differ from what is expected.
    """
    if not place.size:
        return np.zeros(0)
    step = np.maximum(1, np.rint(period / points)).astype(np.intp)
    pulse = np.rint(place).astype(np.intp)
    at = pulse + np.arange(-(points // 2), points - points // 2)[:, None] * step
    here = samples.take(at, mode="clip")
    # First to the step, then to the sample, then between samples.
    shortest = np.rint(period / step).astype(np.intp) - reach
    shifts = 2 * reach + 1
    ahead = at[0] + (shortest + np.arange(points + shifts - 1)[:, None]) * step
    there = samples.take(ahead, mode="clip")
    by_point, by_cycle = there.strides
    shape, strides = (points, shifts, place.size), (by_point, by_point, by_cycle)
    coarse, inside = _best(_similarity(here, np.ndarray(shape, there.dtype, there, 0, strides)))
    near = np.rint(step * (shortest + coarse)).astype(np.intp)
    there = samples.take((at + near)[:, None] + np.arange(-2, 3)[:, None], mode="clip")
    fine, _ = _best(_similarity(here, there))
    return np.where(inside, near - 2 + fine, 0.0)


def _best(match: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Find the interpolated maximum of each column, and whether it is not at an end."""
    last = len(match) - 1
    row = match.argmax(axis=0)
    inside = (row > 0) & (row < last)
    row = np.minimum(np.maximum(row, 1), last - 1)
    shift, _ = parabola(*match[row + _AROUND, np.arange(len(row))])
    return row + shift, inside


def _similarity(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlate columns with their shifts `(points, shifts, n)` over the shifts' size.

    Columns are `(points, n)`, the result is `(shifts, n)`.
    """
    match = np.einsum("gn,gln->ln", here, there)
    energy = np.einsum("gln,gln->ln", there, there)
    result: NDArray[np.float32] = match / np.sqrt(np.maximum(energy, np.float32(1e-20)))
    return result

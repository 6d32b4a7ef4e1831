"""Fundamental frequency and voicing by normalised autocorrelation (Boersma 1993).

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
ratio of a sampled sound", IFA Proceedings 17. As there: the autocorrelation of a Hann-windowed
frame is divided by the window's own, its highest maxima and "unvoiced" are candidates, and the
path through them weighs their strength against jumps. Otherwise than there: the signal is first
limited to 2 kHz, where the strong harmonics of a voice are, and all else is four times cheaper for
it; and a frame's loudness is its effective value, not its peak.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features._feature import Feature
from serenade.features.spectral import as_signal
from serenade.features.voice._autocorrelation import (
    autocorrelations,
    decimate_frames,
    make_pitch_tables,
    parabola,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def find_best_path(local: NDArray[Any], transition: NDArray[Any]) -> NDArray[np.intp]:
    """Find the states that maximise the sum of local and transition scores (Viterbi 1967).

    The scores of a step are a matrix, and following two steps is their product in the (max, +)
    algebra. Products are taken pairwise, then of pairs, so the work is done in about log2(frames)
    array operations; the states in the middle of each pair are then read off from the top down.
    Time is the last axis, so that operations run along it and not along a few states.

    Args:
        local: score of each state in each frame, shape `(states, frames)`; at least one frame.
        transition: score of going from state `i` of frame `t` to `j` of `t + 1`, at `[i, j, t]`,
            shape `(states, states, frames - 1)`.

    Returns:
        The state of each frame, shape `(frames,)`.

    >>> local = np.array([[0.0, 0.9, 0.0], [1.0, 0.0, 1.0]])
    >>> find_best_path(local, np.zeros((2, 2, 2)))
    array([1, 0, 1])
    >>> find_best_path(local, np.array([[[0.0], [-1.0]], [[-1.0], [0.0]]]).repeat(2, axis=2))
    array([1, 1, 1])
    """
    states, frames = local.shape
    if frames == 1:
        return np.asarray(local.argmax(axis=0))
    steps = transition + local[:, 1:]
    steps[:, :, 0] += local[:, :1]
    levels = []  # of routes over two steps each: [from, middle, to, pair]
    while (count := steps.shape[2]) > 1:
        pairs = count // 2
        routes = steps[:, :, None, 0 : 2 * pairs : 2] + steps[None, :, :, 1 : 2 * pairs : 2]
        levels.append(routes)
        joined = np.empty((states, states, count - pairs), dtype=steps.dtype)
        np.maximum.reduce(routes, axis=1, out=joined[:, :, :pairs])
        joined[:, :, pairs:] = steps[:, :, 2 * pairs :]
        steps = joined
    path = np.array(divmod(int(steps.argmax()), states))
    for routes in reversed(levels):
        pairs = routes.shape[3]
        wider = np.empty(len(path) + pairs, dtype=np.intp)
        wider[0 : 2 * pairs : 2] = path[:pairs]
        through = routes[path[:pairs], :, path[1 : pairs + 1], np.arange(pairs)]
        wider[1 : 2 * pairs : 2] = through.argmax(axis=1)
        wider[2 * pairs :] = path[pairs:]
        path = wider
    return path


_RAISED = 2.0  # added to the strengths of maxima, so that what is none can count as 0


@dataclasses.dataclass(frozen=True, eq=False)
class PitchTrack:
    """The voice's fundamental over time.

    Attributes:
        frequency: F0 in Hz, 0 where unvoiced, shape `(frames,)`.
        strength: normalised autocorrelation at F0's period, or where unvoiced at the best
            candidate's; 0 to 1, and 0 where a frame is too quiet to be voiced; `(frames,)`.
        hop_seconds: distance between frames; frame `t` is centred on `t * hop_seconds`.
    """

    frequency: NDArray[np.float32]
    strength: NDArray[np.float32]
    hop_seconds: float

    @functools.cached_property
    def voiced(self) -> NDArray[np.bool_]:
        """True where there is a voice, shape `(frames,)`."""
        return self.frequency > 0


def _strongest(
    correlation: NDArray[np.float32], handicap: NDArray[np.float32], number: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Find strength and place of each frame's best maxima, the best first.

    Where there are fewer, the rest have strength -10: no path takes them.

    Args:
        correlation: shape `(frames, lags)`.
        handicap: taken off all but the first and last lag, to rank the maxima.
        number: of maxima.

    Returns:
        Both of shape `(number, frames)`; places are in steps of the lags.
    """
    inner = correlation[:, 1:-1]
    maxima = inner > correlation[:, :-2]
    maxima &= inner >= correlation[:, 2:]
    ranked = inner - (handicap - np.float32(_RAISED))
    ranked *= maxima
    row = np.arange(len(correlation))
    index = np.empty((number, len(correlation)), dtype=np.intp)
    for rank in range(number):
        best = index[rank] = ranked.argmax(axis=1)
        ranked[row, best] = -1
    around = correlation[row, index + np.arange(3)[:, None, None]]
    shift, height = parabola(*around)
    # By interpolation a period can correlate better than perfectly: mirrored below 1.
    height = np.where(height > 1, 1 / np.maximum(height, 1), height)
    strength = np.where(maxima[row, index], height, np.float32(-10))
    return strength, (index + 1 + shift).astype(np.float64)


@dataclasses.dataclass(frozen=True)
class Pitch(Feature):
    """F0 and voicing strength of each frame.

    Costs are Boersma's (1993) with his values; see there for what each weighs.

    Attributes:
        fmin: lowest F0 in Hz; a frame spans three of its periods.
        fmax: highest F0 in Hz, at most 1000.
        hop_seconds: distance between frames.
        candidates: maxima that compete in each frame.
        voicing_threshold: strength below which a frame is unvoiced.
        silence_threshold: effective value, over the loudest frame's, below which it is too.
        octave_cost: preference for the shorter of two equally strong periods, per octave.
        octave_jump_cost: of a change of F0 in 10 ms, per octave.
        voicing_change_cost: of voice starting or ending within 10 ms.

    >>> time = np.arange(8000) / 16000
    >>> tone = np.sin(2 * np.pi * 200 * time) + np.sin(2 * np.pi * 400 * time)
    >>> Pitch()(tone.astype(np.float32), 16000)[25].round(2)
    array([200.,   1.], dtype=float32)
    """

    fmin: float = 60.0
    fmax: float = 500.0
    hop_seconds: float = 0.010
    candidates: int = 4
    voicing_threshold: float = 0.45
    silence_threshold: float = 0.03
    octave_cost: float = 0.01
    octave_jump_cost: float = 0.35
    voicing_change_cost: float = 0.14

    def __post_init__(self) -> None:
        if not 20 <= self.fmin < self.fmax <= 1000 or self.candidates < 1 or self.hop_seconds <= 0:
            raise ValueError(
                f"need 20 <= fmin < fmax <= 1000, candidates >= 1 and hop_seconds > 0, got {self}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """`f0` in Hz (0 where unvoiced) and `voicing`, the strength in [0, 1]."""
        return ("f0", "voicing")

    def __call__(self, signal: NDArray[Any], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the columns `names`, shape `(frames, 2)`; errors as for `track`."""
        found = self.track(signal, sampling_rate)
        return np.stack([found.frequency, found.strength], axis=1)

    def track(self, signal: NDArray[Any], sampling_rate: int) -> PitchTrack:
        """Find F0.

        Args:
            signal: mono samples, shape `(samples,)`.
            sampling_rate: in Hz, at least 4000.

        Returns:
            A track of `1 + samples // hop` frames, the hop in whole samples.

        Raises:
            SignalFormatError: the signal is not one-dimensional and real, or its rate too low.
            NoSamplesError: it is empty.
        """
        samples = as_signal(signal)
        tables = make_pitch_tables(self.fmin, self.fmax, self.hop_seconds, sampling_rate)
        rows, means, loudness = decimate_frames(samples, tables)
        quiet = self.silence_threshold / (1 + self.voicing_threshold)
        # In a quieter frame "unvoiced" beats any candidate, jumps included: no need to look.
        heard = np.flatnonzero(loudness > quiet)
        strength = np.empty((self.candidates, len(heard)), dtype=np.float32)
        place = np.empty(strength.shape)  # in float64, as are lags: jitter hangs on F0
        handicap = (self.octave_cost * np.log2(self.fmin * tables.lags[1:-1])).astype(np.float32)
        for block, correlation in autocorrelations(rows[heard], means[heard], tables):
            strength[:, block], place[:, block] = _strongest(correlation, handicap, self.candidates)
        lag = (tables.lags[0] + (tables.lags[1] - tables.lags[0]) * place).astype(np.float32)
        found = np.zeros((2, len(rows)), dtype=np.float32)
        if len(heard):
            found[:, heard] = self._follow(strength, lag, loudness[heard] / quiet, heard)
        return PitchTrack(found[0], found[1], tables.hop * tables.factor / sampling_rate)

    def _follow(
        self,
        strength: NDArray[np.float32],
        lag: NDArray[np.float32],
        loudness: NDArray[np.float32],
        frame: NDArray[np.intp],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return F0 and strength along the best path through the candidates."""
        count = len(frame)
        scores = np.empty((1 + self.candidates, count), dtype=np.float32)
        log_lag = np.log2(lag)
        scores[1:] = strength - np.float32(self.octave_cost) * (
            log_lag + np.float32(np.log2(self.fmin))
        )
        scores[0] = self.voicing_threshold + np.maximum(0, 2 - loudness)
        chosen = find_best_path(scores, self._transitions(log_lag, frame[1:] - frame[:-1] > 1))
        voiced = chosen > 0
        place = np.maximum(chosen - 1, 0), np.arange(count)  # candidates come strongest first
        frequency = np.where(voiced, 1 / lag[place], 0)
        return frequency, np.minimum(np.maximum(strength[place], 0), 1)

    def _transitions(
        self, log_lag: NDArray[np.float32], silence: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Score each change of state, shape `(1 + candidates, 1 + candidates, frames - 1)`.

        Args:
            log_lag: logarithm of each candidate's period to base 2, shape `(candidates, frames)`.
            silence: True where left-out, unvoiced frames lie between two, shape `(frames - 1,)`.
        """
        states = 1 + self.candidates
        pace = np.float32(0.010 / self.hop_seconds)
        scores = np.zeros((states, states, len(silence)), dtype=np.float32)
        change = -self.voicing_change_cost * pace
        scores[0, 1:] = scores[1:, 0] = change
        jumps = scores[1:, 1:]
        np.subtract(log_lag[None, :, 1:], log_lag[:, None, :-1], out=jumps)
        np.abs(jumps, out=jumps)
        jumps *= -self.octave_jump_cost * pace
        jumps[:, :, silence] = 2 * change
        return scores

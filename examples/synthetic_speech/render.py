"""Compute the samples of a text, a speaker and an emotion, with their annotation."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from serenade.errors import CorpusError
from synthetic_speech import emotions, glottis, prosody, vocal_tract
from synthetic_speech.lexicon import words_of
from synthetic_speech.speakers import generator
from synthetic_speech.tracks import STEP, tracks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synthetic_speech.emotions import Style
    from synthetic_speech.prosody import Interval
    from synthetic_speech.speakers import Speaker
    from synthetic_speech.tracks import Tracks

FRAME = 0.005
"""Distance of the frames of `Utterance.f0` and `Utterance.formants` in seconds."""

LEVELS = (-25.0, -15.0)
"""Range of an utterance's level: dB of full scale, root mean square."""

RATES = (8000, 48000)
"""Range of sampling rates in Hz."""

_LEVEL = -20.5
_PEAK = 0.97
_FLOOR = 10 ** (-65 / 20)  # noise of the room and the microphone
_OVERSAMPLING = 4  # of the source: its sharp closures would alias
_VOICED = 0.3  # amplitude of voicing from which a pitch is audible
_PULSE_LEVEL = 0.33  # root mean square of modal pulses whose closure is -1
_NOISE_RATE = 16000  # noise levels of `phonemes` hold at this rate


@dataclasses.dataclass(frozen=True, eq=False)
class Utterance:
    """Synthetic speech with its exact annotation.

    Args:
        signal: mono float32, shape `(samples,)`; on the grid of 16-bit files.
        sampling_rate: in Hz.
        text: what is said, normalised.
        speaker: who says it.
        emotion: how.
        words: the words with start and end in seconds, in order, without overlap.
        phones: the sounds of the words, likewise.
        f0: fundamental frequency in Hz at frame centres `(i + 0.5) * FRAME`, shape `(frames,)`;
            0 where there is no voice.
        formants: F1 to F3 of the filter in Hz at the same times, shape `(frames, 3)`.
        style: the manner that was drawn for this utterance.
    """

    signal: NDArray[np.float32]
    sampling_rate: int
    text: str
    speaker: Speaker
    emotion: str
    words: tuple[Interval, ...]
    phones: tuple[Interval, ...]
    f0: NDArray[np.float32]
    formants: NDArray[np.float32]
    style: Style


@dataclasses.dataclass(frozen=True, eq=False)
class _Score:
    """All that is settled before a sample is computed; curves are `STEP` apart."""

    speaker: Speaker
    style: Style
    curves: Tracks
    f0: NDArray[np.float64]
    samples: int
    sampling_rate: int

    @property
    def rd(self) -> float:
        """Shape of the pulses."""
        return self.speaker.rd * float(np.exp(self.style.rd))

    def at(self, times: NDArray[np.float64], curve: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolate a curve, shape `(points,)` or `(points, columns)` at other times."""
        grid = STEP * np.arange(len(curve), dtype=np.float64)
        if curve.ndim == 1:
            return np.interp(times, grid, curve)
        return np.stack([np.interp(times, grid, column) for column in curve.T], axis=1)


def render(text: str, speaker: Speaker, emotion: str, sampling_rate: int, seed: int) -> Utterance:
    """Synthesise; see `serenade.corpora.synthetic.synthesise`."""
    if not RATES[0] <= sampling_rate <= RATES[1]:
        raise CorpusError(
            f"a sampling rate of {sampling_rate} Hz; give one from {RATES[0]} to {RATES[1]} Hz"
        )
    words = words_of(text)
    key = (seed, speaker.seed, speaker.name, emotion, words)
    manner, noise = generator("manner", *key), generator("noise", *key)
    style = emotions.draw(speaker, emotion, manner)
    spoken = prosody.timing(words, speaker, style, manner)
    curves = tracks(spoken, speaker, style)
    grid = STEP * np.arange(len(curves.voicing), dtype=np.float64)
    score = _Score(
        speaker=speaker,
        style=style,
        curves=curves,
        f0=prosody.pitch(grid, spoken, speaker, style, manner),
        samples=round(spoken.duration * sampling_rate),
        sampling_rate=sampling_rate,
    )
    centres = FRAME * (np.arange(math.ceil(spoken.duration / FRAME), dtype=np.float64) + 0.5)
    voiced = score.at(centres, curves.voicing) >= _VOICED
    return Utterance(
        signal=_levelled(_sound(score, noise), style.level, noise),
        sampling_rate=sampling_rate,
        text=" ".join(words),
        speaker=speaker,
        emotion=emotion,
        words=spoken.words,
        phones=spoken.phones,
        f0=np.where(voiced, score.at(centres, score.f0), 0.0).astype(np.float32),
        formants=score.at(centres, curves.formants).astype(np.float32),
        style=style,
    )


def _sound(score: _Score, rng: np.random.Generator) -> NDArray[np.float64]:
    """Render sources and filters, at an arbitrary level."""
    curves, rate = score.curves, score.sampling_rate
    times = np.arange(score.samples, dtype=np.float64) / rate
    pulses, openness = _voice(score, rng)
    voicing = score.at(times, curves.voicing)
    breath = 10 ** ((score.speaker.breathiness + score.style.breathiness) / 20)
    turbulence = breath * voicing * (0.4 + openness) + score.at(times, curves.aspiration)
    level = _PULSE_LEVEL * math.sqrt(rate / _NOISE_RATE)  # of equal density at every rate
    glottal = voicing * pulses + level * turbulence * rng.standard_normal(score.samples)
    frication = score.at(times, curves.noise) * rng.standard_normal(score.samples)

    hop = vocal_tract.hop_of(rate)
    centres = np.arange(-(-score.samples // hop) + 1, dtype=np.float64) * (hop / rate)
    cascade = vocal_tract.cascade(
        score.at(centres, curves.formants),
        max(0.9, 1 + 0.35 * (score.rd - 1)),
        score.at(centres, curves.nasal_zero),
        score.speaker.tract_length,
        rate,
    )
    band = vocal_tract.band(
        score.at(centres, curves.noise_centre), score.at(centres, curves.noise_bandwidth), rate
    )
    return vocal_tract.run([(glottal, cascade), (frication, band)], rate)


def _voice(
    score: _Score, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pulses with jitter and shimmer, and the openness of the glottis, both `(samples,)`."""
    from scipy.signal import resample_poly

    rate = _OVERSAMPLING * score.sampling_rate
    track = score.at(np.arange(_OVERSAMPLING * score.samples, dtype=np.float64) / rate, score.f0)
    steady = (np.cumsum(track) / rate).astype(np.int64)
    periods = int(1.1 * steady[-1]) + 10  # jitter is clipped at a tenth
    style = score.style
    jitter = np.clip(style.jitter * rng.standard_normal(periods), -0.1, 0.1)
    shimmer = np.clip(1 + style.shimmer * rng.standard_normal(periods), 0.5, 1.5)
    shapes = score.rd * np.exp(0.05 * rng.standard_normal(periods))
    phase = np.cumsum(track * (1 + jitter[steady])) / rate
    derivative, openness = glottis.pulses(phase, shapes)
    derivative *= shimmer[phase.astype(np.int64)]
    return resample_poly(derivative, 1, _OVERSAMPLING), openness[::_OVERSAMPLING]


def _levelled(
    sound: NDArray[np.float64], change: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Bring a signal to its level, below full scale, on the grid of 16-bit samples."""
    wanted = float(np.clip(_LEVEL + change, *LEVELS))
    power = float(np.sqrt(np.mean(sound**2)))
    gain = min(10 ** (wanted / 20) / power, _PEAK / float(np.abs(sound).max()))
    recorded = gain * sound + _FLOOR * rng.standard_normal(len(sound))
    steps = np.clip(np.round(recorded * 32768), -32768, 32767)
    return (steps / 32768).astype(np.float32)

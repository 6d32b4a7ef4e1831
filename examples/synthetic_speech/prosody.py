"""Compute the times of sounds, and the pitch over time."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from synthetic_speech.lexicon import PHONEMES, UNSTRESSED, WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synthetic_speech.emotions import Style
    from synthetic_speech.speakers import Speaker

Interval = tuple[str, float, float]
"""Word or sound, with start and end in seconds."""

MARGIN = 0.08
"""Silence before the first and after the last word, in seconds."""

_SHORTEST_PAUSE = 0.02  # shorter pauses are left out
_FINAL_LENGTHENING = 1.35


@dataclasses.dataclass(frozen=True)
class Timing:
    """Times of words and sounds.

    Args:
        words: without overlap, in order; what is between them is silence.
        phones: likewise; every word's sounds fill it.
        duration: of the whole with its margins, in seconds.
    """

    words: tuple[Interval, ...]
    phones: tuple[Interval, ...]
    duration: float


def timing(
    words: Sequence[str], speaker: Speaker, style: Style, rng: np.random.Generator
) -> Timing:
    """Compute the times of the sounds.

    Args:
        words: of the lexicon.
        speaker: whose rate.
        style: rate and pauses of this utterance.
        rng: the utterance's own.
    """
    rate = speaker.rate * np.exp(style.rate)
    word_times: list[Interval] = []
    phones: list[Interval] = []
    now = MARGIN
    for place, word in enumerate(words):
        if place and (pause := float(rng.exponential(style.pause + 1e-9))) > _SHORTEST_PAUSE:
            now += pause
        began = now
        for sound in WORDS[word]:
            seconds = PHONEMES[sound].duration / rate * float(np.exp(rng.normal(0, 0.08)))
            if word in UNSTRESSED:
                seconds *= 0.85
            if place == len(words) - 1:
                seconds *= _FINAL_LENGTHENING
            phones.append((sound, now, now + seconds))
            now += seconds
        word_times.append((word, began, now))
    return Timing(tuple(word_times), tuple(phones), now + MARGIN)


def pitch(
    times: NDArray[np.float64],
    spoken: Timing,
    speaker: Speaker,
    style: Style,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Compute F0 at all times: a falling line, accents on stressed words, a final movement.

    Superposition in the logarithm of F0 follows Fujisaki and Hirose (1984), "Analysis of voice
    fundamental frequency contours for declarative sentences of Japanese", J. Acoust. Soc. Jpn. E
    5; accents here are raised cosines.

    Args:
        times: where to tell it, in seconds, shape `(points,)`.
        spoken: the words' times.
        speaker: neutral mean and range.
        style: shift, range, last turn and tremor.
        rng: the utterance's own.

    Returns:
        F0 in Hz, shape `(points,)`.
    """
    span = speaker.liveliness * np.exp(style.liveliness)
    began, ended = spoken.words[0][1], spoken.words[-1][2]
    place = np.clip((times - began) / (ended - began), 0, 1)
    semitones = style.pitch + 1.5 * span * (0.5 - place)
    for word, start, end in spoken.words:
        height = 2.6 * span * float(np.exp(rng.normal(0, 0.3)))
        peak = start + float(rng.uniform(0.35, 0.55)) * (end - start)
        if word not in UNSTRESSED:
            half = 0.5 * (end - start) + 0.06
            away = np.clip((times - peak) / half, -1, 1)
            semitones += height * (0.5 + 0.5 * np.cos(np.pi * away))
    semitones -= 0.9 * span  # about what the accents add to the mean
    turn = np.clip((times - ended + 0.3) / 0.3, 0, 1)
    semitones += style.final * turn**2
    semitones += style.tremor * np.sin(2 * np.pi * (6.0 * times + float(rng.uniform())))
    hertz: NDArray[np.float64] = speaker.pitch * 2 ** (semitones / 12)
    return np.clip(hertz, 55.0, 600.0)

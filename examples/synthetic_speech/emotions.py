"""Patterns of prosody and voice for each emotion, and their variation in an utterance.

The directions follow the reviews by Murray and Arnott (1993), "Toward the simulation of
emotion in synthetic speech", JASA 93, and Scherer (2003), "Vocal communication of emotion",
Speech Communication 40; raised formants of smiled speech are Tartter's (1980), Perception and
Psychophysics 27. The sizes are ours, chosen so that the emotions overlap. Arousal and valence
follow the circle of Russell (1980), "A circumplex model of affect", J. Personality and Social
Psychology 39: an utterance that carries its pattern half as strongly has half of both.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from synthetic_speech.speakers import generator

if TYPE_CHECKING:
    import numpy as np

    from synthetic_speech.speakers import Speaker


@dataclasses.dataclass(frozen=True)
class Style:
    """The manner of one utterance; the defaults are neutral.

    Args:
        pitch: shift of the mean F0 in semitones.
        liveliness: natural logarithm of the factor on the pitch range.
        final: pitch movement over the last 0.3 s in semitones.
        rate: natural logarithm of the factor on the speaking rate.
        level: change of the level in dB.
        rd: natural logarithm of the factor on Fant's Rd (below 0: tenser).
        breathiness: change of the aspiration noise in dB.
        jitter: standard deviation of the period, relative.
        shimmer: standard deviation of a pulse's amplitude, relative.
        tremor: depth of a 6 Hz pitch modulation in semitones.
        formants: natural logarithm of the factor on the formants.
        slackness: how far formants are drawn towards a neutral tract, 0 to 1.
        pause: mean pause between two words, in seconds.
        arousal: how excited it is, from about -1, over 0 for neutral, to about 1.
        valence: how pleasant it is, in the same range.
    """

    pitch: float = 0.0
    liveliness: float = 0.0
    final: float = -2.0
    rate: float = 0.0
    level: float = 0.0
    rd: float = 0.0
    breathiness: float = 0.0
    jitter: float = 0.006
    shimmer: float = 0.04
    tremor: float = 0.0
    formants: float = 0.0
    slackness: float = 0.1
    pause: float = 0.015
    arousal: float = 0.0
    valence: float = 0.0


NEUTRAL = Style()
STYLES: dict[str, Style] = {
    "angry": Style(
        pitch=3.5, liveliness=0.40, final=-3.5, rate=0.12, level=5.0, rd=-0.40, breathiness=-2.0,
        jitter=0.012, shimmer=0.07, formants=0.02, slackness=0.0, pause=0.008,
        arousal=0.8, valence=-0.6,
    ),
    "happy": Style(
        pitch=4.0, liveliness=0.55, final=0.5, rate=0.06, level=3.0, rd=-0.12, formants=0.035,
        slackness=0.05, pause=0.010, arousal=0.6, valence=0.8,
    ),
    "neutral": NEUTRAL,
    "sad": Style(
        pitch=-2.0, liveliness=-0.65, final=-1.5, rate=-0.28, level=-4.0, rd=0.45, breathiness=7.0,
        jitter=0.010, shimmer=0.06, slackness=0.25, pause=0.060, arousal=-0.6, valence=-0.6,
    ),
    "fear": Style(
        pitch=4.5, liveliness=-0.15, final=0.5, rate=0.20, level=-1.0, rd=0.25, breathiness=6.0,
        jitter=0.016, shimmer=0.08, tremor=0.45, pause=0.030, arousal=0.6, valence=-0.7,
    ),
    "disgust": Style(
        pitch=-1.0, liveliness=-0.05, final=-4.0, rate=-0.18, level=-0.5, rd=-0.20,
        jitter=0.018, shimmer=0.10, formants=-0.03, slackness=0.05, pause=0.030,
        arousal=-0.1, valence=-0.6,
    ),
    "surprise": Style(
        pitch=5.0, liveliness=0.70, final=6.0, rate=-0.02, level=2.0, rd=0.10, breathiness=3.0,
        slackness=0.05, pause=0.012, arousal=0.8, valence=0.2,
    ),
}  # fmt: skip
"""Patterns by label, in the order of the labels of Serenade."""

# Standard deviations: how a speaker's own pattern, and how one utterance, differs from STYLES.
_SPREAD = Style(
    pitch=1.0, liveliness=0.16, final=1.2, rate=0.06, level=1.2, rd=0.10, breathiness=2.0,
    jitter=0.002, shimmer=0.012, tremor=0.08, formants=0.008, slackness=0.04, pause=0.008,
)  # fmt: skip
_LOWEST = {"jitter": 0.002, "shimmer": 0.01, "tremor": 0.0, "slackness": 0.0, "pause": 0.0}
_OF_SPEAKER = 0.5  # share of the spread that is the speaker's habit


def draw(speaker: Speaker, emotion: str, rng: np.random.Generator) -> Style:
    """Draw the manner of one utterance.

    Args:
        speaker: whose expressiveness and habits shape the pattern.
        emotion: a label of `STYLES`.
        rng: the utterance's own.

    Returns:
        The pattern, as strongly as this utterance carries it, with the variation of this
        speaker and this utterance.
    """
    habits = generator("habits", speaker.seed, speaker.name, emotion)
    strength = speaker.expressiveness * float(rng.uniform(0.6, 1.2))
    values = {}
    for field in dataclasses.fields(Style):
        neutral, pattern, spread = (
            float(getattr(style, field.name)) for style in (NEUTRAL, STYLES[emotion], _SPREAD)
        )
        # Arousal and valence state the strength of the pattern exactly, and draw nothing.
        drawn = (habits.normal(), rng.normal()) if spread else (0.0, 0.0)
        variation = _OF_SPEAKER * float(drawn[0]) + float(drawn[1])
        value = neutral + strength * (pattern - neutral) + spread * variation
        values[field.name] = max(value, _LOWEST.get(field.name, value))
    return Style(**values)

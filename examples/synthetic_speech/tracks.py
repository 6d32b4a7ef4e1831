"""Compute the course of each parameter of the synthesiser, from targets to smooth curves."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from synthetic_speech.lexicon import PHONEMES
from synthetic_speech.vocal_tract import NASAL_POLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synthetic_speech.emotions import Style
    from synthetic_speech.prosody import Timing
    from synthetic_speech.speakers import Speaker

STEP = 0.001
"""Distance of a curve's points in seconds."""

_NEUTRAL_TRACT = np.array([500.0, 1500.0, 2500.0])
_CLOSURE = 0.6  # of a plosive's duration, the burst follows
_BURST = 0.010
_DIPHTHONG_TURN = 0.45


@dataclasses.dataclass(frozen=True)
class Tracks:
    """Curves of shape `(points,)`, `STEP` apart.

    Args:
        formants: F1 to F3 in Hz, shape `(points, 3)`.
        voicing: amplitude of the pulses.
        aspiration: amplitude of glottal noise that is not breathiness.
        noise: amplitude of frication and bursts.
        noise_centre: in Hz.
        noise_bandwidth: in Hz.
        nasal_zero: in Hz.
    """

    formants: NDArray[np.float64]
    voicing: NDArray[np.float64]
    aspiration: NDArray[np.float64]
    noise: NDArray[np.float64]
    noise_centre: NDArray[np.float64]
    noise_bandwidth: NDArray[np.float64]
    nasal_zero: NDArray[np.float64]


def smooth(curve: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Smooth curves with a Hann window; the ends are held.

    Args:
        curve: shape `(points,)` or `(points, columns)`.
        width: of the window, in seconds.

    Returns:
        Same shape.
    """
    from scipy.ndimage import convolve1d

    points = 2 * round(width / STEP / 2) + 1
    window = np.hanning(points + 2)[1:-1]
    smoothed: NDArray[np.float64] = convolve1d(curve, window / window.sum(), axis=0, mode="nearest")
    return smoothed


def tracks(spoken: Timing, speaker: Speaker, style: Style) -> Tracks:
    """Compute all curves of an utterance.

    Targets step from sound to sound and are smoothed, so that neighbours colour each other and
    fast speech falls short of its targets, as in Lindblom (1963), "Spectrographic study of vowel
    reduction", JASA 35.

    Args:
        spoken: the sounds' times.
        speaker: scales the formants.
        style: scales them too, and draws them towards a neutral tract.
    """
    points = round(spoken.duration / STEP) + 1
    formants = np.empty((points, 3))
    voicing, aspiration, noise = np.zeros(points), np.zeros(points), np.zeros(points)
    centre, bandwidth = np.full(points, 2000.0), np.full(points, 2000.0)
    nasal = np.full(points, NASAL_POLE)
    sounds = spoken.phones
    last = 0
    for place, (name, start, end) in enumerate(sounds):
        sound = PHONEMES[name]
        follower = sounds[place + 1] if place + 1 < len(sounds) else (name, spoken.duration, 0.0)
        # The tract holds still over half a pause and then makes ready for the next sound.
        until = _point((end + follower[1]) / 2) if place + 1 < len(sounds) else points
        here = slice(_point(start), _point(end))
        tract = PHONEMES[follower[0]] if sound.kind == "aspirate" else sound
        formants[last:until] = tract.formants
        if sound.glide:
            formants[_point(start + _DIPHTHONG_TURN * (end - start)) : until] = sound.glide
        if sound.noise:
            centre[last:until], bandwidth[last:until] = sound.noise
        nasal[last:until] = sound.nasal or NASAL_POLE
        last = until
        if sound.kind == "plosive":
            release = start + _CLOSURE * (end - start)
            voicing[_point(start) : _point(release)] = sound.voicing
            voicing[_point(release + _BURST) : _point(end)] = min(1.0, 8 * sound.voicing)
            noise[_point(release) : _point(release + _BURST)] = sound.noise_level
            aspiration[_point(release + _BURST / 2) : _point(end)] = sound.aspiration
        else:
            voicing[here], noise[here] = sound.voicing, sound.noise_level
            aspiration[here] = sound.aspiration
    scale = np.array(speaker.formant_offsets) * np.exp(style.formants) / speaker.tract_length
    drawn = formants ** (1 - style.slackness) * _NEUTRAL_TRACT**style.slackness
    return Tracks(
        formants=np.exp(smooth(np.log(drawn * scale), 0.06)),
        voicing=smooth(voicing, 0.02),
        aspiration=smooth(aspiration, 0.012),
        noise=smooth(noise, 0.006),
        noise_centre=centre / speaker.tract_length,
        noise_bandwidth=bandwidth,
        nasal_zero=smooth(nasal, 0.03),
    )


def _point(seconds: float) -> int:
    return round(seconds / STEP)

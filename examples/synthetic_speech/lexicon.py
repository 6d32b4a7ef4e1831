"""Words with pronunciations, sentences with neutral content, and the targets of phonemes.

Each phoneme has formants, sources and a duration. Plain vowels are the means of 33 men in Peterson
and Barney (1952), "Control methods used in a study of the vowels", JASA 24, table II; formants of
consonants follow Klatt (1980), "Software for a cascade/parallel formant synthesizer", JASA 67.
Diphthongs, durations, noise bands and levels are ours, chosen from spectrograms of the output of
this synthesiser.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from serenade.errors import CorpusError

Kind = Literal["vowel", "glide", "nasal", "fricative", "plosive", "aspirate"]
Formants = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Phoneme:
    """Targets of one phoneme for a tract of 17.5 cm.

    Args:
        kind: its manner.
        formants: F1 to F3 in Hz.
        duration: at a neutral rate, in seconds.
        voicing: amplitude of the glottal pulses, 1 in a vowel.
        glide: where the formants are at the end of a diphthong; None where they stay.
        noise: centre frequency and bandwidth of frication or of the burst, in Hz.
        noise_level: amplitude of that noise.
        aspiration: amplitude of noise made at the glottis.
        nasal: frequency of the nasal zero in Hz; None where the velum is closed.
    """

    kind: Kind
    formants: Formants
    duration: float
    voicing: float = 1.0
    glide: Formants | None = None
    noise: tuple[float, float] | None = None
    noise_level: float = 0.0
    aspiration: float = 0.0
    nasal: float | None = None


def _vowel(*formants: float, duration: float = 0.10) -> Phoneme:
    f1, f2, f3 = formants
    return Phoneme("vowel", (f1, f2, f3), duration)


def _diphthong(start: Formants, end: Formants) -> Phoneme:
    return Phoneme("vowel", start, 0.15, glide=end)


def _plosive(formants: Formants, noise: tuple[float, float], *, voiced: bool) -> Phoneme:
    return Phoneme(
        "plosive",
        formants,
        duration=0.065 if voiced else 0.09,
        voicing=0.12 if voiced else 0.0,
        noise=noise,
        noise_level=0.25 if voiced else 0.4,
        aspiration=0.0 if voiced else 0.25,
    )


def _fricative(
    formants: Formants, noise: tuple[float, float], level: float, duration: float, voicing: float
) -> Phoneme:
    return Phoneme("fricative", formants, duration, voicing, noise=noise, noise_level=level)


PHONEMES: dict[str, Phoneme] = {
    "IY": _vowel(270, 2290, 3010, duration=0.11),
    "IH": _vowel(390, 1990, 2550, duration=0.08),
    "EH": _vowel(530, 1840, 2480),
    "AE": _vowel(660, 1720, 2410, duration=0.13),
    "AA": _vowel(730, 1090, 2440, duration=0.13),
    "AO": _vowel(570, 840, 2410, duration=0.13),
    "UW": _vowel(300, 870, 2240, duration=0.12),
    "AH": _vowel(640, 1190, 2390, duration=0.08),
    "ER": _vowel(490, 1350, 1690, duration=0.11),
    "AX": _vowel(500, 1400, 2400, duration=0.055),
    "EY": _diphthong((480, 1900, 2500), (330, 2150, 2700)),
    "AY": _diphthong((710, 1200, 2450), (400, 1950, 2600)),
    "OW": _diphthong((530, 1000, 2400), (380, 850, 2300)),
    "AW": _diphthong((710, 1250, 2450), (430, 950, 2350)),
    "W": Phoneme("glide", (290, 610, 2150), 0.06, 0.7),
    "Y": Phoneme("glide", (260, 2070, 3020), 0.06, 0.7),
    "R": Phoneme("glide", (310, 1060, 1380), 0.06, 0.7),
    "L": Phoneme("glide", (310, 1050, 2880), 0.06, 0.7),
    "M": Phoneme("nasal", (480, 1270, 2130), 0.065, 0.6, nasal=450),
    "N": Phoneme("nasal", (480, 1340, 2470), 0.06, 0.6, nasal=450),
    "F": _fricative((340, 1100, 2080), (5500, 4500), 0.10, 0.10, 0.0),
    "V": _fricative((220, 1100, 2080), (5000, 4500), 0.04, 0.055, 0.45),
    "DH": _fricative((270, 1290, 2540), (5500, 4500), 0.03, 0.045, 0.5),
    "S": _fricative((320, 1390, 2530), (5600, 1800), 0.22, 0.11, 0.0),
    "Z": _fricative((240, 1390, 2530), (5600, 1800), 0.12, 0.075, 0.4),
    "P": _plosive((400, 1100, 2150), (1200, 1800), voiced=False),
    "B": _plosive((200, 1100, 2150), (1000, 1500), voiced=True),
    "T": _plosive((400, 1600, 2600), (4200, 2200), voiced=False),
    "D": _plosive((200, 1600, 2600), (4000, 2200), voiced=True),
    "K": _plosive((300, 1990, 2850), (2000, 900), voiced=False),
    "G": _plosive((200, 1990, 2850), (2000, 900), voiced=True),
    # The tract of [h] is already that of the next sound: `tracks` takes its formants.
    "HH": Phoneme("aspirate", (500, 1500, 2500), 0.06, 0.0, aspiration=0.3),
}


WORDS: dict[str, tuple[str, ...]] = {
    word: tuple(sounds.split())
    for word, sounds in {
        "again": "AX G EH N",
        "all": "AO L",
        "are": "AA R",
        "away": "AX W EY",
        "blue": "B L UW",
        "boat": "B OW T",
        "boats": "B OW T S",
        "call": "K AO L",
        "car": "K AA R",
        "go": "G OW",
        "home": "HH OW M",
        "in": "IH N",
        "is": "IH Z",
        "it": "IH T",
        "leave": "L IY V",
        "letter": "L EH T ER",
        "mother": "M AH DH ER",
        "my": "M AY",
        "never": "N EH V ER",
        "now": "N AW",
        "on": "AA N",
        "open": "OW P AX N",
        "red": "R EH D",
        "said": "S EH D",
        "see": "S IY",
        "seven": "S EH V AX N",
        "soon": "S UW N",
        "table": "T EY B AX L",
        "tell": "T EH L",
        "the": "DH AX",
        "they": "DH EY",
        "today": "T AX D EY",
        "water": "W AO T ER",
        "we": "W IY",
        "will": "W IH L",
        "window": "W IH N D OW",
        "you": "Y UW",
        "your": "Y AO R",
    }.items()
}
"""Pronunciations, in the symbols of `phonemes.PHONEMES`."""

SENTENCES = (
    "the letter is on the table",
    "we will go home now",
    "my mother will call you again",
    "seven boats leave today",
    "they never open the blue window",
    "tell your mother we are away",
    "the red car is in the water",
    "you will see it all soon",
    "they said we leave now",
    "your boat is on the water",
    "we never said it again",
    "see the letter in the car",
)
"""Every sentence is said in every emotion, so the words do not depend on it."""

UNSTRESSED = frozenset({"the", "is", "in", "it", "on", "are", "will", "my", "your", "we", "you"})
"""Words without a pitch accent."""


def words_of(text: str) -> tuple[str, ...]:
    """Split a text into words, in lower case and without punctuation.

    Args:
        text: words of `WORDS`.

    Raises:
        CorpusError: no word, or one that has no pronunciation.

    >>> words_of("See the boat!")
    ('see', 'the', 'boat')
    """
    words = tuple(re.sub(r"[^\w\s]", " ", text).lower().split())
    strange = [word for word in words if word not in WORDS]
    if strange or not words:
        what = ", ".join(map(repr, strange)) or "nothing"
        raise CorpusError(
            f"{text!r}: the synthesiser cannot say {what}; it knows {', '.join(WORDS)}"
        )
    return words

"""Words with pronunciations, and sentences with neutral content."""

from __future__ import annotations

import re

from serenade.errors import CorpusError

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

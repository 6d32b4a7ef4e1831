"""Split texts into words, and align a known text with a signal.

The alignment is by PocketSphinx and its en-us model: the text must be English and match the speech.
Pauses and noise between words are allowed.
"""

from __future__ import annotations

import functools
import re
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.errors import AudioError, MissingExtraError
from serenade.transcription._asr import RATE, Transcript, Word, require_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EVENT = re.compile(r"\[[^\]]*\]")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc`"), "'")
_CONTRACTION = re.compile(r"(.+?)(n't|'(?:s|m|d|re|ve|ll))")


def tokenise(text: object, *, split: bool = False) -> list[str]:
    """Split a text into words, in lower case and without punctuation.

    Args:
        text: in any language that puts blanks between words; None and NaN have none. Events
            that a transcriber noted in brackets ("[LAUGHTER]") are no words.
        split: take contractions apart as the Penn Treebank does, and hyphenated words at the
            hyphen. GloVe's and word2vec's vocabularies were made so: they know "do" and "n't",
            not "don't".

    >>> tokenise("Don't! Mary-Jane, you\u2019re [LAUGHTER] 27.")
    ["don't", 'mary-jane', "you're", '27']
    >>> tokenise("Don't! Mary-Jane, you're 27.", split=True)
    ['do', "n't", 'mary', 'jane', 'you', "'re", '27']
    """
    if not isinstance(text, str):
        return []
    plain = _EVENT.sub(" ", text.translate(_QUOTES)).lower()
    found: list[str] = _WORD.findall(plain.replace("-", " ") if split else plain)
    return [piece for word in found for piece in _split_word(word)] if split else found


def _split_word(word: str) -> tuple[str, ...]:
    contraction = _CONTRACTION.fullmatch(word)
    return contraction.groups() if contraction else (word,)


def count_word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Count the fewest words to insert, delete or replace between two texts (Levenshtein 1966).

    The word error rate is this over the number of words of the reference.

    >>> count_word_errors("kids are talking".split(), "the kids are walking".split())
    2
    """
    costs = list(range(len(hypothesis) + 1))
    for row, word in enumerate(reference, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(hypothesis, 1):
            diagonal, costs[column] = (
                costs[column],
                min(costs[column] + 1, costs[column - 1] + 1, diagonal + (word != other)),
            )
    return costs[-1]


# Letters to sounds of the CMU dictionary, the longest match first. English spelling is not regular:
# this only has to take about as long and sound about as the word does, for its place to be found.
_LETTERS = (
    "tion=SH AH N, sion=ZH AH N, ture=CH ER, igh=AY, tch=CH, dge=JH, sch=SH, eau=OW, ch=CH, "
    "sh=SH, th=TH, ph=F, wh=W, ck=K, ng=NG, qu=K W, kn=N, wr=R, ee=IY, ea=IY, oo=UW, ou=AW, "
    "ow=OW, oi=OY, oy=OY, ai=EY, ay=EY, au=AO, aw=AO, ie=IY, ei=EY, ey=IY, oa=OW, er=ER, ir=ER, "
    "ur=ER, ar=AA R, or=AO R, a=AE, b=B, c=K, d=D, e=EH, f=F, g=G, h=HH, i=IH, j=JH, k=K, l=L, "
    "m=M, n=N, o=AA, p=P, q=K, r=R, s=S, t=T, u=AH, v=V, w=W, x=K S, y=IY, z=Z, "
)
_DIGITS = (
    "0=Z IH R OW, 1=W AH N, 2=T UW, 3=TH R IY, 4=F AO R, 5=F AY V, 6=S IH K S, 7=S EH V AH N, "
    "8=EY T, 9=N AY N, "
)
_SOUNDS = dict(pair.split("=") for pair in (_LETTERS + _DIGITS).strip(", ").split(", "))
_PIECE = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_SILENT_END = re.compile(r"(?<=[aeiouy][bcdfgklmnprstvz])e$")
_DOUBLED = re.compile(r"([bcdfgjklmnpqrstvwxz])\1+")
_LONG_DRAWN = re.compile(r"(\w)\1{2,}")


def guess_sounds(word: str) -> str:
    """Guess the sounds of a word in the CMU dictionary's notation; empty without Latin letters.

    Digits are spoken one by one, a silent e at the end and doubled consonants once.

    >>> guess_sounds("zorgblat"), guess_sounds("ohhhh"), guess_sounds("27")
    ('Z AO R G B L AE T', 'AA HH', 'T UW S EH V AH N')
    >>> guess_sounds("да")
    ''
    """
    letters = _LONG_DRAWN.sub(r"\1", word.lower())
    letters = _SILENT_END.sub("", _DOUBLED.sub(r"\1", letters))
    return " ".join(_SOUNDS[piece] for piece in _PIECE.findall(letters))


_FRAME = 0.01  # seconds
_DECODING = threading.Lock()


def align(
    signal: NDArray[np.float32], sampling_rate: int, text: object, *, source: str = "signal"
) -> Transcript:
    """Find the words of a text in a signal.

    A word that the CMU dictionary does not have gets the sounds its letters suggest, so that its
    time is not given to its neighbours; a remark names it. A word without Latin letters or digits
    is left out; a remark names it as well.

    Args:
        signal: mono, shape `(samples,)`.
        sampling_rate: 16000 Hz.
        text: the spoken text; see `serenade.transcription._alignment.tokenise`.
        source: name of the signal in error messages.

    Returns:
        The text with its words, without probabilities; times in steps of 10 ms. There are no
        words if the text has none or is missing.

    Raises:
        SignalFormatError: another sampling rate.
        AudioError: the words cannot be found in the signal.
        MissingExtraError: pocketsphinx is not installed.

    """
    require_rate(sampling_rate, "the aligner")
    written = text if isinstance(text, str) else ""
    words = tokenise(text)
    with _DECODING:  # one decoder, which holds one text at a time
        spoken, remarks = _list_pronounceable(words)
        if not spoken:
            return Transcript(written, (), tuple(remarks))
        found = _decode_words(signal, spoken)
    if [word for word, _, _ in found] != spoken:
        raise AudioError(
            source, "its text could not be found in it", "check that it says what the text says"
        )
    times = tuple(Word(word, first * _FRAME, (last + 1) * _FRAME) for word, first, last in found)
    return Transcript(written, times, tuple(remarks))


def _list_pronounceable(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words that have sounds, with guesses added to the dictionary, and remarks."""
    decoder = _load_decoder()
    spoken, guessed, silent = [], [], []
    for word in words:
        if decoder.lookup_word(word) is None:
            if not (sounds := guess_sounds(word)):
                silent.append(word)
                continue
            decoder.add_word(word, sounds, True)
            _GUESSED.add(word)
        if word in _GUESSED:
            guessed.append(word)
        spoken.append(word)
    remarks = []
    if guessed:
        remarks.append(f"not in the dictionary, sounds guessed: {', '.join(guessed)}")
    if silent:
        remarks.append(f"no sounds known, left out: {', '.join(silent)}")
    return spoken, remarks


_GUESSED: set[str] = set()


def _decode_words(signal: NDArray[np.float32], words: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return the words with their first and last frame, without silence."""
    decoder = _load_decoder()
    decoder.set_align_text(" ".join(words))
    samples = np.clip(np.rint(signal * 32767.0), -32768, 32767).astype("<i2")
    decoder.start_utt()
    try:
        decoder.process_raw(samples.tobytes(), full_utt=True)
    finally:
        decoder.end_utt()
    return [
        (segment.word.partition("(")[0], segment.start_frame, segment.end_frame)
        for segment in decoder.seg() or ()
        if not segment.word.startswith(("<", "["))
    ]


@functools.cache
def _load_decoder() -> Any:
    try:
        from pocketsphinx import Decoder
    except ImportError:
        raise MissingExtraError("aligning words", "asr") from None
    return Decoder(samprate=RATE, lm=None, loglevel="FATAL")

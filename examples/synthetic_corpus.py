"""Synthetic emotional speech, made on the spot: for tests, demonstrations and first steps.

Pitch, formants and word times are known exactly, nothing needs downloading, and the same call
gives the same samples. Its emotions are patterns of prosody and voice quality that we chose, so
a figure on it says that a program works and nothing about people.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from serenade.corpora import CorpusInfo, Counts, add_warning, check_corpus, require_labels

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from synthetic_speech.render import Utterance
    from synthetic_speech.speakers import Speaker

    from serenade.corpora import Corpus

LABELS = ("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise")
"""The emotions that can be synthesised."""

WARNING = "synthetic speech: never for a reported number"


def _counts(speakers: int, each: int) -> Counts:
    """What a corpus of so many speakers with so many recordings per emotion holds."""
    per_label = dict.fromkeys(LABELS, speakers * each)
    return Counts(files=sum(per_label.values()), speakers=speakers, per_label=per_label)


INFO = CorpusInfo(
    name="synthetic",
    title=f"Synthetic emotional speech ({WARNING})",
    licence="CC0-1.0",
    citation="none: made by examples/synthetic_corpus.py of Serenade",
    url="https://creativecommons.org/publicdomain/zero/1.0/",
    languages=("en",),
    labels=LABELS,
    expected=_counts(6, 4),
    layout="an empty folder, or one that it was made in before",
    obtain="it is made where it is opened",
    warning=WARNING,
)


def load(
    root: str | os.PathLike[str] | None = None,
    *,
    speakers: int = 6,
    sentences: int = 4,
    repetitions: int = 1,
    seed: int = 0,
    sampling_rate: int = 16000,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Make the corpus, or open it where it was made before.

    Every speaker says every sentence in every emotion. Files are 16-bit WAV, with
    `manifest.csv` beside them, which `corpora.open` reads too.

    Args:
        root: the folder to make it in; None for one below the user's cache folder.
        speakers: how many; women and men by turns. A session is a woman and a man.
        sentences: how many of the sentences the synthesiser knows, at most 12.
        repetitions: how often each is said, each time with other prosody.
        seed: another seed gives other speakers.
        sampling_rate: in Hz.
        labels: the emotions to keep.
        drop_duplicates: as every loader has it; no two recordings are the same.

    Returns:
        The corpus, its first problem the warning; columns `speaker`, `emotion`, `session`,
        `gender`, `text`, `language`, `split` (the last session is `test`, the others `train`),
        `repetition` and `words` (JSON; `serenade.corpora.parse_words` reads it).

    Raises:
        CorpusError: a number out of range, a folder with something else in it, or a corpus of
            other settings.
    """
    from synthetic_speech.store import Settings, folder_of, made

    if labels is not None:
        require_labels(INFO.name, labels, LABELS)
    settings = Settings(speakers, sentences, repetitions, seed, sampling_rate)
    folder = folder_of(root, settings)
    rows = made(folder, settings, LABELS)
    # `check_corpus` would file the warning under a more general kind.
    info = dataclasses.replace(
        INFO, expected=_counts(speakers, sentences * repetitions), warning=""
    )
    corpus = check_corpus(info, folder, rows, labels=labels, drop_duplicates=drop_duplicates)
    return add_warning(corpus, "synthetic", WARNING)


def speaker(number: int, seed: int = 0) -> Speaker:
    """One of endlessly many invented speakers, the same whenever asked for.

    Args:
        number: counts from 1; odd numbers are women, even ones men.
        seed: another seed is another population.

    Returns:
        Tract length, pitch, voice and manner; `dataclasses.replace` changes one of them.

    >>> speaker(2).gender
    'male'
    """
    from synthetic_speech.speakers import speaker

    return speaker(number, seed)


def synthesise(
    text: str, speaker: Speaker, emotion: str, *, sampling_rate: int = 16000, seed: int = 0
) -> Utterance:
    """Say a text with an emotion.

    Glottal pulses of the Liljencrants-Fant model with jitter, shimmer and breath go through
    formant resonators in cascade, noise bands make fricatives and bursts. Pitch, rate, pauses,
    level and voice quality follow the emotion's pattern as strongly as chance and the speaker's
    expressiveness have it.

    Args:
        text: words of the lexicon; capitals and punctuation do not matter.
        speaker: who says it.
        emotion: one of `LABELS`.
        sampling_rate: in Hz, 8000 to 48000.
        seed: another seed is another take.

    Returns:
        The signal, float32 of shape `(samples,)`, with the times of words and sounds, F0 and
        formants that it was made from. Equal arguments give equal samples.

    Raises:
        CorpusError: a word without pronunciation, an unknown emotion, or a rate out of range.

    >>> utterance = synthesise("We go home.", speaker(1), "sad")
    >>> [word for word, start, end in utterance.words]
    ['we', 'go', 'home']
    """
    from synthetic_speech.render import render

    require_labels(INFO.name, [emotion], LABELS)
    return render(text, speaker, emotion, sampling_rate, seed)

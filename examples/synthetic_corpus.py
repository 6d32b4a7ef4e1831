"""Synthesise emotional speech as a corpus for tests, demonstrations and first steps.

serenade corpora examples/synthetic_corpus.py --root CORPORA/synthetic
serenade evaluate whisper-probe examples/synthetic_corpus.py --root CORPORA/synthetic

Pitch, formants and word times are known exactly, nothing is downloaded, and the same call gives
the same samples. Its emotions are patterns of prosody and voice quality that we chose: a result on
it shows that a program works, and nothing about people.
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
    """Return the counts of a corpus with this many recordings per speaker and emotion."""
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
    """Create the corpus, or open it if it was created before.

    Every speaker says every sentence in every emotion. Files are 16-bit WAV; `corpora.open`
    can also read their `manifest.csv`.

    Args:
        root: the folder to create it in; None for a folder in the user's cache folder.
        speakers: number of speakers, women and men in turn. A session is a woman and a man.
        sentences: number of sentences, at most 12.
        repetitions: of each sentence, each with other prosody.
        seed: another seed gives other speakers.
        sampling_rate: in Hz.
        labels: the emotions to keep.
        drop_duplicates: option of every loader; no two recordings are equal.

    Returns:
        The corpus; its first problem is the warning. Columns are `speaker`, `emotion`, `session`,
        `gender`, `text`, `language`, `split` (the last session is `test`, the others `train`),
        `repetition`, `arousal` and `valence` (how strongly the utterance carries its emotion, from
        about -1 to 1) and `words` (JSON; `serenade.corpora.parse_words` reads it).

    Raises:
        CorpusError: a number is out of range, or the folder holds other files or a corpus with
            other settings.
    """
    from synthetic_speech.store import Settings, create_rows, get_folder

    if labels is not None:
        require_labels(INFO.name, labels, LABELS)
    settings = Settings(speakers, sentences, repetitions, seed, sampling_rate)
    folder = get_folder(root, settings)
    rows = create_rows(folder, settings, LABELS)
    # `check_corpus` would file the warning under a more general kind.
    info = dataclasses.replace(
        INFO, expected=_counts(speakers, sentences * repetitions), warning=""
    )
    corpus = check_corpus(info, folder, rows, labels=labels, drop_duplicates=drop_duplicates)
    return add_warning(corpus, "synthetic", WARNING)


def speaker(number: int, seed: int = 0) -> Speaker:
    """Return an invented speaker; the same number and seed give the same speaker.

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
    """Synthesise a text with an emotion.

    Glottal pulses of the Liljencrants-Fant model with jitter, shimmer and breath go through
    formant resonators in cascade, noise bands make fricatives and bursts. Pitch, rate, pauses,
    level and voice quality follow the pattern of the emotion, with random strength that depends on
    the expressiveness of the speaker.

    Args:
        text: words of the lexicon; capitals and punctuation do not matter.
        speaker: the speaker.
        emotion: one of `LABELS`.
        sampling_rate: in Hz, 8000 to 48000.
        seed: another seed gives another take.

    Returns:
        The signal, float32 of shape `(samples,)`, with the times of words and sounds, F0 and
        formants that were used. Equal arguments give equal samples.

    Raises:
        CorpusError: a word, the emotion or the sampling rate is not supported.

    >>> utterance = synthesise("We go home.", speaker(1), "sad")
    >>> [word for word, start, end in utterance.words]
    ['we', 'go', 'home']
    """
    from synthetic_speech.render import render

    require_labels(INFO.name, [emotion], LABELS)
    return render(text, speaker, emotion, sampling_rate, seed)

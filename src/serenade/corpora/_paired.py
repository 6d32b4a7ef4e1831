"""Pair recordings of a corpus with texts of MELD that have the same emotion.

If no corpus with emotional speech and emotional text is available, speech of one corpus is paired
with utterances of MELD of the same label. Voice and text are then independent given the emotion,
unlike in a real utterance: results show that fusion works, and nothing else.

Each dialogue is assigned to one speaker. A protocol that separates speakers therefore separates
dialogues as well, and no two speakers share a text. The dialogues of a speaker are from one of the
three tables of MELD, which the column `split` names: the protocol `fixed` is the division of MELD.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from serenade.corpora import _meld as meld
from serenade.corpora import nemo, ravdess
from serenade.corpora._checks import add_warning
from serenade.corpora._corpus import Counts, Loader, Problem
from serenade.corpora._labels import require_labels
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from numpy.random import Generator

    from serenade.corpora._corpus import Corpus, CorpusInfo
    from serenade.corpora._meld import Line

WARNING = (
    "paired corpus: speech and text are of different people and share only the label; it shows "
    "whether fusion works, never what a corpus of whole utterances would give"
)
FOUR = ("angry", "happy", "neutral", "sad")
"""The emotions that are paired by default, those of most bimodal papers."""

_COLUMNS = ("text", "dialogue", "split", "text_speaker", "warning")


def describe_pairing(
    speech: CorpusInfo, labels: Sequence[str] = FOUR, texts: int = 1
) -> CorpusInfo:
    """Return the facts about the speech of a corpus paired with texts of MELD.

    Args:
        speech: facts about the corpus of the recordings.
        labels: the emotions that are paired.
        texts: number of texts for each recording.
    """
    expected = None
    if speech.expected is not None:
        per_label = {label: texts * speech.expected.per_label[label] for label in labels}
        expected = Counts(sum(per_label.values()), speech.expected.speakers, per_label)
    return dataclasses.replace(
        speech,
        name=f"paired-{speech.name}" + (f"-x{texts}" if texts > 1 else ""),
        title=f"{speech.title} paired with MELD texts of the same label"
        + (f", {texts} each" if texts > 1 else ""),
        licence=f"{speech.licence} (speech); {meld.INFO.licence} (text)",
        citation=f"{speech.citation} {meld.INFO.citation}",
        labels=tuple(labels),
        expected=expected,
        layout=f"a folder that holds both {speech.layout}, and {meld.INFO.layout}",
        obtain=f"{speech.obtain}; {meld.INFO.obtain}",
        archive=None,
        folders=(),
        warning=WARNING,
    )


def pair(
    corpus: Corpus,
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] = FOUR,
    texts: int = 1,
    seed: int = 0,
) -> Corpus:
    """Pair each recording of a corpus with an utterance of MELD of the same emotion.

    Args:
        corpus: the speech, three speakers or more.
        root: the folder of MELD's tables, or one that contains it.
        labels: the emotions to pair.
        texts: number of texts for each recording, one row for each: MELD has more texts than
            most corpora have recordings, and networks need many texts. A manifest can store one.
        seed: of the random assignment of dialogues; the same seed gives the same pairs.

    Returns:
        The corpus of these emotions; its first problem is the warning. New columns are `text`,
        `dialogue` ("train-12"), `split` (train, dev, test: the table of the text),
        `text_speaker` (the character), `spoken_text` (the original text, if known) and
        `warning`.

    Raises:
        CorpusError: the tables are missing, a label is unknown, there are fewer than three
            speakers, a recording has no speaker, or no text is left for a speaker and emotion.
    """
    import numpy as np
    import pandas as pd

    require_labels(meld.INFO.name, labels, meld.INFO.labels)
    corpus = corpus.select(labels=labels)
    if corpus.table["speaker"].isna().any() or len(corpus.speakers) < len(meld.PARTS):
        raise CorpusError(
            f"{corpus.info.name}: pairing needs a speaker for every recording, and at least "
            f"{len(meld.PARTS)} of them; found {len(corpus.speakers)}"
        )
    corpus = dataclasses.replace(corpus, table=pd.concat([corpus.table] * texts))
    spoken, problems = meld.read_lines(root)
    rng = np.random.default_rng(seed)
    dialogues, repeated = _drop_repeated(spoken, rng)
    given = list(_assign_lines(corpus, _deal_lines(corpus, dialogues, rng)))
    said = corpus.table.get("text")
    table = corpus.table.assign(
        text=[line.text for line in given],
        dialogue=[line.dialogue for line in given],
        split=[line.part for line in given],
        text_speaker=[line.speaker for line in given],
        spoken_text=None if said is None else said.to_numpy(),
        warning=WARNING,
    ).astype(dict.fromkeys(_COLUMNS, object))
    if repeated:
        message = f"{repeated} utterances repeat the text of another one; left out"
        problems.append(Problem("text", message))
    if again := len(given) - len(set(given)):
        message = f"{again} recordings share their text with another recording of the same speaker"
        problems.append(Problem("text", message))
    corpus = dataclasses.replace(
        corpus,
        info=describe_pairing(corpus.info, labels, texts),
        table=table,
        problems=(*corpus.problems, *problems),
    )
    return add_warning(corpus, "paired", WARNING)


def load(
    speech: ModuleType,
    root: str | os.PathLike[str] | None,
    *,
    meld_root: str | os.PathLike[str] | None = None,
    labels: Sequence[str] | None = None,
    texts: int = 1,
    seed: int = 0,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open a corpus and pair its recordings with texts of MELD.

    Args:
        speech: the module of the corpus.
        root: a folder that holds the speech and MELD's tables, each in a folder of its own.
        meld_root: where MELD's tables are, if elsewhere.
        labels: the emotions to pair; by default angry, happy, neutral and sad.
        texts: number of texts for each recording.
        seed: of the random assignment of dialogues.
        drop_duplicates: keep the first of byte-identical recordings.

    Returns:
        See `pair`.

    Raises:
        CorpusError: the speech or the tables are missing, or as in `pair`.
    """
    kept = FOUR if labels is None else tuple(labels)
    corpus = speech.load(root, labels=kept, drop_duplicates=drop_duplicates)
    tables = root if meld_root is None else meld_root
    return pair(corpus, tables, labels=kept, texts=texts, seed=seed)


def _drop_repeated(spoken: Sequence[Line], rng: Generator) -> tuple[dict[str, list[Line]], int]:
    """Return the lines by dialogue in random order, each text once, and the number left out."""
    of: defaultdict[str, list[Line]] = defaultdict(list)
    for line in spoken:
        of[line.dialogue].append(line)
    seen: set[str] = set()
    dialogues: dict[str, list[Line]] = {}
    for name in rng.permutation(sorted(of)).tolist():
        dialogues[name] = []
        for line in of[name]:
            key = " ".join(re.findall(r"\w+", line.text.lower()))
            if key not in seen:
                seen.add(key)
                dialogues[name].append(line)
    return dialogues, len(spoken) - sum(map(len, dialogues.values()))


def _deal_lines(
    corpus: Corpus, dialogues: dict[str, list[Line]], rng: Generator
) -> dict[str, list[Line]]:
    """Return the lines of each speaker: assign speakers to tables, then dialogues to speakers."""
    speakers = iter(_order_speakers(corpus, rng))
    parts = {part: [n for n in dialogues if n.startswith(f"{part}-")] for part in meld.PARTS}
    lines: dict[str, list[Line]] = {}
    for names, count in zip(
        parts.values(),
        _share_speakers([len(n) for n in parts.values()], len(corpus.speakers)),
        strict=True,
    ):
        for start, speaker in zip(range(count), speakers, strict=False):
            own = [line for name in names[start::count] for line in dialogues[name]]
            lines[speaker] = [own[i] for i in rng.permutation(len(own))]
    return lines


def _assign_lines(corpus: Corpus, lines: dict[str, list[Line]]) -> Iterator[Line]:
    """Yield a line for each recording: the next of its speaker and emotion, in a cycle."""
    supply = {
        (speaker, emotion): itertools.cycle([line for line in own if line.emotion == emotion])
        for speaker, own in lines.items()
        for emotion in corpus.labels
    }
    for speaker, emotion in zip(corpus.table["speaker"], corpus.table["emotion"], strict=True):
        line = next(supply[speaker, emotion], None)
        if line is None:
            raise CorpusError(
                f"{corpus.info.name}: no {emotion} text is left for speaker {speaker}; give "
                "MELD's whole tables, or leave this emotion out"
            )
        yield line


def _order_speakers(corpus: Corpus, rng: Generator) -> list[str]:
    """Return the speakers in random order, with alternating genders if they are known."""
    table = corpus.table
    of = dict(zip(table["speaker"], table["gender"], strict=True)) if "gender" in table else {}
    genders: defaultdict[str, list[str]] = defaultdict(list)
    for name in rng.permutation(corpus.speakers).tolist():
        genders[str(of.get(name))].append(name)
    place = {name: (i + 0.5) / len(g) for g in genders.values() for i, name in enumerate(g)}
    return sorted(place, key=place.__getitem__)


def _share_speakers(sizes: Sequence[int], speakers: int) -> list[int]:
    """Return the number of speakers of each table: by its dialogues, at least one.

    >>> _share_speakers([1038, 114, 280], 24)
    [17, 2, 5]
    """
    counts = [1] * len(sizes)
    for _ in range(speakers - len(sizes)):
        # The next speaker goes to the table with the most dialogues per speaker.
        counts[max(range(len(sizes)), key=lambda i: sizes[i] / (2 * counts[i] + 1))] += 1
    return counts


PAIRED_NEMO = Loader(describe_pairing(nemo.INFO), functools.partial(load, nemo))
"""Speech of nEMO, in Polish, with English texts of MELD."""

PAIRED_RAVDESS = Loader(describe_pairing(ravdess.INFO), functools.partial(load, ravdess))
"""Speech of RAVDESS with texts of MELD."""

PAIRED_RAVDESS_X4 = Loader(
    describe_pairing(ravdess.INFO, texts=4), functools.partial(load, ravdess, texts=4)
)
"""Speech of RAVDESS, each recording with four texts of MELD."""

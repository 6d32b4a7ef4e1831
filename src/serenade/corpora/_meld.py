"""MELD's utterances as text (Poria et al. 2019): what is said in Friends, with emotions.

Three tables, `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv`, share no dialogue.
Only their text is read: it is what `serenade.corpora._paired` gives speech to say.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import re
from typing import TYPE_CHECKING

from serenade.corpora._corpus import CorpusInfo, Problem
from serenade.corpora._discovery import locate_corpus
from serenade.corpora._word_times import read_text
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os
    from pathlib import Path

PARTS = ("train", "dev", "test")
_EMOTIONS = {
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprise": "surprise",
}
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
_STRAIGHT = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019", "'"),
        **dict.fromkeys("\u201c\u201d", '"'),
        "\u2026": "...",
        "\xa0": " ",
    }
)
_CONTROLS = re.compile("[\x80-\x9f]")

INFO = CorpusInfo(
    name="meld-text",
    title="MELD, text only",
    licence="GPL-3.0 (repository data)",
    citation=(
        "Poria, S., Hazarika, D., Majumder, N., Naik, G., Cambria, E. and Mihalcea, R. (2019). "
        "MELD: A multimodal multi-party dataset for emotion recognition in conversations. ACL."
    ),
    url="https://github.com/declare-lab/MELD",
    languages=("en",),
    labels=tuple(_EMOTIONS.values()),
    layout="train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv",
    obtain="get them from the folder data/MELD of https://github.com/declare-lab/MELD",
    folders=("meld-text", "MELD", "meld"),
)


@dataclasses.dataclass(frozen=True)
class Line:
    """What somebody says.

    Args:
        text: with plain quotes and apostrophes.
        emotion: in the toolkit's names.
        part: whose table it is of: train, dev or test.
        dialogue: part and number, "train-12".
        speaker: the character.
    """

    text: str
    emotion: str
    part: str
    dialogue: str
    speaker: str


def read(root: str | os.PathLike[str] | None) -> tuple[list[Line], list[Problem]]:
    """Read the three tables.

    Args:
        root: their folder, or one that contains it.

    Returns:
        The lines in the tables' order, and problems: rows that cannot be used, and those that
        are there twice.

    Raises:
        CorpusError: a table is missing, or lacks a column.
    """
    folder = locate_corpus(root, INFO, lambda path: (path / _file("train")).is_file())
    found: list[Line] = []
    problems: list[Problem] = []
    for part in PARTS:
        _read(folder / _file(part), part, found, problems)
    return found, problems


def repair(text: str) -> str:
    r"""Text with plain quotes, and with what a wrong encoding made of them put right.

    Editions of the tables differ: some hold Windows' quotes as control characters, some hold
    UTF-8 that was once read as Windows' encoding.

    >>> repair("he\u2019s"), repair("he\x92s"), repair("heâ€™s"), repair("Café\u2026")
    ("he's", "he's", "he's", 'Café...')
    """
    with contextlib.suppress(UnicodeError):  # which most texts raise, and are right as they are
        text = text.encode("cp1252").decode("utf-8")
    text = _CONTROLS.sub(lambda c: c[0].encode("latin-1").decode("cp1252", "replace"), text)
    return " ".join(text.translate(_STRAIGHT).split())


def _file(part: str) -> str:
    return f"{part}_sent_emo.csv"


def _read(path: Path, part: str, found: list[Line], problems: list[Problem]) -> None:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    if lacking := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
        raise CorpusError(f"{path}, line 1: no column {', '.join(lacking)}; {INFO.obtain}")
    seen: set[tuple[str, str]] = set()
    for row in reader:
        # Repaired first: U+0085, Windows' ellipsis, counts as white space.
        cells = {name: repair(row[name] or "") for name in _COLUMNS}
        place = cells["Dialogue_ID"], cells["Utterance_ID"]
        emotion = _EMOTIONS.get(cells["Emotion"])
        trouble = (
            "no dialogue or utterance number"
            if not all(place)
            else f"unknown emotion {cells['Emotion']!r}"
            if emotion is None
            else "no words"
            if not re.search(r"\w", cells["Utterance"])
            else "its dialogue and utterance number are there twice"
            if place in seen
            else ""
        )
        seen.add(place)
        if trouble or emotion is None:
            message = f"{path.name}, line {reader.line_num}: {trouble}; left out"
            problems.append(Problem("row", message, (path.name,)))
            continue
        found.append(
            Line(cells["Utterance"], emotion, part, f"{part}-{place[0]}", cells["Speaker"])
        )

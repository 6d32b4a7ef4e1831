"""Read the utterances of MELD (Poria et al. 2019): text of the series Friends with emotions.

Three tables, `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv`, share no dialogue.
Only their text is read; `serenade.corpora._paired` pairs it with speech.
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
    """Utterance of MELD.

    Args:
        text: with plain quotes and apostrophes.
        emotion: in the toolkit's names.
        part: the table that it is from: train, dev or test.
        dialogue: part and number, "train-12".
        speaker: the character.
    """

    text: str
    emotion: str
    part: str
    dialogue: str
    speaker: str


def read_lines(root: str | os.PathLike[str] | None) -> tuple[list[Line], list[Problem]]:
    """Read the three tables.

    Args:
        root: their folder, or one that contains it.

    Returns:
        The lines in the order of the tables, and problems: rows that cannot be used or occur
        twice.

    Raises:
        CorpusError: a table or a column is missing.
    """
    folder = locate_corpus(root, INFO, lambda path: (path / _name_file("train")).is_file())
    found: list[Line] = []
    problems: list[Problem] = []
    for part in PARTS:
        _read_table(folder / _name_file(part), part, found, problems)
    return found, problems


def repair_text(text: str) -> str:
    r"""Repair a text that was read in a wrong encoding, and write its quotes plainly.

    Editions of the tables differ: some hold Windows' quotes as control characters, some hold
    UTF-8 that was once read as Windows' encoding.

    >>> [repair_text(text) for text in ("he\u2019s", "he\x92s", "heâ€™s", "Café\u2026")]
    ["he's", "he's", "he's", 'Café...']
    """
    with contextlib.suppress(UnicodeError):  # most texts raise it and need no repair
        text = text.encode("cp1252").decode("utf-8")
    text = _CONTROLS.sub(lambda c: c[0].encode("latin-1").decode("cp1252", "replace"), text)
    return " ".join(text.translate(_STRAIGHT).split())


def _name_file(part: str) -> str:
    return f"{part}_sent_emo.csv"


def _read_table(path: Path, part: str, found: list[Line], problems: list[Problem]) -> None:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    if lacking := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
        raise CorpusError(f"{path}, line 1: no column {', '.join(lacking)}; {INFO.obtain}")
    seen: set[tuple[str, str]] = set()
    for row in reader:
        # Repair first: U+0085, Windows' ellipsis, counts as white space.
        cells = {name: repair_text(row[name] or "") for name in _COLUMNS}
        place = cells["Dialogue_ID"], cells["Utterance_ID"]
        emotion = _EMOTIONS.get(cells["Emotion"])
        trouble = (
            "no dialogue or utterance number"
            if not all(place)
            else f"unknown emotion {cells['Emotion']!r}"
            if emotion is None
            else "no words"
            if not re.search(r"\w", cells["Utterance"])
            else "its dialogue and utterance number occur twice"
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

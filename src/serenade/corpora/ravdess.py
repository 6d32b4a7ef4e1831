"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song: its speech, as audio.

Names are seven codes, `03-01-EE-II-SS-RR-AA`: audio only (03), speech (01), emotion, intensity,
statement, repetition, actor (Livingstone & Russo 2018, table 1). Odd actors are male.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from serenade.corpora._checks import check_corpus, find_missing
from serenade.corpora._corpus import Archive, CorpusInfo, Counts, Problem
from serenade.corpora._discovery import (
    has_recording,
    locate_corpus,
    parse_paths,
    scan_recordings,
    to_relative,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from serenade.corpora._corpus import Corpus

_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_INTENSITIES = {"01": "normal", "02": "strong"}
_ACTORS = tuple(f"{number:02d}" for number in range(1, 25))
_CODES = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_SPEECH = re.compile(r"03-01(-\d\d){5}")

INFO = CorpusInfo(
    name="ravdess",
    title="RAVDESS speech",
    licence="CC BY-NC-SA 4.0",
    citation=(
        "Livingstone, S. R. and Russo, F. A. (2018). The Ryerson Audio-Visual Database of "
        "Emotional Speech and Song (RAVDESS). PLoS ONE 13(5): e0196391."
    ),
    url="https://zenodo.org/records/1188976",
    languages=("en",),
    labels=("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise", "calm"),
    expected=Counts(
        files=1440,
        speakers=24,
        per_label={label: 96 if label == "neutral" else 192 for label in _EMOTIONS.values()},
    ),
    layout="Actor_01/03-01-01-01-01-01-01.wav to Actor_24/…",
    obtain="get Audio_Speech_Actors_01-24.zip from https://zenodo.org/records/1188976",
    archive=Archive(
        "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
        "md5:bc696df654c87fed845eb13823edef8a",
    ),
    folders=("ravdess", "Audio_Speech_Actors_01-24"),
)


def load(
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open the speech recordings of RAVDESS.

    Args:
        root: the folder of the `Actor_NN` folders, or one that contains it.
        labels: the emotions to keep.
        drop_duplicates: keep the first of byte-identical recordings. As published, Actor_07's
            `03-01-03-01-02-01-07` and `03-01-03-01-02-02-07` are.

    Returns:
        The corpus; columns `speaker` ("01" to "24"), `emotion`, `gender`, `text`, `language`,
        `intensity` (normal, strong), `statement` and `repetition` (1, 2).

    Raises:
        CorpusError: the folder has no speech of RAVDESS.
    """
    root = locate_corpus(root, INFO, _fits)
    # A stem identifies a recording: some copies hold every file in two folders.
    files, problems = scan_recordings(root, root, key=lambda path: path.stem)
    other = [path for path in files if _is_song_or_video(path)]
    if other:
        message = "song, or the sound of a video: speech that is already here; left out"
        paths = tuple(to_relative(path, root) for path in other)
        problems.append(Problem("excluded", message, paths))
    speech = sorted(set(files) - set(other))
    rows, misnamed = parse_paths(speech, root, _parse, "a name of RAVDESS (03-01-EE-II-SS-RR-AA)")
    problems += misnamed
    here = {Path(str(row["file"])).stem for row in rows}
    problems += find_missing(
        [f"Actor_{name[-2:]}/{name}" for name in _NAMES],
        [f"Actor_{name[-2:]}/{name}" for name in here],
    )
    return check_corpus(INFO, root, rows, problems, labels=labels, drop_duplicates=drop_duplicates)


def _list_names() -> frozenset[str]:
    """Return the 1440 stems; neutral has no strong intensity."""
    codes = itertools.product(_EMOTIONS, _INTENSITIES, _STATEMENTS, ("01", "02"), _ACTORS)
    return frozenset("-".join(("03", "01", *code)) for code in codes if code[:2] != ("01", "02"))


_NAMES = _list_names()


def _fits(folder: Path) -> bool:
    return has_recording(folder.glob("Actor_*/*"), _SPEECH) or has_recording(
        folder.glob("03-01-*"), _SPEECH
    )


def _is_song_or_video(path: Path) -> bool:
    codes = _CODES.fullmatch(path.stem)
    return (
        codes is not None and codes[1] in {"01", "02", "03"} and codes.group(1, 2) != ("03", "01")
    )


def _parse(path: Path) -> dict[str, object] | None:
    """Return the columns that the name encodes; None for other names."""
    codes = _CODES.fullmatch(path.stem)
    if codes is None or path.stem not in _NAMES:
        return None
    _, _, emotion, intensity, statement, repetition, actor = codes.groups()
    return {
        "speaker": actor,
        "emotion": _EMOTIONS[emotion],
        "gender": "male" if int(actor) % 2 else "female",
        "text": _STATEMENTS[statement],
        "language": "en",
        "intensity": _INTENSITIES[intensity],
        "statement": int(statement),
        "repetition": int(repetition),
    }

"""CASIA, the Mandarin emotional speech corpus of the Chinese Academy of Sciences.

The released part has 4 speakers x 6 emotions x 50 sentences, as `<speaker>/<emotion>/<number>`;
numbers 201 to 250 are the same sentences for every speaker and emotion.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from serenade.corpora._checks import check_corpus, find_missing
from serenade.corpora._corpus import CorpusInfo, Counts, Problem
from serenade.corpora._discovery import is_recording, locate_corpus, parse_paths, scan_recordings

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from serenade.corpora._corpus import Corpus

_EMOTIONS = ("angry", "fear", "happy", "neutral", "sad", "surprise")
_GENDERS = {
    "liuchanhg": "female",
    "wangzhe": "male",
    "zhaoquanyin": "female",
    "ZhaoZuoxiang": "male",
}
_NUMBERS = tuple(str(number) for number in range(201, 251))

INFO = CorpusInfo(
    name="casia",
    title="CASIA Mandarin emotional speech corpus",
    licence="research use, by agreement with its publisher",
    citation=(
        "Institute of Automation, Chinese Academy of Sciences. CASIA Mandarin emotional speech "
        "corpus, Chinese Linguistic Data Consortium."
    ),
    url="http://www.chineseldc.org",
    languages=("zh",),
    labels=("angry", "happy", "neutral", "sad", "fear", "surprise"),
    expected=Counts(files=1200, speakers=4, per_label=dict.fromkeys(_EMOTIONS, 200)),
    layout="<speaker>/<emotion>/<number>.wav, such as wangzhe/angry/201.wav",
    obtain="ask the Chinese Linguistic Data Consortium (http://www.chineseldc.org)",
    folders=("casia",),
)


def load(
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open CASIA.

    Args:
        root: the folder of the speakers' folders, or one that contains it.
        labels: the emotions to keep.
        drop_duplicates: keep the first of byte-identical recordings.

    Returns:
        The corpus; columns `speaker`, `emotion`, `gender`, `language`, `sentence` (number).

    Raises:
        CorpusError: the folder has no CASIA.
    """
    root = locate_corpus(root, INFO, _fits)
    files, problems = scan_recordings(root, root)
    layout = f"<speaker>/<emotion>/<number> with {', '.join(_EMOTIONS)}"
    rows, misnamed = parse_paths(files, root, lambda path: _parse(path.relative_to(root)), layout)
    problems += misnamed
    if unknown := sorted({str(row["speaker"]) for row in rows} - set(_GENDERS)):
        message = f"speakers {', '.join(unknown)} are not of the released part"
        problems.append(Problem("speaker", message))
    problems += find_missing(
        map("/".join, itertools.product(_GENDERS, _EMOTIONS, _NUMBERS)),
        [f"{row['speaker']}/{row['emotion']}/{row['sentence']}" for row in rows],
    )
    return check_corpus(INFO, root, rows, problems, labels=labels, drop_duplicates=drop_duplicates)


def _parse(path: Path) -> dict[str, object] | None:
    """Return the columns that a path below the root encodes; None for other paths."""
    match path.with_suffix("").parts:
        case (speaker, emotion, number) if emotion.lower() in _EMOTIONS and number.isdecimal():
            return {
                "speaker": speaker,
                "emotion": emotion.lower(),
                "gender": _GENDERS.get(speaker),
                "language": "zh",
                "sentence": int(number),
            }
    return None


def _fits(folder: Path) -> bool:
    return any(
        path.parent.name.lower() in _EMOTIONS and path.stem.isdecimal() and is_recording(path)
        for path in folder.glob("*/*/*")
    )

"""EMO-DB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005).

Names are `SSttEv`: speaker, text code, the German emotion's letter, version. Speakers' gender
and age and the ten sentences are those of the corpus' documentation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from serenade.corpora._checks import check_corpus
from serenade.corpora._corpus import CorpusInfo, Counts
from serenade.corpora._discovery import has_recording, locate_corpus, parse_paths, scan_recordings

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from serenade.corpora._corpus import Corpus

_EMOTIONS = {
    "W": "angry",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}
_SPEAKERS = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
_SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_NAME = re.compile(
    f"({'|'.join(_SPEAKERS)})({'|'.join(_SENTENCES)})([{''.join(_EMOTIONS)}])([a-z])"
)

INFO = CorpusInfo(
    name="emodb",
    title="EMO-DB (Berlin Database of Emotional Speech)",
    licence="free use, with citation",
    citation=(
        "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F. and Weiss, B. (2005). "
        "A database of German emotional speech. Interspeech 2005, 1517-1520."
    ),
    url="http://emodb.bilderbar.info",
    languages=("de",),
    labels=("angry", "happy", "neutral", "sad", "fear", "disgust", "boredom"),
    expected=Counts(
        files=535,
        speakers=10,
        per_label={
            "angry": 127,
            "boredom": 81,
            "disgust": 46,
            "fear": 69,
            "happy": 71,
            "sad": 62,
            "neutral": 79,
        },
    ),
    layout="wav/03a01Fa.wav and so on (SSttEv: speaker, text, emotion letter, version)",
    obtain="get http://emodb.bilderbar.info/download/download.zip (no checksum is published)",
    folders=("emodb", "emo-db", "berlin"),
)


def load(
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open EMO-DB; a folder with fewer recordings is accepted, and its problems count them.

    Args:
        root: the folder that has `wav`, that folder, or one that contains the corpus.
        labels: the emotions to keep.
        drop_duplicates: keep the first of byte-identical recordings.

    Returns:
        The corpus; columns `speaker`, `emotion`, `gender`, `text`, `language`, `age` (years),
        `text_code`, `version`.

    Raises:
        CorpusError: the folder has no EMO-DB.
    """
    root = locate_corpus(root, INFO, _fits)
    folder = root / "wav" if (root / "wav").is_dir() else root
    files, problems = scan_recordings(folder, root, key=lambda path: path.stem)
    rows, misnamed = parse_paths(files, root, _parse, "a name of EMO-DB (SSttEv)")
    problems += misnamed
    return check_corpus(INFO, root, rows, problems, labels=labels, drop_duplicates=drop_duplicates)


def _fits(folder: Path) -> bool:
    return has_recording(folder.glob("wav/*"), _NAME) or has_recording(folder.glob("*"), _NAME)


def _parse(path: Path) -> dict[str, object] | None:
    """Return the columns that the name encodes; None for other names."""
    name = _NAME.fullmatch(path.stem)
    if name is None:
        return None
    speaker, code, letter, version = name.groups()
    gender, age = _SPEAKERS[speaker]
    return {
        "speaker": speaker,
        "emotion": _EMOTIONS[letter],
        "gender": gender,
        "text": _SENTENCES[code],
        "language": "de",
        "age": age,
        "text_code": code,
        "version": version,
    }

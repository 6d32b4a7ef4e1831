"""nEMO, emotional speech in Polish (Christop 2024).

`data.tsv` has emotion, text and speaker of each recording in `samples/`; names are
`<speaker>_<emotion>_<sentence>`. The same 90 sentences are read in every emotion, so the text
does not depend on the emotion.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from serenade.corpora._checks import check_corpus
from serenade.corpora._corpus import CorpusInfo, Counts, Problem
from serenade.corpora._discovery import has_recording, locate_corpus, scan_recordings, to_relative
from serenade.corpora._tables import clean_cell
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from serenade.corpora._corpus import Corpus

_EMOTIONS = {
    "anger": "angry",
    "fear": "fear",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprise",
}
_COLUMNS = ("file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age")
_NAME = re.compile(r"([A-Z]{2}\d)_([a-z]+)_(\d+)")

INFO = CorpusInfo(
    name="nemo",
    title="nEMO",
    licence="CC BY-NC-SA 4.0",
    citation=(
        "Christop, I. (2024). nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024."
    ),
    url="https://github.com/amu-cai/nEMO",
    languages=("pl",),
    labels=("angry", "happy", "neutral", "sad", "fear", "surprise"),
    expected=Counts(
        files=4481,
        speakers=9,
        per_label={
            "angry": 749,
            "fear": 736,
            "happy": 749,
            "neutral": 809,
            "sad": 769,
            "surprise": 669,
        },
    ),
    layout="data.tsv and samples/EB0_anger_1.wav and so on",
    obtain="get it from https://github.com/amu-cai/nEMO (no checksum is published)",
    folders=("nemo",),
)


def load(
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open nEMO.

    Args:
        root: the folder that has `data.tsv` and `samples`, or one that contains it.
        labels: the emotions to keep.
        drop_duplicates: keep the first of byte-identical recordings.

    Returns:
        The corpus; columns `speaker`, `emotion`, `gender`, `text`, `language`, `age` (years),
        `sentence` (number), `normalized_text`.

    Raises:
        CorpusError: the folder has no nEMO, or `data.tsv` lacks a column.
    """
    root = locate_corpus(root, INFO, _fits)
    files, problems = scan_recordings(root / "samples", root, key=lambda path: path.stem)
    by_stem = {path.stem: path for path in files}
    rows: list[dict[str, object]] = []
    silent: list[str] = []
    listed: set[str] = set()
    for line, entry in _read_entries(root / "data.tsv"):
        stem = entry["file_id"].rsplit(".", 1)[0]
        trouble = _find_problem(stem, entry, listed)
        listed.add(stem)
        if trouble:
            message = f"data.tsv, line {line}: {trouble}; left out"
            problems.append(Problem("row", message, (entry["file_id"],)))
        elif stem in by_stem:
            rows.append({"file": str(by_stem[stem]), **_parse(stem, entry)})
        else:
            silent.append(f"samples/{stem}")
    if silent:
        message = "rows of data.tsv without a recording"
        problems.append(Problem("missing", message, tuple(sorted(silent))))
    if extra := sorted(to_relative(by_stem[stem], root) for stem in by_stem.keys() - listed):
        message = "recordings without a row in data.tsv; left out"
        problems.append(Problem("row", message, tuple(extra)))
    rows.sort(key=lambda row: str(row["file"]))
    return check_corpus(INFO, root, rows, problems, labels=labels, drop_duplicates=drop_duplicates)


def _fits(folder: Path) -> bool:
    return (folder / "data.tsv").is_file() and has_recording((folder / "samples").glob("*"), _NAME)


def _read_entries(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows with their line numbers, without padding (speaker_id has some)."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if lacking := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise CorpusError(
                f"{path}, line 1: no column {', '.join(lacking)}; {INFO.obtain.split(' (')[0]}"
            )
        return [
            (reader.line_num, {name: clean_cell(row[name]) or "" for name in _COLUMNS})
            for row in reader
        ]


def _find_problem(stem: str, entry: dict[str, str], listed: set[str]) -> str:
    """Describe the problem of a row as a clause; "" if the row is valid."""
    name = _NAME.fullmatch(stem)
    if name is None:
        return f'"{stem}" is not <speaker>_<emotion>_<sentence>'
    if entry["emotion"] not in _EMOTIONS:
        return f'unknown emotion "{entry["emotion"]}"'
    if name.group(1, 2) != (entry["speaker_id"], entry["emotion"]):
        return f"speaker or emotion is not that of the name {stem}"
    return f"{stem} is listed twice" if stem in listed else ""


def _parse(stem: str, entry: dict[str, str]) -> dict[str, object]:
    """Return the columns of a valid row."""
    return {
        "speaker": entry["speaker_id"],
        "emotion": _EMOTIONS[entry["emotion"]],
        "gender": entry["gender"],
        "text": entry["raw_text"],
        "language": "pl",
        "age": entry["age"],
        "sentence": stem.rsplit("_", 1)[1],
        "normalized_text": entry["normalized_text"],
    }

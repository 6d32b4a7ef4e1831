"""MSP-Podcast (Lotfian & Busso 2019): segments of podcasts, rated by a crowd.

`Labels/labels_consensus.csv` holds the emotion that most raters chose, and the mean ratings of
arousal ("activation"), valence and dominance from 1 to 7. `Labels/labels_detailed.csv` holds the
answers of each rater, from which the votes are counted.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from serenade._targets import VOTES
from serenade.corpora._checks import check_corpus
from serenade.corpora._corpus import CorpusInfo, Counts, Problem
from serenade.corpora._discovery import locate_corpus
from serenade.corpora._labels import require_labels
from serenade.corpora._word_times import read_lines

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from serenade.corpora._corpus import Corpus

_CODES = {
    "A": "angry",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
    "F": "fear",
    "D": "disgust",
    "U": "surprise",
    "C": "contempt",
}
_UNDECIDED = {"X": "undecided", "O": "other"}
_VOTED = {
    **{name: name.lower() for name in ("Angry", "Happy", "Neutral", "Sad", "Fear", "Disgust")},
    "Surprise": "surprise",
    "Contempt": "contempt",
}
_RATINGS = {"arousal": "EmoAct", "valence": "EmoVal", "dominance": "EmoDom"}
_SPLITS = {"train": "train", "development": "validation", "validation": "validation"}
_CONSENSUS = "Labels/labels_consensus.csv"

INFO = CorpusInfo(
    name="msp-podcast",
    title="MSP-Podcast",
    licence="by signature, for research (UT Dallas MSP lab)",
    citation=(
        "Lotfian, R. and Busso, C. (2019). Building naturalistic emotionally balanced speech "
        "corpus by retrieving emotional speech from existing podcast recordings. IEEE "
        "Transactions on Affective Computing 10(4), 471-483."
    ),
    url="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
    languages=("en",),
    labels=("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise"),
    layout=f"{_CONSENSUS}, Labels/labels_detailed.csv and Audios/MSP-PODCAST_0001_0008.wav",
    obtain="ask for it at the address above",
    folders=("MSP-Podcast", "msp-podcast", "MSP-PODCAST"),
)


def load(
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] | None = None,
    test: str = "Test1",
    rated: bool = False,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open MSP-Podcast.

    Args:
        root: the folder of `Labels` and `Audios`, or one that contains it.
        labels: the emotions to keep; by default all that raters could choose but contempt.
        test: the test set that is kept; releases have several.
        rated: keep also segments without a majority, as "undecided", and of other emotions, as
            "other", for targets other than emotions.
        drop_duplicates: keep the first of byte-identical recordings.

    Returns:
        The corpus; columns `speaker` (None if unknown), `emotion`, `gender`, `language`, `split`,
        `arousal`, `valence` and `dominance` (means of ratings from 1 to 7), and, if the answers of
        each rater are there, `votes_angry` and so on (numbers of raters).

    Raises:
        CorpusError: the folder has no MSP-Podcast, a table lacks a column, or a label is unknown.
    """
    root = locate_corpus(root, INFO, lambda folder: (folder / _CONSENSUS).is_file())
    known = (*_CODES.values(), *(_UNDECIDED.values() if rated else ()))
    usual = known if rated else INFO.labels
    kept = usual if labels is None else tuple(labels)
    require_labels(INFO.name, kept, known)
    votes = _count_votes(root / "Labels" / "labels_detailed.csv")
    rows: list[dict[str, object]] = []
    published, speakers = Counter[str](), set[str]()
    left = defaultdict[str, list[str]](list)
    for line in read_lines(root / _CONSENSUS, ("FileName", "EmoClass", "SpkrID", "Split_Set")):
        name, code, part = line["FileName"], line["EmoClass"], line["Split_Set"]
        path = root / "Audios" / name
        emotion = (_CODES | _UNDECIDED).get(code)
        if emotion is None:
            left[f'unknown emotion "{code}"; left out'].append(name)
        elif part.lower() not in _SPLITS and part != test:
            left[f"{{}} segments of other parts than train, development and {test}"].append(name)
        elif emotion not in kept:
            left["{} segments of other emotions, or without a majority; left out"].append(name)
        else:
            row = _make_row(path, line, emotion, votes)
            published[emotion] += 1
            speakers |= {str(row["speaker"])} - {"None"}
            if path.is_file():
                rows.append(row)
            else:
                left["{} segments of the table whose recordings are missing"].append(name)
    problems = [
        Problem("excluded" if "missing" not in message else "missing", text, tuple(files))
        for message, files in left.items()
        if (text := message.replace("{}", str(len(files))))
    ]
    expected = Counts(published.total(), len(speakers), published)
    info = dataclasses.replace(INFO, labels=tuple(kept), expected=expected)
    return check_corpus(info, root, rows, problems, drop_duplicates=drop_duplicates)


def _make_row(
    path: Path, line: dict[str, str], emotion: str, votes: dict[str, Counter[str]]
) -> dict[str, object]:
    """Return the row of a segment."""
    speaker, gender = line["SpkrID"], line.get("Gender", "").lower()
    found = votes.get(path.name, Counter())
    counts = {VOTES + label: found[label] for label in _CODES.values()} if votes else {}
    return {
        "file": str(path),
        "speaker": None if speaker.lower() in {"unknown", ""} else speaker,
        "emotion": emotion,
        "gender": gender if gender in {"female", "male"} else None,
        "language": "en",
        "split": _SPLITS.get(line["Split_Set"].lower(), "test"),
        **{name: line.get(column) for name, column in _RATINGS.items()},
        **counts,
    }


def _count_votes(path: Path) -> dict[str, Counter[str]]:
    """Count the raters' first choices for each segment; no segment if the table is missing.

    Older releases have one column after the name: `worker; emotion; …; A:4.0; V:3.0; D:5.0;`.
    """
    found = defaultdict[str, Counter[str]](Counter)
    for line in read_lines(path, ("FileName",)) if path.is_file() else ():
        name = line.pop("FileName")
        others, chosen = list(line.values()), line.get("EmoClass_Major")
        if chosen is None:
            parts = [part.strip() for part in others[0].split(";")] if others else []
            chosen = parts[1] if len(parts) > 1 else ""
        if chosen in _VOTED:
            found[name][_VOTED[chosen]] += 1
    return found

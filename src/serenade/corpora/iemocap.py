"""IEMOCAP (Busso et al. 2008): five sessions of a woman and a man, acted and improvised.

The label of a recording is the emotion that most annotators chose. Nearly all papers select four
classes, with "excited" counted as happy: 5531 recordings. Scripted sentences occur in several
sessions, so a text model can know them from training; the column `kind` marks them.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._targets import VOTES
from serenade.corpora._checks import check_corpus
from serenade.corpora._corpus import CorpusInfo, Counts, Problem
from serenade.corpora._discovery import has_recording, locate_corpus, scan_recordings, to_relative
from serenade.corpora._labels import require_labels
from serenade.corpora._word_times import read_text, read_wdseg

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from serenade.corpora._corpus import Corpus
    from serenade.corpora._word_times import WordInterval

_CODES = {
    "ang": "angry",
    "hap": "happy",
    "neu": "neutral",
    "sad": "sad",
    "exc": "excited",
    "fru": "frustrated",
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
}
_UNDECIDED = {"xxx": "no emotion had a majority", "oth": "another emotion"}
_PUBLISHED = {
    "angry": 1103,
    "happy": 595,
    "neutral": 1708,
    "sad": 1084,
    "excited": 1041,
    "frustrated": 1849,
    "surprise": 107,
    "fear": 40,
    "disgust": 2,
}
_RATERS = {
    "anger": "angry",
    "happiness": "happy",
    "neutral": "neutral",
    "neutral state": "neutral",
    "sadness": "sad",
    "excited": "excited",
    "frustration": "frustrated",
    "surprise": "surprise",
    "fear": "fear",
    "disgust": "disgust",
}
_RATED = {"xxx": "undecided", "oth": "other"}
_RATED_COUNTS = {"undecided": 2507, "other": 3}  # 10039 recordings in all
_FOUR = ("angry", "happy", "neutral", "sad")
_PER_SESSION = {"1": 1085, "2": 1023, "3": 1151, "4": 1031, "5": 1241}  # of the four classes

_NAME = re.compile(r"(Ses0([1-5])[FM]_(impro|script)\w*)_([FM])\d+")
_NUMBER = r"(-?[\d.]+)"
_EVALUATION = re.compile(
    rf"\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\s+(Ses0\w+)\s+(\w+)"
    rf"(?:\s+\[\s*{_NUMBER},\s*{_NUMBER},\s*{_NUMBER}\s*\])?\s*"
)
_CHOICE = re.compile(r"C-E\d+:\s*([^()]*)\(.*")  # of a rater; C-F and C-M are the speakers'
_TRANSCRIPTION = re.compile(r"(Ses0\w+)\s*\[[-\d. ]+\]\s*:?\s*(.*)")


def _get_counts(labels: Iterable[str], *, merged: bool) -> Counts:
    """Return the published counts of a selection."""
    published = _PUBLISHED | _RATED_COUNTS | ({"happy": 595 + 1041} if merged else {})
    per_label = {label: published[label] for label in labels}
    return Counts(files=sum(per_label.values()), speakers=10, per_label=per_label)


INFO = CorpusInfo(
    name="iemocap",
    title="IEMOCAP",
    licence="by signature, for research (USC SAIL)",
    citation=(
        "Busso, C., Bulut, M., Lee, C.-C., Kazemzadeh, A., Mower, E., Kim, S., Chang, J. N., "
        "Lee, S. and Narayanan, S. S. (2008). IEMOCAP: Interactive emotional dyadic motion "
        "capture database. Language Resources and Evaluation 42(4), 335-359."
    ),
    url="https://sail.usc.edu/iemocap/",
    languages=("en",),
    labels=_FOUR,
    expected=_get_counts(_FOUR, merged=True),
    layout=(
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav and so on, "
        "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt, Session1/dialog/transcriptions"
    ),
    obtain="ask for it at https://sail.usc.edu/iemocap/iemocap_release.htm",
    folders=("IEMOCAP_full_release", "IEMOCAP", "IEMOCAP_full_release_withoutVideos"),
)


def load(
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] | None = None,
    excited_as_happy: bool = True,
    rated: bool = False,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open IEMOCAP.

    Args:
        root: the folder of the `SessionN` folders, or one that contains it.
        labels: the emotions to keep; by default angry, happy, neutral and sad. There are also
            frustrated, surprise, fear and disgust, and excited if it is not merged.
        excited_as_happy: count "excited" as happy.
        rated: keep also recordings without a majority, as "undecided", and of other emotions, as
            "other", for targets other than emotions; `labels` are then all by default.
        drop_duplicates: keep the first of byte-identical recordings.

    Returns:
        The corpus; columns `speaker` ("Ses01F" to "Ses05M"), `emotion`, `session` ("1" to "5"),
        `gender`, `text` (as transcribed, events such as "[LAUGHTER]" included; a missing text
        is None, and a problem), `language`, `dialogue`, `kind` (scripted, improvised),
        `valence`, `arousal` ("activation") and `dominance` (means of ratings from 1 to 5), and
        `votes_angry` and so on (raters who chose an emotion; one who chose several counts as a
        part for each), if the evaluation files hold their choices.

    Raises:
        CorpusError: the folder has no IEMOCAP, or a label is unknown.
    """
    root = locate_corpus(root, INFO, _fits)
    known = [name for name in _PUBLISHED if name != "excited" or not excited_as_happy]
    known += _RATED.values() if rated else ()
    kept = tuple(labels) if labels is not None else tuple(known) if rated else _FOUR
    require_labels(INFO.name, kept, known)
    expected = _get_counts(kept, merged=excited_as_happy)
    info = dataclasses.replace(INFO, labels=kept, expected=expected)
    reading = _Reading(root, _RATED if rated else {})
    for number in _PER_SESSION:
        reading.session(number)
    if excited_as_happy:
        _merge_excited(reading.rows)
    rows = sorted((r for r in reading.rows if r["emotion"] in kept), key=lambda r: str(r["file"]))
    silent = [to_relative(str(row["file"]), root) for row in rows if row["text"] is None]
    if silent:
        message = "no transcription line for these recordings; their text is missing"
        reading.note("text", message, silent)
    corpus = check_corpus(info, root, rows, reading.problems(), drop_duplicates=drop_duplicates)
    if set(kept) != set(_FOUR) or not excited_as_happy:
        return corpus
    return dataclasses.replace(corpus, problems=(*corpus.problems, *_compare_sessions(corpus)))


def read_alignment(
    file: str | os.PathLike[str], *, fillers: bool = False
) -> tuple[WordInterval, ...]:
    """Read the words of a recording with start and end in seconds, from its alignment file.

    Args:
        file: path of the recording, as in the index of the table.
        fillers: keep silence and noises.

    Raises:
        CorpusError: its alignment is missing or damaged.
    """
    return read_wdseg(locate_alignment(file), fillers=fillers)


def locate_alignment(file: str | os.PathLike[str]) -> Path:
    """Return the path of the alignment file of a recording."""
    path = Path(file)
    folder = path.parents[2] / "ForcedAlignment" / path.parent.name
    return folder / f"{path.stem}.wdseg"


class _Reading:
    """Reader of sessions, which collects rows and problems."""

    def __init__(self, root: Path, rated: Mapping[str, str]) -> None:
        self.root = root
        self._codes = {**_CODES, **rated}
        self._votes: dict[str, dict[str, float]] = {}
        self.rows: list[dict[str, object]] = []
        self._noted: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def note(self, kind: str, message: str, files: Iterable[str]) -> None:
        self._noted[kind, message] += files

    def problems(self) -> list[Problem]:
        return [
            Problem(kind, message.replace("{}", str(len(files))), tuple(sorted(files)))
            for (kind, message), files in self._noted.items()
            if files
        ]

    def session(self, number: str) -> None:
        """Read the folder of a session."""
        folder = self.root / f"Session{number}"
        if not folder.is_dir():
            self.note("missing", "{} of the five sessions", [folder.name])
            return
        files, problems = scan_recordings(
            folder / "sentences" / "wav", self.root, key=lambda path: path.stem
        )
        for problem in problems:
            self.note(problem.kind, problem.message, problem.files)
        dialogues: defaultdict[str, dict[str, Path]] = defaultdict(dict)
        for path in files:
            if name := _NAME.fullmatch(path.stem):
                dialogues[str(name[1])][path.stem] = path
            else:
                message = "not a name of IEMOCAP (Ses01F_impro01_F000); left out"
                self.note("name", message, [to_relative(path, self.root)])
        evaluations = self._list_texts(folder / "dialog" / "EmoEvaluation")
        transcriptions = self._list_texts(folder / "dialog" / "transcriptions")
        for dialogue in sorted({*dialogues, *evaluations}):
            texts = _read_transcriptions(transcriptions.get(dialogue))
            if evaluation := evaluations.get(dialogue):
                self._add_dialogue(
                    dialogue, dialogues[dialogue], self._read_labels(evaluation), texts
                )
            else:
                absent = folder / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"
                message = "evaluation files; the recordings of their dialogues are left out"
                self.note("missing", message, [to_relative(absent, self.root)])

    def _list_texts(self, folder: Path) -> dict[str, Path]:
        """Return the text files of a folder by stem, without `._` files of macOS."""
        found = {path.stem: path for path in sorted(folder.glob("*.txt"))}
        mac = [
            to_relative(path, self.root) for path in found.values() if path.name.startswith("._")
        ]
        self.note("mac", "companion files a Mac made, no audio; left out", mac)
        return {stem: path for stem, path in found.items() if not stem.startswith("._")}

    def _read_labels(self, path: Path) -> dict[str, re.Match[str]]:
        """Return the summary line of each utterance, unless two lines contradict each other."""
        found: dict[str, re.Match[str]] = {}
        contradicted: set[str] = set()
        lines = read_text(path).splitlines()
        self._votes |= _count_votes(lines)
        for line in filter(None, map(_EVALUATION.fullmatch, lines)):
            if found.setdefault(line[1], line)[2] != line[2]:
                contradicted.add(line[1])
        message = f"two emotions in {to_relative(path, self.root)}; left out"
        self.note("contradiction", message, contradicted)
        return {name: line for name, line in found.items() if name not in contradicted}

    def _add_dialogue(
        self,
        name: str,
        recordings: Mapping[str, Path],
        labels: Mapping[str, re.Match[str]],
        texts: Mapping[str, str],
    ) -> None:
        """Add the rows of the recordings of a dialogue."""
        self.note(
            "missing", "recordings that are labelled", sorted(labels.keys() - recordings.keys())
        )
        for stem, path in recordings.items():
            file = to_relative(path, self.root)
            if stem not in labels:
                self.note("label", "no line in the evaluation file; left out", [file])
            elif (code := labels[stem][2]) in self._codes:
                row = _make_row(stem, path, name, labels[stem], texts.get(stem))
                row |= {"emotion": self._codes[code], **self._votes.get(stem, {})}
                self.rows.append(row)
            elif code in _UNDECIDED:
                message = f'{{}} recordings labelled "{code}", {_UNDECIDED[code]}; left out'
                self.note("excluded", message, [file])
            else:
                self.note("label", f'unknown emotion "{code}"; left out', [file])


def _make_row(
    stem: str, path: Path, dialogue: str, line: re.Match[str], text: str | None
) -> dict[str, object]:
    """Return the row of a labelled recording."""
    name = _NAME.fullmatch(stem)
    assert name is not None
    _, session, kind, letter = name.groups()
    valence, activation, dominance = line.groups()[2:]
    return {
        "file": str(path),
        "speaker": f"Ses0{session}{letter}",
        "emotion": "",
        "session": session,
        "gender": "female" if letter == "F" else "male",
        "text": text or None,
        "language": "en",
        "dialogue": dialogue,
        "kind": "scripted" if kind == "script" else "improvised",
        "valence": valence,
        "arousal": activation,
        "dominance": dominance,
    }


def _merge_excited(rows: Iterable[dict[str, object]]) -> None:
    """Count "excited", as emotion and in votes, as happy."""
    for row in rows:
        if row["emotion"] == "excited":
            row["emotion"] = "happy"
        if (excited := row.pop(f"{VOTES}excited", None)) is not None:
            row[f"{VOTES}happy"] += excited  # type: ignore[operator]


def _count_votes(lines: Iterable[str]) -> dict[str, dict[str, float]]:
    """Count the raters' choices of each utterance, which follow its summary line."""
    found: dict[str, dict[str, float]] = {}
    name = ""
    for line in lines:
        if summary := _EVALUATION.fullmatch(line):
            name = summary[1]
        elif name and (choice := _CHOICE.fullmatch(line)):
            words = [word.strip().lower() for word in choice[1].split(";") if word.strip()]
            votes = found.setdefault(name, dict.fromkeys(map(VOTES.__add__, _PUBLISHED), 0.0))
            for label in filter(None, map(_RATERS.get, words)):
                votes[VOTES + label] += 1 / len(words)
    return found


def _read_transcriptions(path: Path | None) -> dict[str, str]:
    """Return the text of each utterance, without lines that belong to none ("M: …")."""
    if path is None:
        return {}
    found = filter(
        None, map(_TRANSCRIPTION.fullmatch, map(str.strip, read_text(path).splitlines()))
    )
    return {line[1]: line[2].strip() for line in found}


def _compare_sessions(corpus: Corpus) -> list[Problem]:
    """List the sessions with other counts of the four classes than published."""
    here = corpus.table["session"].value_counts()
    return [
        Problem("count", f"{here.get(name, 0)} files of session {name} where {count} are published")
        for name, count in _PER_SESSION.items()
        if here.get(name, 0) != count
    ]


def _fits(folder: Path) -> bool:
    return has_recording(folder.glob("Session[1-5]/sentences/wav/*/*"), _NAME)

"""CREMA-D (Cao et al. 2014): 91 actors, 12 sentences, six emotions; rated by a crowd.

Names are four codes, `1001_DFA_ANG_XX`: actor, sentence, acted emotion, acted intensity. The label
is the acted emotion. The votes are those of raters who only heard the voice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from serenade._targets import VOTES
from serenade.corpora._checks import check_corpus
from serenade.corpora._corpus import CorpusInfo, Counts, Problem
from serenade.corpora._discovery import has_recording, locate_corpus, parse_paths, scan_recordings
from serenade.corpora._word_times import read_lines

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from serenade.corpora._corpus import Corpus

_EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_PUBLISHED = {label: 1087 if label == "neutral" else 1271 for label in _EMOTIONS.values()}
_INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": None}
_SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
_NAME = re.compile(r"(1\d{3})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX|X)")
_NEEDED = ("ActorID",), ("", "fileName", *(code[0] for code in _EMOTIONS))
"""Columns of the tables of actors and of votes; the first of the votes has no name."""

_VOICE = "1"  # first digit of the numbers of answers to the voice alone

INFO = CorpusInfo(
    name="crema-d",
    title="CREMA-D",
    licence="ODbL 1.0",
    citation=(
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A. and Verma, R. (2014). "
        "CREMA-D: Crowd-sourced emotional multimodal actors dataset. IEEE Transactions on "
        "Affective Computing 5(4), 377-390."
    ),
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    languages=("en",),
    labels=("angry", "happy", "neutral", "sad", "fear", "disgust"),
    expected=Counts(files=7442, speakers=91, per_label=_PUBLISHED),
    layout="AudioWAV/1001_DFA_ANG_XX.wav, VideoDemographics.csv, processedResults",
    obtain="clone https://github.com/CheyneyComputerScience/CREMA-D with Git LFS",
    folders=("CREMA-D", "crema-d", "cremad"),
)


def load(
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open CREMA-D.

    Args:
        root: the folder of `AudioWAV`, or one that contains it.
        labels: the emotions to keep.
        drop_duplicates: keep the first of byte-identical recordings.

    Returns:
        The corpus; columns `speaker` ("1001" to "1091"), `emotion` (as acted), `gender` and `age`
        (if `VideoDemographics.csv` is there), `text`, `language`, `sentence`, `intensity` (low,
        medium, high; None if it was not asked for), and `votes_angry` and so on, the numbers of
        raters of the voice, if `processedResults/tabulatedVotes.csv` is there.

    Raises:
        CorpusError: the folder has no CREMA-D.
    """
    root = locate_corpus(root, INFO, _fits)
    files, problems = scan_recordings(root / "AudioWAV", root, key=lambda path: path.stem)
    tables = root / "VideoDemographics.csv", root / "processedResults" / "tabulatedVotes.csv"
    actors, answers = (
        read_lines(path, needed) if path.is_file() else []
        for path, needed in zip(tables, _NEEDED, strict=True)
    )
    people = {line["ActorID"]: line for line in actors}
    votes = {line["fileName"]: line for line in answers if line[""].startswith(_VOICE)}
    rows, misnamed = parse_paths(
        files, root, lambda path: _parse(path.stem, people, votes), "a name of CREMA-D"
    )
    if not votes:
        message = "no processedResults/tabulatedVotes.csv: the votes of the raters are missing"
        problems.append(Problem("missing", message))
    return check_corpus(
        INFO, root, rows, [*problems, *misnamed], labels=labels, drop_duplicates=drop_duplicates
    )


def _parse(
    stem: str, people: Mapping[str, Mapping[str, str]], votes: Mapping[str, Mapping[str, str]]
) -> dict[str, object] | None:
    """Return the columns of a recording; None for other names."""
    name = _NAME.fullmatch(stem)
    if name is None or name[2] not in _SENTENCES or name[3] not in _EMOTIONS:
        return None
    actor, sentence, emotion, level = name.groups()
    person, counts = people.get(actor, {}), votes.get(stem, {})
    return {
        "speaker": actor,
        "emotion": _EMOTIONS[emotion],
        "gender": {"Male": "male", "Female": "female"}.get(person.get("Sex", "")),
        "age": person.get("Age"),
        "text": _SENTENCES[sentence],
        "language": "en",
        "sentence": sentence,
        "intensity": _INTENSITIES.get(level),
        **{VOTES + _EMOTIONS[code]: counts.get(code[0]) for code in _EMOTIONS if votes},
    }


def _fits(folder: Path) -> bool:
    return has_recording(folder.glob("AudioWAV/*"), _NAME)

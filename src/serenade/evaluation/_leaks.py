"""Audit folds for leaks: training rows that reveal test rows although the rows differ.

Also audit a trained model: which tested recordings and speakers were in its training data.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade import corpora
from serenade._printable import to_printable
from serenade.corpora import AudioFacts, find_identical, to_relative
from serenade.errors import AudioError
from serenade.evaluation._fingerprint import Fingerprint, find_matches
from serenade.extraction import TrainingRecord, extract_usable, list_clips
from serenade.protocols import find_shared_speakers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.corpora import Corpus
    from serenade.protocols import Fold

CHECKED_ROWS = (
    "shared speakers, byte-identical files, segments of one file, recordings that sound the same "
    "(copies with noise, another level, codec or start), equal sentences"
)
"""Kinds of leaks that `audit_folds` looks for."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Property that training and test rows share.

    Args:
        kind: `speakers`, `identical`, `segments`, `alike`, `text`, or `unread` for files that
            could not be read.
        leak: whether any system can recognise test rows by it; otherwise it depends on the system.
        message: description of the finding.
        files: files of the test rows, relative to the root of the corpus.
    """

    kind: str
    leak: bool
    message: str
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return one line with the first five files.

        >>> print(Finding("identical", True, "1 test files are copies", ("a.wav",)))
        leak: 1 test files are copies: a.wav
        """
        more = f" and {len(self.files) - 5} more" if len(self.files) > 5 else ""
        listed = f": {', '.join(map(to_printable, self.files[:5]))}{more}" if self.files else ""
        return f"{'leak: ' if self.leak else ''}{self.message}{listed}"


def audit_folds(folds: Sequence[Fold], table: pd.DataFrame, root: Path) -> list[Finding]:
    """Find properties that training (or validation) and test rows of a fold share.

    Fingerprints of the audio are kept in the cache, so only the first audit of a corpus reads it.

    Args:
        folds: folds of the table.
        table: corpus table, indexed by `(file, start, end)`; the columns `speaker` and `text` are
            checked if they exist.
        root: folder that paths in the findings are relative to.

    Returns:
        Findings, leaks first.
    """
    names = [str(file) for file in table.index.get_level_values("file")]
    here = {name: Path(name) for name in dict.fromkeys(names) if Path(name).is_file()}
    groups = find_identical({name: AudioFacts(path.stat().st_size) for name, path in here.items()})
    copy = {name: group[0] for group in groups for name in group}
    files, contents = _encode(names), _encode([copy.get(name, name) for name in names])
    twins, alike = set[int](), set[int]()
    same = 0
    sounding, unread = _find_similar(table, set(here))
    for fold in folds:
        known, heard = _is_trained(fold, files), _is_trained(fold, contents)
        same += int(known.sum())
        twins |= set(fold.test[heard & ~known].tolist())
        resembling = _select_similar(fold, sounding)
        alike |= resembling - set(fold.test[heard].tolist())
    found = [*_check_speakers(folds, table)]
    if twins:
        message = f"{_count_files(twins, names)} test files are byte-identical to training files"
        found.append(Finding("identical", True, message, _list_files(twins, names, root)))
    if same:
        message = f"{same} test rows are segments of files that are also trained on"
        found.append(Finding("segments", True, message))
    if alike:
        message = f"{_count_files(alike, names)} test files sound the same as training files"
        found.append(Finding("alike", True, message, _list_files(alike, names, root)))
    if absent := len(set(names)) - len(here):
        message = f"not checked for copies: {absent} files that are missing"
        found.append(Finding("unread", False, message))
    if unread:
        count = _count_files(unread, names)
        message = f"not checked for similar sound: {count} files that cannot be read"
        found.append(Finding("unread", False, message, _list_files(unread, names, root)))
    return found + _check_texts(folds, table)


@dataclasses.dataclass(frozen=True)
class TrainingAudit:
    """Count the tested recordings that a trained model heard in training.

    Args:
        trained_on: names of the training corpora; empty if the model does not state them.
        recordings: number of tested recordings.
        heard: recordings that were trained on.
        known_speakers: other recordings, of speakers that were trained on.
        unknown: recordings for which this is not known; with `by_content`, recordings that were
            not heard, of speakers whose names cannot be compared.
        by_content: whether the model has a record of its training recordings; otherwise only the
            names of corpora are compared.
    """

    trained_on: tuple[str, ...]
    recordings: int
    heard: int
    known_speakers: int
    unknown: int
    by_content: bool

    @property
    def verdict(self) -> str:
        """Return the result in a phrase."""
        if self.heard:
            return "heard in training"
        if self.known_speakers:
            return "other recordings of the speakers heard in training"
        if not self.unknown:
            return "not heard in training"
        if self.by_content:
            return "not heard in training, but perhaps other recordings of the speakers"
        return "unknown whether heard in training"

    @property
    def is_clean(self) -> bool:
        """Whether no recording and no speaker was, or may have been, trained on."""
        return not (self.heard or self.known_speakers or self.unknown)

    def __str__(self) -> str:
        """Return a line for a report.

        >>> print(TrainingAudit(("ravdess",), 9, 9, 0, 0, False))
        leak: audit of the training data: 9 of 9 recordings were heard in training; compared by \
the name of the corpus; trained on ravdess
        """
        unknown = "cannot be told: the model keeps no record of its recordings"
        if self.by_content:
            unknown = "were not heard; names of speakers are not compared between these corpora"
        counts = (
            (self.heard, "were heard in training"),
            (self.known_speakers, "were not heard, but other recordings of their speakers were"),
            (self.unknown, unknown),
        )
        parts = [
            f"{count} of {self.recordings} recordings {what}" for count, what in counts if count
        ]
        parts = parts or [f"none of the {self.recordings} recordings was heard in training"]
        how = "the name of the corpus"
        if self.by_content:
            how = "the content of files and, within a corpus of one name, the names of speakers"
        parts.append(f"compared by {how}")
        parts.append(f"trained on {', '.join(self.trained_on) or 'data that it does not state'}")
        leak = "leak: " * bool(self.heard or self.known_speakers)
        return f"{leak}audit of the training data: {'; '.join(parts)}"


def audit_training(description: Mapping[str, Any], corpus: Corpus) -> TrainingAudit:
    """Find the recordings of a corpus that a trained model heard in training.

    Recordings are compared by their content, speakers by their names within a corpus of the same
    name. A model without a record of its recordings is only compared by names of corpora. Two
    different corpora that `serenade.corpora.names` lists share no recording and no speaker; of
    other corpora this is not known.

    Args:
        description: content of the model's `model.json`.
        corpus: tested recordings.

    Raises:
        ModelError: the model's record is damaged.
    """
    stated = description.get("trained_on", ())
    trained_on = (stated,) if isinstance(stated, str) else tuple(stated)
    table, count = corpus.table, len(corpus.table)
    if "heard" not in description:
        heard, unknown = _compare_names(corpus.info.name, trained_on)
        return TrainingAudit(trained_on, count, heard * count, 0, unknown * count, False)
    record = TrainingRecord.from_json(description["heard"])
    found = record.find_recordings(table)
    pairs = zip(found, record.find_speakers(table, corpus.info.name), strict=True)
    known = sum(speaker and not heard for heard, speaker in pairs)
    name = corpus.info.name
    comparable = name in trained_on or _compare_names(name, trained_on) == (False, False)
    rest = 0 if comparable else count - sum(found) - known
    return TrainingAudit(trained_on, count, sum(found), known, rest, True)


def _compare_names(name: str, trained_on: Iterable[str]) -> tuple[bool, bool]:
    """Return whether a corpus was trained on by its name, and whether names cannot tell."""
    # "paired-ravdess" has the recordings of ravdess.
    if any(name == other or other in name.split("-") for other in trained_on):
        return True, False
    listed = set(corpora.names())
    return False, not trained_on or not {name, *trained_on} <= listed


def _check_speakers(folds: Sequence[Fold], table: pd.DataFrame) -> list[Finding]:
    """Find speakers that occur both in training or validation and in test."""
    shared: dict[str, None] = {}
    count = 0
    for fold in folds:
        names = find_shared_speakers(
            table, np.concatenate([fold.train, fold.validation]), fold.test
        )
        count += bool(names)
        shared |= dict.fromkeys(names)
    if not shared:
        return []
    some = ", ".join(list(shared)[:5]) + (f" and {len(shared) - 5} more" if len(shared) > 5 else "")
    message = f"{count} of {len(folds)} folds test speakers that are also trained on: {some}"
    return [Finding("speakers", True, message)]


def _find_similar(table: pd.DataFrame, here: set[str]) -> tuple[list[tuple[int, int]], set[int]]:
    """Return pairs of rows that sound the same, and rows whose audio cannot be read."""
    names = table.index.get_level_values("file")
    rows = [row for row, name in enumerate(names) if str(name) in here]
    prints = extract_usable(list_clips(table.index[rows]), Fingerprint())
    usable = [
        (row, found)
        for row, found in zip(rows, prints, strict=True)
        if not isinstance(found, AudioError)
    ]
    unread = set(rows) - {row for row, _ in usable}
    pairs = [
        (usable[one.first][0], usable[one.second][0])
        for one in find_matches([found for _, found in usable])
    ]
    return pairs, unread


def _select_similar(fold: Fold, pairs: Sequence[tuple[int, int]]) -> set[int]:
    """Return the test rows that sound like a training or validation row."""
    trained = set(np.concatenate([fold.train, fold.validation]).tolist())
    tested = set(fold.test.tolist())
    both = [*pairs, *((two, one) for one, two in pairs)]
    return {one for one, two in both if one in tested and two in trained}


def _check_texts(folds: Sequence[Fold], table: pd.DataFrame) -> list[Finding]:
    """Count test rows whose text is also in training; no leak for systems without text."""
    if "text" not in table:
        return []
    texts = [text.lower().strip() if isinstance(text, str) else "" for text in table["text"]]
    tested = sum(len(fold.test) for fold in folds)
    said, sentences = np.array([bool(text) for text in texts]), _encode(texts)
    shared = sum(int((_is_trained(fold, sentences) & said[fold.test]).sum()) for fold in folds)
    if not shared:
        return []
    message = f"{shared} of {tested} test rows say sentences that are also said in training"
    return [Finding("text", False, message)]


def _count_files(rows: set[int], names: Sequence[str]) -> int:
    return len({names[row] for row in rows})


def _list_files(rows: set[int], names: Sequence[str], root: Path) -> tuple[str, ...]:
    return tuple(sorted({to_relative(names[row], root) for row in rows}))


def _encode(values: Sequence[str]) -> NDArray[np.int64]:
    """Return a number for each value; equal values have equal numbers."""
    codes: NDArray[np.int64] = np.unique(values, return_inverse=True)[1]
    return codes


def _is_trained(fold: Fold, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark test rows that share a code with a training or validation row, `(test rows,)`."""
    trained: NDArray[np.bool_] = np.isin(
        codes[fold.test], codes[np.concatenate([fold.train, fold.validation])]
    )
    return trained

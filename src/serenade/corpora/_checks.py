"""Check a corpus when it is opened, and list its problems with the files concerned."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from serenade.audio import inspect_file
from serenade.corpora._corpus import Corpus, Problem
from serenade.corpora._discovery import to_relative
from serenade.corpora._labels import list_labels, require_labels
from serenade.corpora._tables import build_table
from serenade.errors import AudioError, CorpusError, EmptyFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from serenade.corpora._corpus import CorpusInfo


@dataclasses.dataclass(frozen=True)
class AudioFacts:
    """Content of the header of a recording.

    Args:
        size: in bytes.
        channels: number of channels.
        frames: samples per channel.
        sampling_rate: in Hz.
        trouble: reason why the recording cannot be used (`empty`, `unreadable`), or "".
    """

    size: int
    channels: int = 0
    frames: int = 0
    sampling_rate: int = 1
    trouble: str = ""

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sampling_rate


def inspect_files(files: Iterable[str]) -> dict[str, AudioFacts]:
    """Read the header of each recording once.

    Args:
        files: paths of existing files.

    Returns:
        The facts by path.
    """
    return {file: _read_header(file) for file in dict.fromkeys(files)}


def _read_header(file: str) -> AudioFacts:
    size = Path(file).stat().st_size
    try:
        header = inspect_file(file)
    except EmptyFileError:
        return AudioFacts(size, trouble="empty")
    except AudioError:
        return AudioFacts(size, trouble="unreadable")
    frames = round(header.duration * header.rate)
    return AudioFacts(size, header.channels, frames, header.rate, "" if frames else "empty")


def find_identical(facts: Mapping[str, AudioFacts]) -> list[list[str]]:
    """Find groups of byte-identical files; only usable files of equal size are read.

    Files that cannot be read are in no group.

    Args:
        facts: by path.

    Returns:
        Groups of two paths or more, each sorted.
    """
    usable = {file: fact.size for file, fact in facts.items() if fact.size and not fact.trouble}
    sizes = Counter(usable.values())
    groups: defaultdict[tuple[int, bytes], list[str]] = defaultdict(list)
    for file, size in usable.items():
        if sizes[size] < 2:
            continue
        try:
            with Path(file).open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").digest()
        except OSError:  # no permission, or removed since
            continue
        groups[size, digest].append(file)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def check_corpus(
    info: CorpusInfo,
    root: Path,
    rows: Sequence[Mapping[str, object]],
    problems: Iterable[Problem] = (),
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
    facts: Mapping[str, AudioFacts] | None = None,
) -> Corpus:
    """Check recordings and create a corpus of them; the last step of every loader.

    Args:
        info: the corpus.
        root: its folder.
        rows: as in `build_table`; their files exist.
        problems: problems that the loader found.
        labels: the emotions to keep; others are neither checked nor counted.
        drop_duplicates: keep only the first (by path) of byte-identical recordings.
        facts: the headers, if the loader has read them.

    Returns:
        The corpus without recordings that cannot be used, and all problems.

    Raises:
        CorpusError: a label the corpus does not have, or no usable recording.
    """
    present = len(rows)
    labels = list_labels(labels)
    if labels is not None:
        require_labels(info.name, labels, info.labels)
        rows = [row for row in rows if row.get("emotion") in labels]
    files = [str(row["file"]) for row in rows]
    facts = inspect_files(files) if facts is None else {file: facts[file] for file in files}
    found = [*problems, *_list_header_problems(facts, root)]
    groups = find_identical(facts)
    found += _list_duplicates(groups, rows, root, dropped=drop_duplicates)
    gone = {file for file, fact in facts.items() if fact.trouble}
    lost = sum(str(row["file"]) in gone for row in rows)
    incomplete = _label_incomplete(info, present - lost)
    if drop_duplicates:
        gone |= {file for group in groups for file in group[1:]}
    table = build_table([row for row in rows if str(row["file"]) not in gone])
    if table.empty:
        listed = "; ".join(str(problem) for problem in found[:5]) or "no recording matches"
        raise CorpusError(
            f"{root}: nothing usable of {info.title}: {listed}; "
            f"expected {info.layout or 'readable audio files'}"
        )
    found += _compare_counts(info, table, labels)
    if info.warning:
        found.insert(0, Problem("warning", info.warning))
    return Corpus(info, root, table, tuple(found), incomplete)


def add_warning(corpus: Corpus, kind: str, warning: str) -> Corpus:
    """Return a corpus with a warning that every report prints.

    Args:
        corpus: a checked corpus.
        kind: of the problem for this warning, which becomes the first problem.
        warning: remark that results on this corpus need.
    """
    info = dataclasses.replace(corpus.info, warning=warning)
    return dataclasses.replace(
        corpus, info=info, problems=(Problem(kind, warning), *corpus.problems)
    )


def _list_header_problems(facts: Mapping[str, AudioFacts], root: Path) -> list[Problem]:
    """List empty, unreadable and multi-channel files."""
    kinds = {
        "empty": "no samples in these files; left out",
        "unreadable": "these files cannot be read; left out",
        "stereo": "more than one channel, as published or by conversion; mixed down when read",
    }
    files: defaultdict[str, list[str]] = defaultdict(list)
    for file, fact in facts.items():
        kind = fact.trouble or ("stereo" if fact.channels > 1 else "")
        files[kind].append(to_relative(file, root))
    return [
        Problem(kind, message, tuple(sorted(files[kind])))
        for kind, message in kinds.items()
        if kind in files
    ]


def _list_duplicates(
    groups: Iterable[Sequence[str]],
    rows: Sequence[Mapping[str, object]],
    root: Path,
    *,
    dropped: bool,
) -> list[Problem]:
    """Return one problem per group; it says whether labels or speakers differ in the group."""
    said: defaultdict[str, set[tuple[object, object]]] = defaultdict(set)
    for row in rows:
        said[str(row["file"])].add((row.get("emotion"), row.get("speaker")))
    problems = []
    for group in groups:
        message = "byte-identical recordings under several names"
        if any(said[file] != said[group[0]] for file in group[1:]):
            message += ", with different labels or speakers"
        message += "; the first is kept" if dropped else "; drop_duplicates=True keeps the first"
        problems.append(Problem("duplicate", message, tuple(to_relative(f, root) for f in group)))
    return problems


def _compare_counts(
    info: CorpusInfo, table: pd.DataFrame, labels: Sequence[str] | None
) -> list[Problem]:
    """Compare the table with the published counts, for the requested labels."""
    if info.expected is None:
        return []
    wanted = {
        label: count
        for label, count in info.expected.per_label.items()
        if labels is None or label in labels
    }
    here = Counter(table["emotion"])
    pairs = [("files", len(table), sum(wanted.values()))]
    pairs += [("speakers", table["speaker"].nunique(), info.expected.speakers)]
    pairs += [(f'files of "{label}"', here[label], count) for label, count in wanted.items()]
    return [
        Problem(
            "count", f"{found} {what} where {count} are published" + _count_missing(found, count)
        )
        for what, found, count in pairs
        if found != count
    ]


def _label_incomplete(info: CorpusInfo, found: int) -> str:
    """Return the label for results on this many recordings; "" if none is missing."""
    if info.expected is None or found >= info.expected.files:
        return ""
    return f"incomplete {info.title.partition(' (')[0]}, {found} of {info.expected.files}"


def _count_missing(found: int, published: int) -> str:
    """Return a clause with the number of missing recordings; "" if none is missing."""
    return f"; {published - found} missing" if found < published else ""


def find_missing(expected: Iterable[str], present: Iterable[str]) -> list[Problem]:
    """List the names that the layout implies and that are missing.

    Args:
        expected: every name, without suffix.
        present: the names found, without suffix.

    Returns:
        No problem, or one with all missing names.
    """
    absent = sorted(set(expected) - {os.fspath(name) for name in present})
    if not absent:
        return []
    return [Problem("missing", f"{len(absent)} recordings the layout implies", tuple(absent))]

"""Check the rows of a manifest or another table one by one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from serenade.corpora._checks import AudioFacts, add_warning, check_corpus, inspect_files
from serenade.corpora._corpus import CorpusInfo, Problem
from serenade.corpora._discovery import join_path, to_absolute
from serenade.corpora._labels import LABELS, list_doubts, order_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from serenade.corpora._corpus import Corpus

_LONGEST = 1e9  # seconds; longer than any recording, and exact in nanoseconds
_ROUNDING = 1e-3  # seconds a written end may lie beyond the file's through rounding


class _BadRowError(Exception):
    """The row is left out; holds the kind of problem, and the reason with its fix."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def collect_rows(
    name: str,
    source: str,
    entries: Iterable[tuple[int, Mapping[str, str | None]]],
    base: Path,
    problems: Sequence[Problem] = (),
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Check rows of cells and create a corpus of them.

    Args:
        name: the corpus' name.
        source: origin of the rows, for messages.
        entries: line numbers and cells by column; a missing cell is None.
        base: the folder that relative paths start from.
        problems: problems that were found when they were read.
        labels: the emotions to keep.
        drop_duplicates: keep the first of byte-identical recordings.

    Raises:
        CorpusError: no row is valid.
    """
    base = to_absolute(base)
    facts: dict[str, AudioFacts] = {}
    found = list(problems)
    kept: dict[tuple[object, ...], tuple[int, dict[str, object]]] = {}
    contradicted: set[tuple[object, ...]] = set()
    for line, cells in entries:
        try:
            row = _parse_row(cells, base, facts)
            segment = row["file"], row["start"], row["end"]
            if segment in kept:
                first, other = kept[segment]
                if other["emotion"] != row["emotion"]:
                    contradicted.add(segment)
                    raise _BadRowError(
                        "contradiction",
                        f'"{row["emotion"]}", but line {first} says "{other["emotion"]}" of the '
                        "same segment; neither is used, keep the right one",
                    )
                raise _BadRowError("row", f"the same segment as line {first}; delete one")
            kept[segment] = line, row
        except _BadRowError as bad:
            concerned = (str(cells["file"]),) if cells.get("file") else ()
            found.append(Problem(bad.kind, f"{source}, line {line}: {bad}", concerned))
    rows = [row for segment, (_, row) in kept.items() if segment not in contradicted]
    info = _describe_rows(name, rows)
    found += _list_column_problems(rows)
    corpus = check_corpus(
        info, base, rows, found, labels=labels, drop_duplicates=drop_duplicates, facts=facts
    )
    # Rows of another corpus keep its warning, in the column `warning`.
    warnings = sorted({str(row["warning"]) for row in rows if row.get("warning")})
    return add_warning(corpus, "warning", "; ".join(warnings)) if warnings else corpus


def to_nanoseconds(cell: str | None) -> int | None:
    """Convert a time to nanoseconds; None for an empty cell or NaT.

    Args:
        cell: seconds, or a time difference as pandas writes it.

    Raises:
        ValueError: the cell is not a time from 0 to 1e9 seconds.

    >>> to_nanoseconds("1.5"), to_nanoseconds("0 days 00:00:01.5"), to_nanoseconds("NaT")
    (1500000000, 1500000000, None)
    """
    import pandas as pd

    if cell is None or cell == "NaT":
        return None
    try:
        seconds = float(cell)
        exact = round(seconds * 1e9) if abs(seconds) <= _LONGEST else -1
    except ValueError:
        if "," in cell:  # pandas would read "1,5" as 15 nanoseconds
            raise
        exact = pd.Timedelta(cell).as_unit("ns").value
    if not 0 <= exact <= _LONGEST * 1e9:
        raise ValueError(cell)
    return exact


def _parse_row(
    cells: Mapping[str, str | None], base: Path, facts: dict[str, AudioFacts]
) -> dict[str, object]:
    """Parse a row for `build_table`; headers are read once and kept in `facts`."""
    if not cells.get("file"):
        raise _BadRowError("row", "no file; fill the cell in")
    if not cells.get("emotion"):
        raise _BadRowError("label", "no emotion; fill the cell in or delete the row")
    file = _find_file(str(cells["file"]), base)
    if file not in facts:
        facts.update(inspect_files([file]))
    start, end = _parse_times(cells, facts[file])
    return {**cells, "file": file, "start": start, "end": end}


def _find_file(name: str, base: Path) -> str:
    """Return the absolute path of an existing audio file."""
    path = join_path(base, name)
    if not os.path.isfile(path):  # noqa: PTH113 - False for impossible names, too
        raise _BadRowError(
            "missing",
            f"no file {path}; correct the path, or give the folder it starts from as root",
        )
    return path


def _parse_times(cells: Mapping[str, str | None], facts: AudioFacts) -> tuple[int, int | None]:
    """Return start and end in nanoseconds, checked against the recording."""
    times = {}
    for column in ("start", "end"):
        try:
            times[column] = to_nanoseconds(cells.get(column))
        except ValueError:
            raise _BadRowError(
                "time",
                f'{column} "{cells[column]}" is not a time; write seconds (1.5) '
                "or 0 days 00:00:01.5",
            ) from None
    start, end = times["start"] or 0, times["end"]
    if end is not None and start >= end:
        raise _BadRowError(
            "time", f"start {start / 1e9:g} s is not before end {end / 1e9:g} s; correct them"
        )
    last = start if end is None else end
    beyond = last > (facts.duration + _ROUNDING) * 1e9 or start >= facts.duration * 1e9
    if not facts.trouble and beyond:
        raise _BadRowError(
            "time",
            f"{last / 1e9:g} s is beyond the end of the recording, {facts.duration:g} s; "
            "write times in seconds within it",
        )
    return start, end


def _describe_rows(name: str, rows: Sequence[Mapping[str, object]]) -> CorpusInfo:
    """Return the facts that the rows give about their corpus."""
    labels = order_labels({str(row["emotion"]) for row in rows}, LABELS)
    languages = sorted({str(row["language"]) for row in rows if row.get("language")})
    return CorpusInfo(
        name=name,
        title=name,
        licence="not stated",
        citation="not stated",
        url="",
        languages=tuple(languages),
        labels=labels,
        layout="a manifest whose files exist",
    )


def _list_column_problems(rows: Sequence[Mapping[str, object]]) -> list[Problem]:
    """List missing speakers, and labels that have another name in the toolkit."""
    problems = []
    if unnamed := {str(row["file"]) for row in rows if not row.get("speaker")}:
        message = (
            f"{len(unnamed)} recordings have no speaker: speaker-independent protocols need one; "
            "fill the column speaker in"
        )
        problems.append(Problem("speaker", message))
    found = {str(row["emotion"]) for row in rows}
    problems += [Problem("label", doubt) for doubt in list_doubts(found)]
    return problems

"""Read and write manifests: CSV or TSV files with one row per recording or segment.

Columns are `file` and `emotion`, and if known `start` and `end`, `speaker`, `session`, `gender`,
`text`, `language`, `split`, ratings as numbers (`arousal`, `valence`, `dominance`), numbers or
shares of the raters that voted for an emotion (`votes_happy` and so on) and any others. A `warning`
is printed on every report. audformat's segmented tables are manifests.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._printable import from_csv_cell
from serenade._targets import DIMENSIONS, VOTES
from serenade.corpora._corpus import Problem
from serenade.corpora._discovery import find_spelling
from serenade.corpora._rows import collect_rows
from serenade.corpora._tables import clean_cell, write_table
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from serenade.corpora._corpus import Corpus

_COLUMNS = frozenset(
    [
        *("file", "start", "end", "emotion", "speaker", "session", "gender", "text", "language"),
        *("split", "warning", *DIMENSIONS),
    ]
)


def load_manifest(
    path: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
    label_column: str = "emotion",
    rated: bool = False,
) -> Corpus:
    """Open a manifest.

    Args:
        path: the file, UTF-8. `.tsv` means tabs; otherwise the header decides between commas,
            semicolons and tabs. Columns without a name are ignored.
        root: the folder that relative paths start from; by default the folder of the manifest.
        labels: the emotions to keep.
        drop_duplicates: keep the first of byte-identical recordings.
        label_column: column that holds the labels.
        rated: keep also rows without a label, as "undecided", for targets other than emotions.

    Returns:
        The corpus with the valid rows in their order. Times are seconds ("1.5") or time
        differences ("0 days 00:00:01.5"). Labels stay as written; a problem lists labels that
        have another name in the toolkit. Each invalid row is a problem.

    Raises:
        CorpusError: no file, no header, a missing column, or no valid row.
    """
    path = Path(path).expanduser()
    base = path.parent if root is None else Path(root)
    entries, problems = _read_entries(path, ("file",) if rated else ("file", label_column))
    name = path.stem if label_column == "emotion" else f"{path.stem}-{label_column}"
    return collect_rows(
        name,
        str(path),
        [
            (line, {**cells, "emotion": cells.get(label_column) or ("undecided" * rated)})
            for line, cells in entries
        ],
        base,
        problems,
        labels=labels,
        drop_duplicates=drop_duplicates,
    )


def write_manifest(corpus: Corpus, path: str | os.PathLike[str]) -> None:
    """Write the table of a corpus as a manifest.

    Args:
        corpus: files below its root are named relative to it.
        path: the `.csv` or `.tsv` file to write. `load_manifest(path, corpus.root)` reads it.
    """
    write_table(corpus.table, corpus.root, Path(path))


def read_speakers(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the speakers of the recordings of a manifest, which may have no emotions.

    Args:
        path: the manifest, see `load_manifest`.

    Returns:
        The speaker of each file, in the order of the rows; empty where no speaker is named. Files
        are relative to the folder of the manifest.

    Raises:
        CorpusError: no file, no header, no column `file`, an unreadable row, a part of a recording
            (`start` or `end`), or a recording with two speakers.
    """
    return _read_column(path, "speaker", ("file",))


def read_column(path: str | os.PathLike[str], column: str) -> dict[str, str]:
    """Read a column of a manifest by file, as `read_speakers` does; a missing column is an error.

    Args:
        path: the manifest, see `load_manifest`.
        column: name of the column.

    Raises:
        CorpusError: no file, no header, no such column, or an unreadable row.
    """
    return _read_column(path, column, ("file", column))


def _read_column(
    path: str | os.PathLike[str], column: str, needed: Sequence[str]
) -> dict[str, str]:
    path = Path(path).expanduser()
    entries, problems = _read_entries(path, needed)
    if problems:
        raise CorpusError(problems[0].message)
    found: dict[str, str] = {}
    for line, row in entries:
        if not row["file"]:
            continue
        if row.get("start") or row.get("end"):
            raise CorpusError(
                f"{path}, line {line}: start and end name a part of {row['file']}, but whole "
                "recordings are read here; cut the recordings, or remove these columns"
            )
        file = str(path.parent / find_spelling(path.parent, row["file"]))
        value = row.get(column) or ""
        if found.setdefault(file, value) != value:
            raise CorpusError(
                f"{path}, line {line}: {row['file']} has two values in the column {column}, "
                f"{found[file]} and {value}; keep one of them"
            )
    return found


def _read_entries(
    path: Path, needed: Sequence[str] = ("file", "emotion")
) -> tuple[list[tuple[int, dict[str, str | None]]], list[Problem]]:
    """Return the rows as cleaned cells with line numbers, without blank lines."""
    entries: list[tuple[int, dict[str, str | None]]] = []
    problems: list[Problem] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CorpusError(
            f"{path}: {error.strerror}; give the path of a .csv or .tsv file"
        ) from error
    except UnicodeDecodeError:
        raise CorpusError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    header = text.split("\n", 1)[0]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns = [_normalise_column(name) for name in next(reader, [])]
        _check_header(path, columns, needed)
        for cells in reader:
            if len(cells) == len(columns):
                named = dict(zip(columns, map(_read_cell, cells), strict=True))
                # White space is part of a file name.
                named["file"] = cells[columns.index("file")].strip() or None
                named.pop("", None)
                if any(named.values()):
                    entries.append((reader.line_num, named))
            elif any(cell.strip() for cell in cells):
                message = (
                    f"{path}, line {reader.line_num}: {len(cells)} cells under {len(columns)} "
                    "columns; quote cells that contain the delimiter"
                )
                problems.append(Problem("row", message))
    except csv.Error as error:
        raise CorpusError(f"{path}, line {reader.line_num}: {error}; check its quotes") from None
    return entries, problems


def _read_cell(cell: str) -> str | None:
    return clean_cell(from_csv_cell(cell))


def _normalise_column(name: str) -> str:
    """Return the name of a column; those that the toolkit knows may have capitals.

    >>> _normalise_column(" Emotion"), _normalise_column("F0")
    ('emotion', 'F0')
    """
    name = name.strip()
    known = name.lower() in _COLUMNS or name.lower().startswith(VOTES)
    return name.lower() if known else name


def _check_header(path: Path, columns: list[str], needed: Sequence[str]) -> None:
    """Raise `CorpusError` if a column is missing or named twice."""
    shown = ", ".join(filter(None, columns)) or "nothing"
    if lacking := [name for name in needed if name not in columns]:
        raise CorpusError(
            f"{path}, line 1: no column {' and no column '.join(lacking)}, found {shown}; "
            f"the first line names the columns, {' and '.join(needed)} among them"
        )
    if twice := {name for name in columns if name and columns.count(name) > 1}:
        raise CorpusError(
            f"{path}, line 1: {', '.join(sorted(twice))} named twice; rename or delete one"
        )

"""Read and write words with their times: alignment files of IEMOCAP, and tables of words."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._atomic import write_output
from serenade._printable import from_csv_cell, to_csv_cell, to_csv_path
from serenade.corpora._discovery import join_path, to_absolute, to_relative
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence


WordInterval = tuple[str, float, float]
"""A word, its start and its end in seconds."""

COLUMNS = ("file", "word", "start", "end", "probability")
"""Columns of a table of words; times are seconds within the file."""

FRAME = 0.01
"""Seconds per frame of a `.wdseg` file."""

_SEGMENT = re.compile(r"\s*(\d+)\s+(\d+)\s+-?\d+\s+(\S+)\s*")
_VARIANT = re.compile(r"\(\d+\)$")
_FILLER = re.compile(r"<.*>|\+\+.*\+\+|\[.*\]", re.IGNORECASE)


def parse_words(cell: str) -> tuple[WordInterval, ...]:
    """Read the words of a clip from a table cell: a JSON list of words with their times.

    Args:
        cell: list of `[word, start, end]`, times in seconds.

    >>> parse_words('[["we", 0.08, 0.21], ["go", 0.21, 0.4]]')
    (('we', 0.08, 0.21), ('go', 0.21, 0.4))
    """
    return tuple((word, start, end) for word, start, end in json.loads(cell))


def read_wdseg(path: str | os.PathLike[str], *, fillers: bool = False) -> tuple[WordInterval, ...]:
    """Read the words of a `.wdseg` file, which the aligner of SPHINX writes.

    Its lines have first frame, last frame (both within the word), score and word; other lines
    are the header and the total.

    Args:
        path: the file.
        fillers: keep silence and noises (`<s>`, `<sil>`, `++LAUGHTER++`) as written.

    Returns:
        Words in lower case without the number of their variant (`A(2)` is `a`), in order.

    Raises:
        CorpusError: the file does not exist, or none of its lines is a segment.
    """
    segments = [_SEGMENT.fullmatch(line) for line in read_text(path).splitlines()]
    found = [segment.groups() for segment in segments if segment]
    if not found:
        raise CorpusError(f"{path}: not a .wdseg file; expected lines of SFrm, EFrm, SegAScr, Word")
    return tuple(
        (
            word if _FILLER.fullmatch(word) else _VARIANT.sub("", word).lower(),
            int(first) * FRAME,
            (int(last) + 1) * FRAME,
        )
        for first, last, word in found
        if fillers or not _FILLER.fullmatch(word)
    )


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a text file in UTF-8, or else in the Western encoding of Windows.

    Raises:
        CorpusError: the file cannot be read.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}; copy the corpus again") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def read_lines(path: Path, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the lines of a CSV file by the names of its columns; missing cells are empty.

    Args:
        path: the file.
        needed: columns that it must have.

    Raises:
        CorpusError: the file cannot be read, or lacks a column.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restval="")
    if lacking := [name or "''" for name in needed if name not in (reader.fieldnames or ())]:
        raise CorpusError(f"{path}: no column {', '.join(lacking)}; copy the table again")
    for line in reader:
        yield {str(name): value for name, value in line.items() if isinstance(value, str)}


def write_words(
    path: str | os.PathLike[str], rows: Iterable[tuple[str, str, float, float, float]]
) -> None:
    """Write a table of words.

    Args:
        path: a `.csv` file. Recordings below its folder are written relative to it.
        rows: path of the recording, word, start and end in seconds, probability or NaN.
    """
    base = to_absolute(path).parent
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for recording, word, start, end, probability in rows:
        name = to_csv_path(to_relative(recording, base))
        share = "" if math.isnan(probability) else f"{probability:.4f}"
        writer.writerow([name, to_csv_cell(word, exact=True), f"{start:.3f}", f"{end:.3f}", share])
    write_output(path, file.getvalue())


def read_words(path: str | os.PathLike[str]) -> dict[str, tuple[WordInterval, ...]]:
    """Read a table of words.

    Args:
        path: a CSV file with the columns file, word, start and end, as `write_words` writes it.

    Returns:
        Words by the absolute path of the recording, by time.

    Raises:
        CorpusError: a column is missing, or a row has no valid times; the message names the line.
    """
    base = to_absolute(path).parent
    found: defaultdict[str, list[WordInterval]] = defaultdict(list)
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    if lacking := [name for name in COLUMNS[:4] if name not in (reader.fieldnames or ())]:
        raise CorpusError(
            f"{path}, line 1: no column {', '.join(lacking)}; `serenade transcribe` writes such "
            "tables"
        )
    for row in reader:
        try:
            start, end = float(row["start"]), float(row["end"])
            if not (row["file"] and row["word"] and 0 <= start <= end < math.inf):
                raise ValueError
        except (TypeError, ValueError):
            raise CorpusError(
                f"{path}, line {reader.line_num}: not a word with a start before its end; "
                "correct or delete it"
            ) from None
        word = from_csv_cell(row["word"]), start, end
        found[join_path(base, row["file"])].append(word)
    return {file: tuple(sorted(words, key=lambda w: w[1:])) for file, words in found.items()}

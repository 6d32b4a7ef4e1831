"""Find the times of the words that the recordings of a corpus say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serenade.corpora import iemocap
from serenade.corpora._word_times import parse_words, read_words
from serenade.errors import CorpusError

if TYPE_CHECKING:
    import os

    from serenade.corpora._corpus import Corpus
    from serenade.corpora._word_times import WordInterval


def list_word_times(
    corpus: Corpus, table: str | os.PathLike[str] | None = None
) -> list[tuple[WordInterval, ...]]:
    """Return the words of each row of a corpus, with start and end in seconds within the file.

    Args:
        corpus: IEMOCAP, or a corpus with a column `words` that `parse_words` reads.
        table: a table of words that `serenade transcribe --words` wrote, for any corpus.

    Returns:
        Words by row; empty if a row has no words or no alignment.

    Raises:
        CorpusError: no table is given and the corpus has no times, a cell of the column `words`
            is damaged, or as in `read_words`.
    """
    rows = corpus.table
    if table is not None:
        known = read_words(table)
        return [
            tuple(
                (word, first, last)
                for word, first, last in known.get(file, ())
                # NaT, a file's end, compares as false.
                if start.total_seconds() <= (first + last) / 2
                and not (first + last) / 2 >= end.total_seconds()
            )
            for file, start, end in rows.index
        ]
    if corpus.info.name == "iemocap":
        files = rows.index.get_level_values("file")
        return [
            iemocap.read_alignment(f) if iemocap.locate_alignment(f).is_file() else ()
            for f in files
        ]
    if "words" in rows:
        cells = rows["words"].where(rows["words"].notna(), "[]")
        files = rows.index.get_level_values("file")
        return [
            _parse_cell(cell, f"{file}, row {row} of the table")
            for row, (file, cell) in enumerate(zip(files, cells, strict=True), 1)
        ]
    raise CorpusError(
        f"{corpus.info.name}: has no times of words; compute them with "
        f"`serenade transcribe {corpus.info.name} --align --words words.csv`, and give that table"
    )


def _parse_cell(cell: str, place: str) -> tuple[WordInterval, ...]:
    """Return the words of a cell; `place` names it in the error."""
    try:
        return parse_words(cell)
    except (ValueError, TypeError) as error:
        raise CorpusError(
            f"{place}: its column words is no JSON list of [word, start, end] ({error}); correct "
            "the cell, or leave it empty"
        ) from None

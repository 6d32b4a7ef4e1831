"""A text's words one by one: a code that names each, and its vector of a file.

A network that learns embeddings of its own finds its words by the code, which depends on nothing
but the word: no vocabulary has to be fixed before it is known what is trained on, and a word that
training never saw still has the vector that the file gives it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from serenade.encoders import _word_vectors
from serenade.errors import ModelError
from serenade.extraction import get_file_state, hash_content
from serenade.features import TextFeature
from serenade.transcription import tokenise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RANDOM_VECTORS = "random"
"""In place of a file: codes alone."""

CODE_COLUMNS = 2
"""Columns of a word's code: 48 bits, of which float32 holds 24 exactly."""


@dataclasses.dataclass(frozen=True)
class EmbeddedWords(TextFeature):
    """A row for each word of a text: two numbers that name it, and its vector.

    A word that the file does not have has zeros for a vector. A text without words (empty, missing,
    or of signs and events alone) has one row, of zeros only; no word has this code.

    Args:
        vectors: a file of word vectors that `load_word_vectors` reads,
            `glove-6b-50d`, or `random` for rows without vectors.
        split: see `serenade.transcription._alignment.tokenise`; as the file's words were made.
        longest: words that are kept of a text.

    >>> EmbeddedWords()("No, no.").shape
    (2, 2)
    """

    scalable: ClassVar[bool] = False
    located: ClassVar[tuple[str, ...]] = ("vectors",)
    vectors: str = RANDOM_VECTORS
    split: bool = False
    longest: int = 128

    def identity(self) -> dict[str, object]:
        """Return the identity of the feature, with a hash of the file's content."""
        if self.vectors in {RANDOM_VECTORS, _word_vectors.GLOVE_SOURCE}:
            return super().identity()
        try:
            content = hash_content(self.vectors)
        except OSError as error:
            raise ModelError(
                f"{self.vectors}: {error.strerror}; give a text file of word vectors, "
                f"{_word_vectors.GLOVE_SOURCE!r} or {RANDOM_VECTORS!r}"
            ) from None
        return super().identity() | {"content": content}

    @property
    def names(self) -> tuple[str, ...]:
        """The halves of the code, then the vector's dimensions."""
        dims = self._load_table().dims if self.vectors != RANDOM_VECTORS else 0
        return ("code_high", "code_low", *(f"vector_{number}" for number in range(dims)))

    def batch(self, texts: Sequence[object]) -> list[NDArray[np.float32]]:
        """Rows of each text's words, `(words, 2 + dims)`; see `TextFeature.batch`.

        Raises:
            ModelError: no such file, or not one of word vectors.
        """
        return [
            self._look_up_rows(tokenise(text, split=self.split)[: self.longest]) for text in texts
        ]

    def _look_up_rows(self, words: Sequence[str]) -> NDArray[np.float32]:
        codes = np.array([_compute_code(word) for word in words] or [(0, 0)], dtype=np.float32)
        if self.vectors == RANDOM_VECTORS:
            return codes
        table = self._load_table()
        vectors = table.vectors(words)[0] if words else np.zeros((1, table.dims), np.float32)
        return np.concatenate([codes, vectors], axis=1)

    def _load_table(self) -> _word_vectors.WordVectors:
        path = Path(self.vectors)
        changed = get_file_state(path) if path.is_file() else ()
        return _load_vectors(self.vectors, changed)


def get_word_codes(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the codes of rows of `EmbeddedWords` as whole numbers; 0 means that there is no word.

    >>> no, again, yes = get_word_codes(EmbeddedWords()("No, no. Yes!")).tolist()
    >>> no == again, no == yes
    (True, False)
    """
    halves = rows[..., :CODE_COLUMNS].astype(np.int64)
    return np.asarray((halves[..., 0] << 24) + halves[..., 1])


@functools.lru_cache(maxsize=1 << 16)
def _compute_code(word: str) -> tuple[int, int]:
    """48 bits that name a word; two of 100 000 words share theirs with a chance of 1 in 50 000."""
    number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=6).digest(), "big") or 1
    return number >> 24, number & 0xFFFFFF


@functools.lru_cache(maxsize=2)
def _load_vectors(source: str, changed: tuple[int, ...]) -> _word_vectors.WordVectors:  # noqa: ARG001 - the memory's key
    return _word_vectors.load_word_vectors(source)

"""Words of a text, for word vectors, alignment and error rates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_EVENT = re.compile(r"\[[^\]]*\]")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc`"), "'")
_CONTRACTION = re.compile(r"(.+?)(n't|'(?:s|m|d|re|ve|ll))")


def tokenise(text: object, *, split: bool = False) -> list[str]:
    """Split a text into words, in lower case and without punctuation.

    Args:
        text: in any language that puts blanks between words; None and NaN have none. Events
            that a transcriber noted in brackets ("[LAUGHTER]") are no words.
        split: take contractions apart as the Penn Treebank does, and hyphenated words at the
            hyphen. GloVe's and word2vec's vocabularies were made so: they know "do" and "n't",
            not "don't".

    >>> tokenise("Don't! Mary-Jane, you\u2019re [LAUGHTER] 27.")
    ["don't", 'mary-jane', "you're", '27']
    >>> tokenise("Don't! Mary-Jane, you're 27.", split=True)
    ['do', "n't", 'mary', 'jane', 'you', "'re", '27']
    """
    if not isinstance(text, str):
        return []
    plain = _EVENT.sub(" ", text.translate(_QUOTES)).lower()
    found: list[str] = _WORD.findall(plain.replace("-", " ") if split else plain)
    return [piece for word in found for piece in _split_word(word)] if split else found


def _split_word(word: str) -> tuple[str, ...]:
    contraction = _CONTRACTION.fullmatch(word)
    return contraction.groups() if contraction else (word,)


def count_word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Count the fewest words to insert, delete or replace between two texts (Levenshtein 1966).

    The word error rate is this over the number of words of the reference.

    >>> count_word_errors("kids are talking".split(), "the kids are walking".split())
    2
    """
    costs = list(range(len(hypothesis) + 1))
    for row, word in enumerate(reference, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(hypothesis, 1):
            diagonal, costs[column] = (
                costs[column],
                min(costs[column] + 1, costs[column - 1] + 1, diagonal + (word != other)),
            )
    return costs[-1]

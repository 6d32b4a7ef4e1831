"""Features of texts: what they are, and extraction of many through the cache."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from serenade.features.base import Identified
from serenade.features.cache import Cache, text_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE = 512  # texts between two visits to the cache


@dataclasses.dataclass(frozen=True)
class TextFeature(Identified, ABC):
    """A named, parameterised feature of a text: `text -> (tokens, dims)` float32."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name of each column, in order."""

    @abstractmethod
    def batch(self, texts: Sequence[object]) -> list[NDArray[np.float32]]:
        """Extract the feature of several texts.

        Args:
            texts: as a table holds them; what `given` calls missing counts as empty.

        Returns:
            Arrays `(tokens, dims)`, one row for features of the whole text. A text's values do
            not depend on what else is in the batch.
        """

    def __call__(self, text: object) -> NDArray[np.float32]:
        """Extract the feature of one text; see `batch`."""
        return self.batch([text])[0]


def given(text: object) -> str:
    """A cell of a table as text: empty where it is missing (None, NaN, NA).

    >>> given("Oh."), given(None), given(float("nan"))
    ('Oh.', '', '')
    """
    return text if isinstance(text, str) else ""


def extract_texts(
    texts: Sequence[object], feature: TextFeature, *, cache: Cache | None = None
) -> list[NDArray[np.float32]]:
    """A feature of each text, in their order; equal texts are computed once.

    Args:
        texts: as a table's column holds them; missing ones count as empty.
        feature: what to extract.
        cache: where results are kept; None for the user's own.

    Returns:
        Matrices `(tokens, dims)`, float32.

    Raises:
        ModelError: the feature's model cannot be used.
    """
    cache = Cache() if cache is None else cache
    identity = feature.identity()
    keys = {text: text_key(text, identity) for text in map(given, texts)}
    found = {text: matrix for text, key in keys.items() if (matrix := cache.get(key)) is not None}
    missing = [text for text in keys if text not in found]
    for start in range(0, len(missing), _AT_ONCE):
        part = missing[start : start + _AT_ONCE]
        for text, matrix in zip(part, feature.batch(part), strict=True):
            cache.put(keys[text], matrix)
            found[text] = matrix
    return [found[given(text)] for text in texts]

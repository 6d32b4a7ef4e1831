"""Define the base class of features of texts."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from serenade.features._feature import Identified

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


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
            texts: cells of a table; missing cells count as empty texts.

        Returns:
            Arrays `(tokens, dims)`, one row for features of the whole text. The values
            of a text do not depend on the other texts of the batch.
        """

    def __call__(self, text: object) -> NDArray[np.float32]:
        """Extract the feature of one text; see `batch`."""
        return self.batch([text])[0]


def to_text(text: object) -> str:
    """Convert a cell of a table to text; a missing cell (None, NaN, NA) gives "".

    >>> to_text("Oh."), to_text(None), to_text(float("nan"))
    ('Oh.', '', '')
    """
    return text if isinstance(text, str) else ""

"""Numbers that are learnt in place of emotions: values of dimensions, or shares of votes.

NumPy is imported by the functions that need it, because names of corpora load without it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

from serenade.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSIONS = ("arousal", "valence", "dominance")
"""Columns of a table that hold ratings of dimensions as numbers."""

VOTES = "votes_"
"""Prefix of the columns that hold how many raters chose an emotion, or their share."""


def is_answer(column: str) -> bool:
    """Return whether a column of a table holds emotions, ratings or votes.

    >>> is_answer("valence"), is_answer("votes_sad"), is_answer("text")
    (True, True, False)
    """
    return column in {"emotion", *DIMENSIONS} or column.startswith(VOTES)


@dataclasses.dataclass(frozen=True, eq=False)
class Targets:
    """Targets of clips.

    Args:
        names: names of the values, or emotions that raters voted for.
        numbers: values, or shares of the votes, `(clips, names)`.
        votes: whether the numbers are shares of votes.
    """

    names: tuple[str, ...]
    numbers: NDArray[np.float64]
    votes: bool

    @classmethod
    def of(cls, y: Any, count: int) -> Self:
        """Make the targets of a table.

        Args:
            y: a column for each target; names that begin with `votes_` are those of emotions.
            count: number of recordings.

        Raises:
            InputError: a column is not of numbers, has gaps or another length.
        """
        import numpy as np

        columns = list(map(str, y.columns))
        kinds = zip(columns, y.dtypes, strict=True)
        if texts := [name for name, dtype in kinds if dtype.kind not in "iuf"]:
            raise InputError(f"y: {', '.join(texts)}: no numbers; give columns of numbers")
        numbers = y.to_numpy(dtype=np.float64)
        if len(numbers) != count or not columns or not np.isfinite(numbers).all():
            raise InputError(
                f"y: targets of shape {numbers.shape} for {count} recordings; give a number for "
                "each recording and target, without gaps"
            )
        voted = [name.startswith(VOTES) for name in columns]
        if any(voted) and not (all(voted) and (numbers >= 0).all() and numbers.any(axis=1).all()):
            raise InputError(
                f"y: {', '.join(columns)}: give only columns of votes, which are not negative, "
                "and one vote at least for each recording; or none"
            )
        if all(voted):
            numbers = numbers / numbers.sum(axis=1, keepdims=True)
        names = tuple(name.removeprefix(VOTES) if all(voted) else name for name in columns)
        return cls(names, numbers, all(voted))

    @property
    def labels(self) -> NDArray[np.str_]:
        """The emotion with most votes, the first of several; empty texts for values."""
        import numpy as np

        if not self.votes:
            return np.full(len(self.numbers), "")
        names: NDArray[np.str_] = np.array(self.names)
        return np.asarray(names[self.numbers.argmax(axis=1)])

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return the targets of some clips."""
        return dataclasses.replace(self, numbers=self.numbers[rows])

    def weigh_emotions(
        self, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.str_], NDArray[np.float64]]:
        """List each emotion that a clip got votes for, as a classifier with hard labels takes it.

        The loss of these rows is the cross-entropy with the shares of the votes.

        Args:
            weights: weight of each clip.

        Returns:
            Row number of the clip, emotion, and weight times share, of each pair.
        """
        import numpy as np

        rows, columns = np.nonzero(self.numbers)
        shares = weights[rows] * self.numbers[rows, columns]
        return rows, np.array(self.names)[columns], shares


def has_values(targets: Targets | None) -> bool:
    """Return whether targets are values, which are not classified."""
    return targets is not None and not targets.votes

"""Groups of recordings that a model adapts to."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.adaptation_study.heads import Labels

    Group = tuple[NDArray[np.intp], NDArray[np.bool_]]

SIZE = 20
NEUTRAL, OTHERS = 10, 4


@dataclasses.dataclass(frozen=True)
class Kind:
    """Describe groups.

    Args:
        name: `corpus` (any speakers), `speaker` (one), `neutral` (one, mostly neutral) or
            `dominated` (any speakers, mostly one emotion).
        size: recordings in a group.
        percent: recordings of the one emotion in `dominated` groups.
    """

    name: str
    size: int = SIZE
    percent: int = 0

    @property
    def of_one_speaker(self) -> bool:
        """Whether a group is of one speaker."""
        return self.name in {"speaker", "neutral"}

    def __str__(self) -> str:
        """Return the name that tables show."""
        if self.name == "neutral":
            return "speaker, mostly neutral"
        if self.name == "dominated":
            return f"{self.percent}% one emotion"
        return f"{self.name}, {self.size}"


def draw_groups(
    kind: Kind, rows: NDArray[np.intp], y: Labels, speakers: Labels, seed: int
) -> list[Group]:
    """Draw groups: numbers of rows, and which of them are scored.

    In `corpus` and `speaker` groups every row is scored once; rows that fill up the last group are
    not scored again.
    """
    rng = np.random.default_rng(seed)
    if kind.name == "corpus":
        return _chunks(rows, kind.size, rng)
    if kind.name == "dominated":
        return _dominated(kind, rows, y, rng)
    groups: list[Group] = []
    for speaker in np.unique(speakers[rows]):
        mine = rows[speakers[rows] == speaker]
        if kind.name == "speaker":
            groups += _chunks(mine, kind.size, rng)
        else:
            neutral, others = mine[y[mine] == "neutral"], mine[y[mine] != "neutral"]
            few = min(NEUTRAL, len(neutral))
            rest = max(1, round(few * OTHERS / NEUTRAL))
            groups += [_whole(rng, (neutral, few), (others, rest)) for _ in range(4)]
    return groups


def _dominated(
    kind: Kind, rows: NDArray[np.intp], y: Labels, rng: np.random.Generator
) -> list[Group]:
    many = kind.size * kind.percent // 100
    return [
        _whole(rng, (rows[y[rows] == label], many), (rows[y[rows] != label], kind.size - many))
        for label in np.unique(y[rows])
        for _ in range(6)
    ]


def _whole(rng: np.random.Generator, *parts: tuple[NDArray[np.intp], int]) -> Group:
    drawn = np.concatenate([rng.choice(part, count, replace=False) for part, count in parts])
    return drawn, np.ones(len(drawn), bool)


def _chunks(rows: NDArray[np.intp], size: int, rng: np.random.Generator) -> list[Group]:
    rows = rng.permutation(rows)
    groups: list[Group] = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        missing = min(size, len(rows)) - len(part)
        filling = rng.choice(rows[:start], missing, replace=False) if missing else part[:0]
        scored = np.arange(len(part) + missing) < len(part)
        groups.append((np.concatenate([part, filling]), scored))
    return groups


def by_size(groups: Sequence[Group]) -> list[Group]:
    """Stack groups of one size: `(groups, recordings)` arrays."""
    sizes = sorted({len(rows) for rows, _ in groups})
    return [
        (
            np.stack([rows for rows, _ in groups if len(rows) == size]),
            np.stack([scored for rows, scored in groups if len(rows) == size]),
        )
        for size in sizes
    ]

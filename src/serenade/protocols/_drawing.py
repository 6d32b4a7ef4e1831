"""Tools of protocols: checked columns, ordered speakers, even groups, stratified draws."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from serenade.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Names = NDArray[np.str_]
    Rows = NDArray[np.int64]


def get_column(table: pd.DataFrame, name: str, protocol: str) -> Names:
    """Return a column that must exist and have no gaps.

    Args:
        table: corpus table.
        name: name of the column.
        protocol: name of the protocol, for messages.

    Returns:
        Values as text, shape `(rows,)`.

    Raises:
        EvaluationError: no such column, or rows without a value.
    """
    if name not in table:
        raise EvaluationError(
            f"{protocol}: this corpus has no {name}s; add a column {name}, or choose another "
            "protocol"
        )
    if empty := int(table[name].isna().sum()):
        raise EvaluationError(
            f"{protocol}: {empty} of {len(table)} rows have no {name}; fill it in, leave these "
            "rows out, or choose another protocol"
        )
    return np.array([str(value) for value in table[name]], dtype=np.str_)


def list_groups(names: Names, least: int, what: str, protocol: str) -> list[str]:
    """Return the distinct names in natural order ("2" before "10").

    Args:
        names: shape `(rows,)`.
        least: smallest number of names that the protocol needs.
        what: noun for messages, such as "speaker".
        protocol: name of the protocol, for messages.

    Raises:
        EvaluationError: there are fewer names than `least`.
    """
    found = sorted({str(name) for name in names}, key=_make_natural_key)
    if len(found) < least:
        raise EvaluationError(
            f"{protocol}: {len(found)} {what}s where at least {least} are needed; "
            "choose another protocol"
        )
    return found


def alternate_genders(speaker: Names, gender: Sequence[object] | None = None) -> list[str]:
    """Return the speakers in natural order, with the genders alternating by their shares.

    Args:
        speaker: speaker of each row, shape `(rows,)`.
        gender: gender of each row's speaker, or None.

    >>> alternate_genders(np.array(["1", "2", "3", "10"]), ["m", "m", "f", "f"])
    ['1', '3', '2', '10']
    """
    of = dict(zip(speaker.tolist(), gender, strict=True)) if gender is not None else {}
    members: dict[str, list[str]] = {}
    for name in list_groups(speaker, 0, "speaker", ""):
        members.setdefault(str(of.get(name)), []).append(name)
    places = {
        name: ((place + 0.5) / len(names), _make_natural_key(name))
        for names in members.values()
        for place, name in enumerate(names)
    }
    return sorted(places, key=places.__getitem__)


def cut_evenly(sizes: Sequence[int], groups: int) -> list[tuple[int, int]]:
    """Cut members into consecutive groups with the smallest sum of squared sizes.

    Args:
        sizes: sizes of the members in order; at least as many as groups.
        groups: number of groups.

    Returns:
        First member and end (exclusive) of each group; no group is empty.

    >>> cut_evenly([3, 1, 1, 1], 2)
    [(0, 1), (1, 4)]
    """
    before = np.concatenate([[0], np.cumsum(sizes)]).astype(np.float64)
    count = len(sizes)
    # cost[stop]: cost of the best cut of the first `stop` members into the groups so far.
    cost = np.where(np.arange(count + 1) == 0, 0.0, np.inf)
    starts = []
    for _ in range(groups):
        best = [
            int(np.argmin(cost[:stop] + (before[stop] - before[:stop]) ** 2))
            for stop in range(1, count + 1)
        ]
        cost = np.array(
            [np.inf] + [cost[s] + (before[stop] - before[s]) ** 2 for stop, s in enumerate(best, 1)]
        )
        starts.append([0, *best])
    bounds, stop = [], count
    for chosen in reversed(starts):
        bounds.append((chosen[stop], stop))
        stop = chosen[stop]
    return bounds[::-1]


def draw_stratified(
    emotion: Names, rows: Rows, share: float, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Draw rows at random, stratified by emotion as closely as whole rows allow.

    Args:
        emotion: emotion of every row of the table, shape `(rows of the table,)`.
        rows: rows to draw from.
        share: share of `rows` to draw.
        rng: random generator.

    Returns:
        The remaining rows and the drawn rows.
    """
    shuffled = rng.permutation(rows)
    labels, code = np.unique(emotion[shuffled], return_inverse=True)
    wanted = np.bincount(code, minlength=len(labels)) * share
    # Largest remainder: the total is right, and each emotion is within one row of its share.
    counts = np.floor(wanted).astype(np.int64)
    short = round(float(wanted.sum())) - int(counts.sum())
    counts[np.argsort(counts - wanted, kind="stable")[:short]] += 1
    drawn = np.zeros(len(shuffled), dtype=np.bool_)
    for label, count in enumerate(counts):
        drawn[np.flatnonzero(code == label)[:count]] = True
    return shuffled[~drawn], shuffled[drawn]


def _make_natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sorting key that reads digits as numbers."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]

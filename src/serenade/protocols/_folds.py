"""Folds: rows for training, validation and testing, with their checks and JSON file."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from serenade._atomic import write_atomically
from serenade._printable import dump_json
from serenade.corpora import Item, list_items
from serenade.errors import EvaluationError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

PARTS = ("train", "validation", "test")

_NumberedItem: TypeAlias = tuple[Item, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Fold:
    """Row numbers for one training and test.

    Args:
        name: name for reports, such as "speaker 03".
        train: training rows, shape `(rows,)`.
        validation: validation rows, for early stopping and the like; may be empty.
        test: test rows.

    Every array is sorted, of type int64, and read-only.
    """

    name: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    def __post_init__(self) -> None:
        for part in PARTS:
            rows = np.sort(np.asarray(getattr(self, part), dtype=np.int64))
            rows.flags.writeable = False
            object.__setattr__(self, part, rows)


@dataclasses.dataclass(frozen=True)
class FoldOrigin:
    """Protocol that made folds.

    Args:
        label: name of the protocol in reports.
        description: its description.
    """

    label: str
    description: str


def check_folds(folds: Sequence[Fold], table: pd.DataFrame, *, speaker_independent: bool) -> None:
    """Check that folds are disjoint, fit the table, and are speaker-independent if they must be.

    Args:
        folds: folds of the table.
        table: corpus table with the column `speaker`.
        speaker_independent: whether parts of a fold must not share a speaker.

    Raises:
        EvaluationError: no folds, an empty training or test part, rows the table does not have,
            a row in two parts, or a speaker in two parts of a speaker-independent fold.
    """
    if not folds:
        raise EvaluationError("no folds; the protocol must give at least one")
    for fold in folds:
        for part in PARTS:
            rows = getattr(fold, part)
            if part != "validation" and len(rows) == 0:
                raise EvaluationError(f'fold "{fold.name}": no {part} rows; choose another split')
            if len(rows) and not 0 <= rows[0] <= rows[-1] < len(table):
                raise EvaluationError(
                    f'fold "{fold.name}": {part} rows beyond the table\'s {len(table)}; '
                    "make the folds from this table"
                )
            if len(np.unique(rows)) < len(rows):
                raise EvaluationError(
                    f'fold "{fold.name}": {part} has a duplicate row; list each row once'
                )
        for one, other in itertools.combinations(PARTS, 2):
            if shared := len(np.intersect1d(getattr(fold, one), getattr(fold, other))):
                raise EvaluationError(
                    f'fold "{fold.name}": {shared} rows are both in {one} and {other}; '
                    "each row belongs to one part"
                )
            both = find_shared_speakers(table, getattr(fold, one), getattr(fold, other))
            if speaker_independent and both:
                raise EvaluationError(
                    f'fold "{fold.name}" must be speaker-independent, but {one} and {other} '
                    f"share {_format_some(both)}; use a protocol that groups by speaker"
                )


def find_shared_speakers(
    table: pd.DataFrame, one: NDArray[np.int64], other: NDArray[np.int64]
) -> list[str]:
    """Return the speakers that two sets of rows share, sorted.

    The list ends with "unknown" if speakers of one set are unknown and may therefore be shared.

    Args:
        table: corpus table with the column `speaker`.
        one: row numbers.
        other: row numbers.
    """
    if len(one) == 0 or len(other) == 0:
        return []
    if "speaker" not in table:
        return ["unknown"]
    sides = [table["speaker"].iloc[rows] for rows in (one, other)]
    known = {str(name) for name in set(sides[0].dropna()) & set(sides[1].dropna())}
    return sorted(known) + ["unknown"] * any(bool(side.isna().any()) for side in sides)


def write_folds(
    path: str | os.PathLike[str],
    folds: Sequence[Fold],
    table: pd.DataFrame,
    root: str | os.PathLike[str],
    origin: FoldOrigin | None = None,
) -> None:
    """Write folds as JSON that names items, so that it is valid on another machine.

    Args:
        path: file to write.
        folds: folds of the table.
        table: corpus table.
        root: folder of the corpus; paths in the file are relative to it.
        origin: protocol that made the folds, if one did.
    """
    content: dict[str, Any] = {"items": list_items(table, root)}
    content["folds"] = [
        {"name": fold.name, **{part: getattr(fold, part).tolist() for part in PARTS}}
        for fold in folds
    ]
    if origin is not None:
        stated = {"label": origin.label, "description": origin.description}
        content["protocol"] = {**stated, "checksum": _hash_folds(content)}
    write_atomically(path, f"{dump_json(content)}\n".encode())


def read_fold_origin(path: str | os.PathLike[str]) -> FoldOrigin | None:
    """Read the protocol that made the folds of a file; None if it is not known.

    It is not known either of folds that were changed after they were written.

    Args:
        path: file that `write_folds` wrote.
    """
    try:
        content = json.loads(Path(path).read_bytes())
        stated = content["protocol"]
        if stated["checksum"] != _hash_folds(content):
            return None
        return FoldOrigin(str(stated["label"]), str(stated["description"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _hash_folds(content: Mapping[str, Any]) -> str:
    """Return a hash of the items and folds of a file."""
    stated = json.dumps([content["items"], content["folds"]])
    return hashlib.blake2b(stated.encode(), digest_size=16).hexdigest()


def read_folds(
    path: str | os.PathLike[str], table: pd.DataFrame, root: str | os.PathLike[str]
) -> list[Fold]:
    """Read folds and find their items in a table, which may be in another order.

    Rows of equal items keep their order.

    Args:
        path: file that `write_folds` wrote.
        table: corpus table.
        root: folder of the corpus.

    Raises:
        EvaluationError: the file holds no folds, or the table lacks one of their items.
    """
    # Items are compared as written first: names in NFC and in NFD may be two files.
    items = _number_repeats(list_items(table, root))
    here = {_compose(item): row for row, item in enumerate(items)}
    here |= {item: row for row, item in enumerate(items)}
    folds = [
        (name, [[item if item in here else _compose(item) for item in part] for part in parts])
        for name, parts in _read_fold_items(path)
    ]
    used = {item for _, parts in folds for items in parts for item in items}
    if absent := sorted({item.file for item, count in used if (item, count) not in here}):
        raise EvaluationError(
            f"{path}: this corpus lacks {_format_some(absent)}; open the corpus that the folds "
            "were made from"
        )
    return [
        Fold(name, *(np.array([here[item] for item in items], np.int64) for items in parts))
        for name, parts in folds
    ]


def _number_repeats(items: Iterable[Item]) -> list[_NumberedItem]:
    """Return each item with the number of equal items before it.

    A corpus that pairs a recording with several texts has rows of equal items.
    """
    counts: Counter[Item] = Counter()
    numbered = []
    for item in items:
        numbered.append((item, counts[item]))
        counts[item] += 1
    return numbered


def _compose(numbered: _NumberedItem) -> _NumberedItem:
    """Return an item with its file name in NFC, and its number."""
    item, number = numbered
    return item._replace(file=unicodedata.normalize("NFC", item.file)), number


def _read_fold_items(path: str | os.PathLike[str]) -> list[tuple[str, list[list[_NumberedItem]]]]:
    """Read the name of each fold, and the items of each of its parts."""
    try:
        content = json.loads(Path(path).read_bytes())
        written = _number_repeats(_parse_item(*item) for item in content["items"])
        return [
            (str(fold["name"]), [[written[row] for row in fold[part]] for part in PARTS])
            for fold in content["folds"]
        ]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EvaluationError(
            f"{path}: no folds in it ({type(error).__name__}: {error}); "
            "give a file that write_folds wrote"
        ) from error


def _parse_item(file: object, start: object, end: object) -> Item:
    """Return an item from JSON data, or raise TypeError."""
    times = [time for time in (start, end) if time is not None]
    if (
        start is None
        or not isinstance(file, str)
        or not all(type(t) in {int, float} for t in times)
    ):
        raise TypeError(f"an item of {file!r:.60}, {start!r:.60}, {end!r:.60}")
    return Item(file, start, end)  # type: ignore[arg-type]


def _format_some(names: Sequence[str]) -> str:
    """Return the first five of many names."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more

"""Identify the rows of a table independently of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from serenade.corpora._discovery import to_relative

if TYPE_CHECKING:
    import os

    import pandas as pd


class Item(NamedTuple):
    """Part of a file that a row of a table describes.

    Args:
        file: path; below the root of the corpus, relative to it.
        start: in seconds.
        end: in seconds; None for the end of the file.
    """

    file: str
    start: float
    end: float | None


def list_items(table: pd.DataFrame, root: str | os.PathLike[str]) -> list[Item]:
    """Return the items of a table indexed by `(file, start, end)`.

    Args:
        table: a corpus' table.
        root: the corpus' folder.
    """
    import pandas as pd

    files = [to_relative(str(file), Path(root)) for file in table.index.get_level_values("file")]
    starts = pd.TimedeltaIndex(table.index.get_level_values("start")).total_seconds()
    ends = pd.TimedeltaIndex(table.index.get_level_values("end")).total_seconds()
    return [
        Item(file, float(start), None if end != end else float(end))  # noqa: PLR0124 - NaN
        for file, start, end in zip(files, starts, ends, strict=True)
    ]

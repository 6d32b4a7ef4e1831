"""Build and write the table of a corpus; a written table reads back unchanged."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import TYPE_CHECKING

from serenade._atomic import write_output
from serenade._printable import to_csv_cell, to_csv_path
from serenade.corpora._discovery import to_relative

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

INDEX = ("file", "start", "end")
TEXT_COLUMNS = ("speaker", "emotion", "session", "gender", "text", "language", "split")
"""Columns that all corpora share; they are always text, so that speaker "03" stays "03"."""

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_NAT = -(2**63)


def clean_cell(value: object) -> str | None:
    """Clean the text of a cell: single blanks as white space, None if it is empty.

    >>> clean_cell("  WR0 "), clean_cell(""), clean_cell(None), clean_cell(3)
    ('WR0', None, None, '3')
    """
    return None if value is None else " ".join(str(value).split()) or None


def build_table(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Build a table in audformat's segmented convention.

    Args:
        rows: mappings with `file` (absolute path), optionally `start` and `end` in nanoseconds
            (absent or None: the beginning, the end of the file), and columns. A column other
            than the shared ones is int64 if every value is an integer without leading zeros,
            float64 if every value that exists is a number, text otherwise.

    Returns:
        A table indexed by `(file, start, end)`, in the order of `rows`.
    """
    import numpy as np
    import pandas as pd

    names = dict.fromkeys(("speaker", "emotion"))
    for row in rows:
        names |= dict.fromkeys(name for name in row if name not in INDEX)
    times = {
        "start": [row.get("start") or 0 for row in rows],
        "end": [_NAT if row.get("end") is None else row["end"] for row in rows],
    }
    index = pd.MultiIndex.from_arrays(
        [
            pd.Index([str(row["file"]) for row in rows], dtype=object),
            *(pd.TimedeltaIndex(np.array(t, "int64").view("m8[ns]")) for t in times.values()),
        ],
        names=INDEX,
    )
    columns = {
        name: _make_column([clean_cell(row.get(name)) for row in rows], text=name in TEXT_COLUMNS)
        for name in names
    }
    return pd.DataFrame(columns).set_axis(index, axis="index")


def _make_column(values: list[str | None], *, text: bool) -> pd.Series:
    """Convert cells to numbers if all are numbers, otherwise to text (object, None if missing)."""
    import pandas as pd

    there = [value for value in values if value is not None]
    if there and not text:
        if len(there) == len(values) and all(map(_INTEGER.fullmatch, there)):
            return pd.Series(values).astype("int64")
        if all(_NUMBER.fullmatch(v) and math.isfinite(float(v)) for v in there):
            numbers = [math.nan if value is None else float(value) for value in values]
            return pd.Series(numbers, dtype="float64")
    return pd.Series(values, dtype=object)


def write_table(table: pd.DataFrame, root: Path, path: Path) -> None:
    """Write a table as CSV, or as TSV if the suffix is `.tsv`.

    Args:
        table: as `build_table` returns it.
        root: files below it are written relative to it.
        path: the file to write, UTF-8, completely or not at all. Cells that spreadsheets would
            execute begin with an apostrophe, which `load_manifest` removes. Times are written as
            "0 days 00:00:01.5", the end of the file as an empty cell.
    """
    import pandas as pd

    file = io.StringIO(newline="")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow([*INDEX, *table.columns])
    for (name, start, end), *cells in zip(
        table.index, *(table[column] for column in table.columns), strict=True
    ):
        writer.writerow(
            [
                to_csv_path(to_relative(name, root)),
                str(start),
                "" if end is pd.NaT else str(end),
                *("" if pd.isna(cell) else to_csv_cell(cell, exact=True) for cell in cells),
            ]
        )
    write_output(path, file.getvalue())

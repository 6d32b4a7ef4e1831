"""Write timelines as an audformat database (audEERING): a YAML header and a segmented table.

The package audformat is not needed, so that prediction does not depend on it or on pandas; the
tests read the result with it. The header is written as JSON, which is valid YAML.
"""

from __future__ import annotations

import collections
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._atomic import write_output
from serenade._printable import to_csv_cell, to_csv_path
from serenade.inference._prediction import describe_adaptation

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from serenade.inference._prediction import Segment, Timeline

TABLE = "segments"
"""Name of the table, and the beginning of the names of further ones."""


def write_audformat(
    timelines: Iterable[Timeline],
    labels: Sequence[str],
    folder: str | os.PathLike[str],
    *,
    licence: str = "",
) -> list[Path]:
    """Write `db.yaml` and `db.segments.csv`, which `audformat.Database.load(folder)` opens.

    If speakers or channels are known, a column names the one of each segment. The index of a table
    has no duplicates: equal times of several speakers or channels are in the tables `segments`,
    `segments-2` and so on.

    Args:
        timelines: timelines; their file names are written as they were given.
        labels: labels of the model.
        folder: folder to write, which is created if it does not exist.
        licence: licence of the model, which may restrict the use of its output.

    Returns:
        The files that were written.
    """
    timelines = list(timelines)
    adaptations = dict.fromkeys(filter(None, map(describe_adaptation, timelines)))
    origin = {"speaker": {"dtype": "str"}} if any(one.speakers for one in timelines) else {}
    origin |= {"channel": {"dtype": "int"}} if any(one.channel for one in timelines) else {}
    tables = _fill_tables(timelines, labels, list(origin))
    values = next((part.values for one in timelines for part in one.segments), {})
    schemes, columns = _describe_answers(labels, list(values))
    columns = {name: {"scheme_id": name} for name in origin} | columns
    header: dict[str, object] = {
        "name": "timeline",
        "source": "serenade",
        "usage": "other",
        "languages": [],
        "description": f"{'Emotions' if labels else 'Values'} over time, predicted by serenade, "
        "not annotated."
        + "".join(f" Model {adaptation}." for adaptation in adaptations)
        + (f" Licence of the model: {licence}." if licence else ""),
        "schemes": {**schemes, **origin},
        "tables": {name: {"type": "segmented", "columns": columns} for name in tables},
    }
    folder = Path(folder)
    written: list[Path] = []
    for name, rows in tables.items():
        file = io.StringIO(newline="")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "start", "end", *columns])
        writer.writerows(rows)
        written.append(write_output(folder / f"db.{name}.csv", file.getvalue()))
    # The header comes last: with it, the tables are complete.
    return [write_output(folder / "db.yaml", json.dumps(header, indent=2) + "\n"), *written]


def _fill_tables(
    timelines: Iterable[Timeline], labels: Sequence[str], origin: Sequence[str]
) -> dict[str, list[list[object]]]:
    """Return the rows of each table; a row whose index is taken is in the next table.

    Args:
        timelines: see `write_audformat`.
        labels: labels of the model.
        origin: columns that name the origin of a segment: `speaker`, `channel` or both.
    """
    tables: dict[str, list[list[object]]] = {TABLE: []}
    taken = collections.Counter[tuple[str, str, str]]()
    for timeline in timelines:
        for part in timeline.segments:
            times = _format_time(part.start), _format_time(part.end)
            index = to_csv_path(timeline.file), *times
            taken[index] += 1
            table = TABLE if taken[index] == 1 else f"{TABLE}-{taken[index]}"
            known = {"speaker": to_csv_cell(part.speaker), "channel": timeline.channel or ""}
            row = [*index, *(known[name] for name in origin), *_list_answers(part, labels)]
            tables.setdefault(table, []).append(row)
    return tables


def _describe_answers(
    labels: Sequence[str], values: Sequence[str]
) -> tuple[dict[str, object], dict[str, dict[str, str]]]:
    """Return schemes and columns of emotions with probabilities, or of values without labels."""
    if not labels:
        return {"value": {"dtype": "float"}}, {name: {"scheme_id": "value"} for name in values}
    schemes: dict[str, object] = {
        "emotion": {"dtype": "str", "labels": list(map(to_csv_cell, labels))},
        "probability": {"dtype": "float", "minimum": 0, "maximum": 1},
    }
    columns = {name: {"scheme_id": name} for name in schemes}
    return schemes, columns | {_name_column(one): {"scheme_id": "probability"} for one in labels}


def _list_answers(segment: Segment, labels: Sequence[str]) -> list[str]:
    """Return the cells of the columns of `_describe_answers`."""
    if not labels:
        return [f"{value:.6f}" for value in segment.values.values()]
    shares = segment.probability, *(segment.probabilities[label] for label in labels)
    return [str(to_csv_cell(segment.emotion)), *(f"{share:.6f}" for share in shares)]


def _name_column(label: str) -> str:
    return f"probability.{label}"


def _format_time(seconds: float) -> str:
    """Format seconds as pandas writes a time difference.

    >>> _format_time(3661.5)
    '0 days 01:01:01.500000'
    """
    microseconds = round(seconds * 1_000_000)
    minutes, rest = divmod(microseconds, 60_000_000)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    return f"{days} days {hours:02d}:{minutes:02d}:{rest // 1_000_000:02d}.{rest % 1_000_000:06d}"

"""Write timelines as an audformat database (audEERING): a YAML header and a segmented table.

The package audformat is not needed, so that prediction does not depend on it or on pandas; the
tests read the result with it. The header is written as JSON, which is valid YAML.
"""

from __future__ import annotations

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
"""Name of the table."""


def write_audformat(
    timelines: Iterable[Timeline],
    labels: Sequence[str],
    folder: str | os.PathLike[str],
    *,
    licence: str = "",
) -> None:
    """Write `db.yaml` and `db.segments.csv`, which `audformat.Database.load(folder)` opens.

    Args:
        timelines: timelines; their file names are written as they were given.
        labels: labels of the model.
        folder: folder to write, which is created if it does not exist.
        licence: licence of the model, which may restrict the use of its output.
    """
    timelines = list(timelines)
    adaptations = dict.fromkeys(filter(None, map(describe_adaptation, timelines)))
    named = ["speaker"] * any(timeline.speakers for timeline in timelines)
    values = next((part.values for one in timelines for part in one.segments), {})
    schemes, columns = _describe_answers(labels, list(values))
    columns = {name: {"scheme_id": name} for name in named} | columns
    header: dict[str, object] = {
        "name": "timeline",
        "source": "serenade",
        "usage": "other",
        "languages": [],
        "description": f"{'Emotions' if labels else 'Values'} over time, predicted by serenade, "
        "not annotated."
        + "".join(f" Model {adaptation}." for adaptation in adaptations)
        + (f" Licence of the model: {licence}." if licence else ""),
        "schemes": {**schemes, **{name: {"dtype": "str"} for name in named}},
        "tables": {TABLE: {"type": "segmented", "columns": columns}},
    }
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["file", "start", "end", *columns])
    for timeline in timelines:
        for segment in timeline.segments:
            writer.writerow(
                [
                    to_csv_path(timeline.file),
                    _format_time(segment.start),
                    _format_time(segment.end),
                    *(to_csv_cell(segment.speaker) for _ in named),
                    *_list_answers(segment, labels),
                ]
            )
    folder = Path(folder)
    # The header comes last: with it, the table is complete.
    write_output(folder / f"db.{TABLE}.csv", file.getvalue())
    write_output(folder / "db.yaml", json.dumps(header, indent=2) + "\n")


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

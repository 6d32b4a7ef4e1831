"""Compressed files of reports: one run under all of its seeds."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._atomic import lock_folder, write_atomically
from serenade.evaluation._report import Report, name_file

if TYPE_CHECKING:
    import os

RUN_FILE_SUFFIX = ".json.gz"


def read_reports(path: str | os.PathLike[str], seed: int | None = None) -> list[Report]:
    """Read the reports of a file that `add_report` wrote, by ascending seed.

    Args:
        path: the file.
        seed: return only the report of this seed, if there is one.

    Raises:
        EvaluationError: there is no such file, or it is damaged.
    """
    with name_file(path):
        found = json.loads(gzip.decompress(Path(path).read_bytes()))
        return [Report.from_dict(one) for one in found if seed is None or one["seed"] == seed]


def add_report(path: str | os.PathLike[str], report: Report) -> Path:
    """Add a report to a compressed file; replace the one that has the same seed.

    The file is gzip of a JSON array, whose items have the format of `Report.to_json`. Processes may
    add to one file at the same time.

    Args:
        path: the file, which is made if it is missing; its name ends in `.json.gz`.
        report: the report.

    Raises:
        EvaluationError: the file is damaged.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock_folder(path.parent):
        others = read_reports(path) if path.is_file() else []
        reports = [other for other in others if other.seed != report.seed] + [report]
        reports.sort(key=lambda one: one.seed)
        text = ",\n".join(one.to_text() for one in reports)
        return write_atomically(path, _compress(f"[\n{text}\n]\n".encode()))


def _compress(content: bytes) -> bytes:
    """Compress without a file name and time, so that equal reports give equal bytes."""
    compressed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, compressed, mtime=0) as file:
        file.write(content)
    return compressed.getvalue()

"""Compressed files of reports: runs under all of their seeds."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade._atomic import lock_folder, write_atomically
from serenade.evaluation._report import Report, format_report, name_file

if TYPE_CHECKING:
    import os

RUN_FILE_SUFFIX = ".json.gz"


def read_reports(path: str | os.PathLike[str], seed: int | None = None) -> list[Report]:
    """Read the reports of a file that `add_report` wrote, by run and ascending seed.

    Args:
        path: the file.
        seed: return only the reports of this seed.

    Raises:
        EvaluationError: there is no such file, or it is damaged.
    """
    return [report for report in read_runs(path).values() if seed in (None, report.seed)]


def read_runs(path: str | os.PathLike[str], run: str | None = None) -> dict[str, Report]:
    """Read the reports of a file by `RUN-seedN`; a run without a name has that of the file.

    Args:
        path: the file.
        run: read only the reports of this run.

    Raises:
        EvaluationError: there is no such file, or it is damaged.
    """
    stem = Path(path).name.removesuffix(RUN_FILE_SUFFIX)
    found = {}
    with name_file(path):
        for item in _read_items(Path(path)):
            name = item.pop("run", stem)
            if run in (None, name):
                found[f"{name}-seed{item['seed']}"] = Report.from_dict(item)
    return found


def add_report(path: str | os.PathLike[str], report: Report, run: str = "") -> Path:
    """Add a report to a compressed file; replace the one of the same run and seed.

    The file is gzip of a JSON array, whose items have the format of `Report.to_json`, with the name
    of the run if it has one. Processes may add to one file at the same time.

    Args:
        path: the file, which is made if it is missing; its name ends in `.json.gz`.
        report: the report.
        run: name of the run, for files of several runs.

    Raises:
        EvaluationError: the file is damaged.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    added = {"run": run} if run else {}
    with lock_folder(path.parent), name_file(path):
        items = _read_items(path) if path.is_file() else []
        found = {(item.get("run", ""), item["seed"]): item for item in items}
        found[run, report.seed] = {**added, **report.to_dict()}
        text = ",\n".join(format_report(found[key]) for key in sorted(found))
        return write_atomically(path, _compress(f"[\n{text}\n]\n".encode()))


def _read_items(path: Path) -> list[dict[str, Any]]:
    return [dict(item) for item in json.loads(gzip.decompress(path.read_bytes()))]


def _compress(content: bytes) -> bytes:
    """Compress without a file name and time, so that equal reports give equal bytes."""
    compressed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, compressed, mtime=0) as file:
        file.write(content)
    return compressed.getvalue()

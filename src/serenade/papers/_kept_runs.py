"""Files of finished runs, and the differences between a kept run and one that is made now."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade import systems
from serenade.evaluation import RUN_FILE_SUFFIX, Report, add_report, read_runs

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from serenade.papers._paper_tables import Row, Run

_FULL_PRECISION = "float32"


class KeptRuns:
    """Finished runs in a folder; a file holds the runs of a system.

    Args:
        folder: folder of the files.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def read(self, name: str) -> Report | None:
        """Return the report of a run by its name; None if it is not finished."""
        path, run = self._locate(name)
        return read_runs(path, run).get(name) if path.is_file() else None

    def write(self, name: str, report: Report) -> None:
        """Save the report of a finished run."""
        path, run = self._locate(name)
        add_report(path, report, run)

    def _locate(self, name: str) -> tuple[Path, str]:
        """Return the file that keeps a run, and the run's name without its seed."""
        run, _, _ = name.rpartition("-seed")
        # A system that was removed keeps no runs.
        known = [one for one in systems.names() if run.startswith(f"{one}-")]
        system = max(known, key=len, default=run)
        return self.folder / f"{system}{RUN_FILE_SUFFIX}", run


def complete_recipe(
    run: Run, report: Report, resources: Mapping[str, Any], encoders: Mapping[str, str]
) -> Report:
    """Return a report whose recipe names everything that the run was made with.

    Args:
        run: run that was made.
        report: its report.
        resources: result of `identify_resources`.
        encoders: result of `identify_encoders`.
    """
    # A kept report names the files that only this machine has as the row does: `@NAME/rest`.
    further: dict[str, Any] = {}
    if (version := systems.get(run.system).version) > 1:
        further["system_version"] = version
    if resources:
        further["resources"] = dict(resources)
    if encoders:
        further["encoders"] = dict(encoders)
    return dataclasses.replace(report, recipe={**report.recipe, **_to_json(run.changes), **further})


def list_differences(run: Run, report: Report) -> list[str]:
    """Describe the settings of a kept run that its recipe has no longer; none if all are the same.

    Args:
        run: run as it would be made now.
        report: kept report of this run.
    """
    system = systems.get(run.system)
    recipe = system.recipe(run.recipe)
    # A field that came later had its default, which changes nothing.
    before = {**_state_recipe(run, type(recipe)()), "system_version": 1, **report.recipe}
    now = {**_state_recipe(run, recipe), "system_version": system.version}
    return [
        f"{field.replace('_', ' ')} {before[field]} instead of {value}"
        for field, value in now.items()
        if before[field] != value
    ]


def list_labels(row: Row, runs: Sequence[Run], reports: Mapping[str, Report]) -> list[str]:
    """Describe what runs were made with, as far as the name of their row does not tell it.

    Args:
        row: row that the runs fill.
        runs: runs of the row, as they would be made now.
        reports: kept reports by the name of the run; some can be missing.
    """
    finished = list({run.name: run for run in runs if run.name in reports}.values())
    found: dict[str, list[Run]] = {}
    for run in finished:
        report = reports[run.name]
        precision = report.recipe.get("precision", _FULL_PRECISION)
        labels = _name_resources(row, report) + list_differences(run, report)
        labels += [precision] if precision != _FULL_PRECISION else []
        for label in dict.fromkeys(labels):
            found.setdefault(label, []).append(run)
    described = [label + _name_runs(own, finished) for label, own in found.items()]
    return described + [row.remark] * bool(row.remark and reports)


def _name_runs(some: Sequence[Run], finished: Sequence[Run]) -> str:
    """Return the protocols and seeds that a label is true of; "" if it is true of all runs.

    Seeds are left out if the label is true of all finished runs of the protocol.
    """
    if len(some) == len(finished):
        return ""
    names = []
    for protocol in dict.fromkeys(run.protocol for run in some):
        own, every = (
            [str(run.seed) for run in runs if run.protocol == protocol] for runs in (some, finished)
        )
        seeds = f"seed{'s' * (len(own) > 1)} {' '.join(own)}"
        names.append(protocol if own == every else f"{protocol}, {seeds}")
    return f" ({'; '.join(names)})"


def _name_resources(row: Row, report: Report) -> list[str]:
    """Name each resource with its content, and what the paper has instead of it."""
    names = []
    for field, made in report.recipe.get("resources", {}).items():
        name = f"{made['name']}, content {made['content']}" if "content" in made else made["name"]
        names.append(f"{name}, instead of {row.stated[field]}" if field in row.stated else name)
    return names


def _state_recipe(run: Run, recipe: Any) -> dict[str, Any]:
    """Return a recipe as reports state it, without paths of this machine."""
    return _to_json({"name": run.recipe, **dataclasses.asdict(recipe), **run.changes})


def _to_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a recipe as JSON data."""
    data: dict[str, Any] = json.loads(json.dumps(dict(fields)))
    return data

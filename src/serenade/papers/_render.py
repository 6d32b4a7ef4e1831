"""Format reproduced tables as Markdown, JSON and figures."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from serenade import corpora
from serenade._atomic import write_atomically
from serenade._markdown_table import format_table
from serenade.corpora import mark_incomplete
from serenade.errors import EvaluationError
from serenade.evaluation import (
    COMPARED_SCORES,
    Entrant,
    compare_runs,
    format_tests,
    make_confusion_figure,
    make_curves_figure,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from serenade.evaluation import Report
    from serenade.papers._entries import Entry
    from serenade.papers._paper_tables import Paper, Place, Table

_SHORT = 50  # letters of the longest reason inside a table; longer ones become notes
_TITLES = {"ua": "UA", "wa": "WA", "f1_weighted": "F1"}
_FAST = (
    "**A quick look (`--fast`): six speakers, one seed, few epochs. It only shows that everything "
    "runs; do not quote its numbers.**"
)


def write_json(entries: Sequence[Entry], path: Path) -> Path:
    """Write one entry per line as JSON.

    Args:
        entries: entries of all papers.
        path: file to write, usually `tables.json`.
    """
    lines = ",\n ".join(json.dumps(dataclasses.asdict(e), ensure_ascii=False) for e in entries)
    return write_atomically(path, f"[\n {lines}\n]\n".encode())


def list_papers(path: Path) -> set[str]:
    """Return the papers whose rows are in a file of `write_json`; none if there is no file.

    Raises:
        EvaluationError: the file is damaged, or another program wrote it.
    """
    if not path.is_file():
        return set()
    try:
        return {row["paper"] for row in json.loads(path.read_text("utf-8"))}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise EvaluationError(f"{path}: no rows of papers in it; move the file away") from None


def format_paper(
    paper: Paper, entries: Sequence[Entry], kept: Callable[[str], Report | None] | None = None
) -> str:
    """Format the tables of a paper: its scores, ours by its protocol, ours on unseen speakers.

    Args:
        paper: paper to format.
        entries: entries of the paper, in the order of `Runner.entries`.
        kept: function that returns the report of a run by its name, for tests between the rows of
            a table; None for no tests. Quick looks are not tested.
    """
    lines = [f"# {paper.name}", "", f"{paper.title}. {paper.citation}.", ""]
    if any(entry.fast for entry in entries):
        lines += [_FAST, ""]
    for table, part in _split_by_table(paper, entries):
        rows = _format_rows(part, table.places, fold_means=table.fold_means)
        lines += [f"## {table.name}", "", table.caption, "", *rows, ""]
        if kept is not None:
            lines += _format_tests([entry for entry in part if not entry.fast], kept, table.against)
    if paper.notes:
        lines += [*(f"- {note}" for note in paper.notes), ""]
    return "\n".join(lines)


def format_overview(found: Sequence[tuple[Paper, Sequence[Entry]]]) -> str:
    """Format the headline rows of all papers in one table.

    Args:
        found: papers with their entries, in the order of `Runner.entries`.
    """
    rows = [
        dataclasses.replace(
            entry,
            row=f"[{paper.name}]({paper.name}.md): {entry.row}",
            reason=entry.reason.partition(";")[0].removeprefix("corpora: "),
        )
        for paper, entries in found
        for table, part in _split_by_table(paper, entries)
        for entry in part
        if entry.row in table.headline and entry.metric in COMPARED_SCORES
    ]
    lines = ["# The papers' headlines", ""]
    if any(entry.fast for entry in rows):
        lines += [_FAST, ""]
    source = "Made by `serenade reproduce`; 95% intervals are bootstrapped over speakers."
    places = [place for paper, _ in found for table in paper.tables for place in table.places]
    return "\n".join([*lines, source, "", *_format_rows(rows, places), ""])


def _split_by_table(
    paper: Paper, entries: Sequence[Entry]
) -> Iterator[tuple[Table, Sequence[Entry]]]:
    """Yield each table of a paper with its entries."""
    place = 0
    for table in paper.tables:
        count = sum(len(row.values) for row in table.rows) * len(table.places)
        yield table, entries[place : place + count]
        place += count


def _format_rows(
    entries: Sequence[Entry], places: Sequence[Place], *, fold_means: bool = False
) -> list[str]:
    head = ["row", "corpus", "", "paper"]
    head += ["ours, paper's protocol", "ours, unseen speakers", "95% interval"]
    rows = []
    long = list(dict.fromkeys(e.reason for e in entries if len(e.reason) > _SHORT))
    for entry in entries:
        corpus = mark_incomplete(entry.corpus, entry.incomplete)
        corpus += f", for {entry.stands_for}" if entry.stands_for else ""
        ours = _format_value(entry.paper_protocol)
        if entry.spread is not None:
            ours += f" ± {entry.spread:.3f} ({entry.seeds} seeds)"
        if entry.speaker_dependent and entry.paper_protocol is not None:
            ours += " *speaker-dependent*"
        row = f"{entry.row} ({entry.label})" if entry.label else entry.row
        reason = f"note {long.index(entry.reason) + 1}" if entry.reason in long else entry.reason
        interval = f"{entry.low:.3f} to {entry.high:.3f}" if entry.low is not None else reason
        cells = [row, corpus, _TITLES[entry.metric], _format_value(entry.paper_value)]
        unseen = _format_value(entry.speaker_independent)
        if fold_means and entry.fold_mean is not None:
            unseen += f" (mean of folds {entry.fold_mean:.3f})"
        rows.append([*cells, ours, unseen, interval])
    lines = [format_table(head, rows, "lllrrrl")]
    for number, reason in enumerate(long, start=1):
        lines += ["", f"Note {number}: {reason}."]
    warnings = {place.corpus_name: corpora.describe(place.corpus).warning for place in places}
    warned: dict[str, list[str]] = {}
    for name in dict.fromkeys(entry.corpus for entry in entries if entry.runs):
        warned.setdefault(warnings[name], []).append(name)
    for warning, names in warned.items():
        if warning:
            lines += ["", f"{', '.join(names)}: {warning}."]
    return lines


def _format_tests(
    entries: Sequence[Entry], kept: Callable[[str], Report | None], against: str
) -> list[str]:
    """Format tests between rows, by corpus, on unseen speakers and by the paper's protocol."""
    lines = []
    for corpus in dict.fromkeys(entry.corpus for entry in entries):
        # A row has an entry for each metric, and its runs are read once.
        runs = {entry.row: entry.runs for entry in entries if entry.corpus == corpus}
        reports = {
            row: [report for report in map(kept, names) if report is not None]
            for row, names in runs.items()
        }
        for unseen, unit in (
            (True, f"over unseen speakers of {corpus}"),
            (False, f"by the paper's protocol (*speaker-dependent*) over speakers of {corpus}"),
        ):
            alike = {
                row: [report for report in found if report.speaker_independent is unseen]
                for row, found in reports.items()
            }
            rows = [Entrant.of(row, found) for row, found in alike.items() if found]
            tests = [] if against and not alike[against] else compare_runs(rows, against)
            if tests:
                other = against or "each other"
                title = f"Permutation test of rows against {other}, {unit}:"
                lines += [title, "", format_tests(tests), ""]
    return lines


def _format_value(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def list_figures(
    paper: Paper, entries: Sequence[Entry], kept: Callable[[str], Report | None]
) -> dict[str, Callable[[], Figure]]:
    """Return functions that draw the figures of a paper, by the names of the figures.

    Each table becomes one figure with bars for UA and one for WA. Losses are drawn if the paper
    draws them, and confusion matrices on unseen speakers for its headline rows.

    Args:
        paper: the paper.
        entries: its entries, in the order of `Runner.entries`.
        kept: returns the report of a run by its name.
    """
    found: dict[str, Callable[[], Figure]] = {}
    shown = [entry for entry in entries if entry.paper_protocol is not None]
    for corpus, metric in dict.fromkeys((entry.corpus, entry.metric) for entry in shown):
        if metric in COMPARED_SCORES:
            alike = [one for one in shown if (one.corpus, one.metric) == (corpus, metric)]
            found[f"{paper.name}-{corpus}-{metric}"] = functools.partial(draw_bars, alike)
    for table, part in _split_by_table(paper, entries):
        for place in table.places:
            here = [entry for entry in part if entry.corpus == place.corpus_name]
            about = f"{paper.name}-{place.corpus_name}"
            if table.curves and (reports := _get_trained(kept, here)):
                draws = functools.partial(make_curves_figure, reports)
                found[f"{about}-{_make_slug(table.curves)}"] = draws
            known = {entry.row: entry.runs for entry in here if entry.row in table.headline}
            for row, names in known.items():
                if (report := _get_unseen(kept, names)) is not None:
                    draws = functools.partial(make_confusion_figure, report)
                    found[f"{about}-confusion-{_make_slug(row)}"] = draws
    return found


def draw_bars(entries: Sequence[Entry]) -> Figure:
    """Draw the paper's scores and ours as bars, with whiskers for intervals.

    Args:
        entries: entries of one metric and corpus.
    """
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(entry.row for entry in entries))
    by_row = {entry.row: entry for entry in entries}
    figure = Figure(figsize=(6.0, 1.1 + 0.55 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    kinds = (
        ("paper", "white", "paper_value", None),
        ("ours, paper's protocol", "0.75", "paper_protocol", ("paper_low", "paper_high")),
        ("ours, unseen speakers", "0.3", "speaker_independent", ("low", "high")),
    )
    for offset, (label, colour, name, ends) in enumerate(kinds):
        places = [row + 0.27 * (offset - 1) for row in range(len(rows))]
        values = [_replace_none(getattr(by_row[row], name)) for row in rows]
        if np.isnan(values).all():
            continue
        axes.barh(places, values, 0.25, label=label, color=colour, edgecolor="black", linewidth=0.5)
        if ends is not None:
            limits = np.array(
                [[_replace_none(getattr(by_row[row], e)) for row in rows] for e in ends]
            )
            reach = np.abs(limits - np.array(values))
            axes.errorbar(values, places, xerr=reach, fmt="none", ecolor="black", elinewidth=0.6)
    named = [f"{row} *" if by_row[row].incomplete else row for row in rows]
    axes.set_yticks(range(len(rows)), [textwrap.fill(row, 32) for row in named])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    gaps = "; ".join(dict.fromkeys(f"* {e.incomplete}" for e in entries if e.incomplete))
    axes.set_xlabel(f"{_TITLES[entries[0].metric]} on {mark_incomplete(entries[0].corpus, gaps)}")
    figure.legend(frameon=False, loc="outside lower center", ncols=len(kinds))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def _replace_none(value: float | None) -> float:
    return np.nan if value is None else value


def _make_slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())


def _get_unseen(kept: Callable[[str], Report | None], names: Sequence[str]) -> Report | None:
    """Return the first report on unseen speakers of the runs that are kept."""
    reports = (report for report in map(kept, names) if report is not None)
    return next((report for report in reports if report.speaker_independent), None)


def _get_trained(
    kept: Callable[[str], Report | None], entries: Sequence[Entry]
) -> dict[str, Report]:
    """Return the first report of each row, for its curves."""
    found = {entry.row: kept(entry.runs[0]) for entry in entries if entry.seeds}
    return {row: report for row, report in found.items() if report is not None}

"""Draw the figures of a paper from its entries and the reports of its runs."""

from __future__ import annotations

import functools
import re
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from serenade.corpora import mark_incomplete
from serenade.evaluation import (
    COMPARED_SCORES,
    compute_shares,
    draw_matrix,
    make_confusion_figure,
    make_curves_figure,
)
from serenade.papers._entries import (
    METRIC_TITLES,
    get_matrix_reports,
    pool_reports,
    split_by_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from serenade.evaluation import Report
    from serenade.papers._entries import Entry
    from serenade.papers._paper_tables import Matrix, Paper


def list_figures(
    paper: Paper, entries: Sequence[Entry], kept: Callable[[str], Report | None]
) -> dict[str, Callable[[], Figure]]:
    """Return functions that draw the figures of a paper, by the names of the figures.

    Each table becomes one figure with bars for UA and one for WA. Losses are drawn if the paper
    draws them, its confusion matrix next to ours by its protocol, and confusion matrices on unseen
    speakers for its headline rows.

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
    for table, part in split_by_table(paper, entries):
        for place in table.places:
            here = [entry for entry in part if entry.corpus == place.corpus_name]
            about = f"{paper.name}-{place.corpus_name}"
            if table.curves and (reports := _get_trained(kept, here)):
                draws = functools.partial(make_curves_figure, reports)
                found[f"{about}-{_make_slug(table.curves)}"] = draws
            if table.matrix and (seeds := get_matrix_reports(table.matrix, here, kept)):
                draws = functools.partial(draw_matrices, table.matrix, pool_reports(seeds))
                found[f"{about}-{_make_slug(table.matrix.name)}"] = draws
            known = {entry.row: entry.runs for entry in here if entry.row in table.headline}
            for row, names in known.items():
                if (report := _get_unseen(kept, names)) is not None:
                    draws = functools.partial(make_confusion_figure, report)
                    found[f"{about}-confusion-{_make_slug(row)}"] = draws
    return found


def draw_matrices(matrix: Matrix, report: Report) -> Figure:
    """Draw the confusion matrix of a paper next to ours, in the paper's order of emotions.

    Args:
        matrix: matrix of the paper.
        report: our predictions of all seeds.
    """
    from matplotlib.figure import Figure

    order = matrix.list_emotions(report.labels)
    places = [report.labels.index(one) for one in order]
    counts = np.array(report.confusion)[np.ix_(places, places)]
    cells = [[_replace_none(cell) for cell in row] for row in matrix.cells]
    size = 1.6 + 0.62 * max(len(order), len(matrix.labels))
    # Another layout would cut titles off: squares do not fill their places.
    figure = Figure(figsize=(2 * size, size), layout="compressed")
    paper, ours = figure.subplots(1, 2)
    draw_matrix(paper, np.array(cells), matrix.labels, f"paper, {matrix.name}\n{matrix.row}")
    title = f"{report.system} on {report.corpus}\n{report.label}"
    draw_matrix(ours, compute_shares(counts), order, title, counts)
    return figure


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
    corpus = mark_incomplete(entries[0].corpus, gaps)
    axes.set_xlabel(f"{METRIC_TITLES[entries[0].metric]} on {corpus}")
    figure.legend(loc="outside lower center", ncols=len(kinds))
    return figure


def _replace_none(value: float | None) -> float:
    return np.nan if value is None else value


def _make_slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")


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

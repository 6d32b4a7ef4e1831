"""Format reproduced tables as Markdown, JSON and figures."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np

from serenade import corpora
from serenade._atomic import write_atomically
from serenade._printable import format_table
from serenade.corpora import mark_incomplete
from serenade.errors import EvaluationError
from serenade.evaluation import (
    COMPARED_SCORES,
    Entrant,
    compare_runs,
    compute_shares,
    format_tests,
)
from serenade.papers._entries import (
    METRIC_TITLES,
    get_matrix_reports,
    pool_reports,
    split_by_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from serenade.evaluation import Report
    from serenade.papers._entries import Entry
    from serenade.papers._paper_tables import Gain, Paper, Place, Table

_SHORT = 50  # letters of the longest reason inside a table; longer ones become notes
_OURS = ("paper_protocol", "speaker_independent")
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
        kept: function that returns the report of a run by its name, for recalls and for tests
            between the rows of a table; None leaves both out. Quick looks are not tested.
    """
    lines = [f"# {paper.name}", "", f"{paper.title}. {paper.citation}.", ""]
    if any(entry.fast for entry in entries):
        lines += [_FAST, ""]
    for table, part in split_by_table(paper, entries):
        rows = _format_rows(part, table.places, fold_means=table.fold_means)
        lines += [f"## {table.name}", "", table.caption, "", *rows, ""]
        if kept is not None:
            lines += _format_recalls(table, part, kept) + _format_gains(table, part)
            # Tests read the kept predictions, which are of test clips without copies.
            enlarged = {row.name for row in table.rows if row.enlarged}
            tested = [one for one in part if not one.fast and one.row not in enlarged]
            lines += _format_tests(tested, kept, table.against)
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
        for table, part in split_by_table(paper, entries)
        for entry in part
        if entry.row in table.headline and entry.metric in COMPARED_SCORES
    ]
    lines = ["# The papers' headlines", ""]
    if any(entry.fast for entry in rows):
        lines += [_FAST, ""]
    source = "Made by `serenade reproduce`; 95% intervals are bootstrapped over speakers."
    places = [place for paper, _ in found for table in paper.tables for place in table.places]
    return "\n".join([*lines, source, "", *_format_rows(rows, places), ""])


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
        cells = [row, corpus, METRIC_TITLES[entry.metric], _format_value(entry.paper_value)]
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


def _format_recalls(
    table: Table, entries: Sequence[Entry], kept: Callable[[str], Report | None]
) -> list[str]:
    """Format the recalls of a paper's confusion matrix with ours by its protocol, by corpus."""
    if table.matrix is None:
        return []
    names, columns = list(dict.fromkeys(entry.corpus for entry in entries)), []
    for corpus in names:
        here = [entry for entry in entries if entry.corpus == corpus]
        reports = get_matrix_reports(table.matrix, here, kept)
        columns.append(_get_recalls(pool_reports(reports)) if reports else {})
    emotions = table.matrix.list_emotions([*dict.fromkeys(one for c in columns for one in c)])
    emotions = [*dict.fromkeys([*table.matrix.labels, *emotions])]
    rows = [
        [one, *(_format_value(column.get(one)) for column in (table.matrix.recalls, *columns))]
        for one in emotions
    ]
    head = ["emotion", "paper", *(f"ours, {corpus}" for corpus in names)]
    title = f"Recall of each emotion in the paper's {table.matrix.name}, and ours by its protocol:"
    return [title, "", format_table(head, rows, "l" + "r" * (1 + len(columns))), ""]


def _get_recalls(report: Report) -> dict[str, float | None]:
    """Return the recall of each emotion."""
    shares = compute_shares(np.array(report.confusion)).diagonal()
    return dict(zip(report.labels, shares.tolist(), strict=True))


def _format_gains(table: Table, entries: Sequence[Entry]) -> list[str]:
    """Format the differences between rows that the text of a paper states, with ours."""
    if not table.gains:
        return []
    ua = {entry.row: entry for entry in entries if entry.metric == "ua"}

    def subtract(gain: Gain, field: str) -> str:
        better, worse = (getattr(ua[row], field) for row in (gain.better, gain.worse))
        return "-" if None in (better, worse) else f"{better - worse:+.3f}"

    rows = [
        [gain.better, gain.worse, f"{gain.value:+.3f}", *(subtract(gain, f) for f in _OURS)]
        for gain in table.gains
    ]
    head = ["row", "against", "paper", "ours, paper's protocol", "ours, unseen speakers"]
    title = "Differences in UA that the paper's text states, over its corpora, and ours:"
    return [title, "", format_table(head, rows, "llrrr"), ""]


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

"""Write a report as Markdown, and as HTML for notebooks."""

from __future__ import annotations

import contextlib
import html
import io
import math
from typing import TYPE_CHECKING

from serenade._figure_style import use_style
from serenade._printable import format_table, to_printable
from serenade.corpora import mark_incomplete
from serenade.evaluation import _fairness
from serenade.evaluation._adapted_report import make_adapted_report
from serenade.evaluation._confidence import (
    calibration_error,
    compute_area,
    compute_risk_coverage,
    draw_risk_coverage,
    get_confidence,
    list_accuracies,
)
from serenade.evaluation._figures import make_confusion_figure, make_scatter_figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from matplotlib.figure import Figure

    from serenade.evaluation._report import Report
    from serenade.evaluation._statistics import Interval

TITLES = {
    "ua": "UA",
    "wa": "WA",
    "f1_macro": "F1 (macro)",
    "f1_weighted": "F1 (weighted)",
    "divergence": "Jensen-Shannon divergence, bits",
    "ccc": "CCC",
    "pearson": "Pearson correlation",
    "mae": "MAE",
}


def to_markdown(report: Report) -> str:
    """Return a report as Markdown.

    Args:
        report: report to format.

    Returns:
        Markdown that ends with a line break.
    """
    several = len(report.folds) > 1
    lines = [
        f"# {report.system} on {mark_incomplete(report.corpus, report.incomplete)}",
        "",
        (
            f"Protocol: {report.label}; seed {report.seed}; {len(report.predictions)} "
            f"predictions. Corpus licence: {report.licence}."
        ),
        "",
        _format_scores(report),
        *_list_confusion(report),
    ]
    if several:
        rows = (
            [
                fold.name,
                ", ".join(fold.speakers) if len(fold.speakers) <= 6 else f"{len(fold.speakers)}",
                *(f"{fold.train}", f"{fold.test}"),
                *(f"{getattr(fold, score):.3f}" for score in report.compared),
                f"{fold.seconds:.1f}",
            ]
            for fold in report.folds
        )
        scores = (TITLES[score] for score in report.compared)
        head = ["fold", "speakers", "train", "test", *scores, "s"]
        lines += ["", format_table(head, rows, "lr")]
    if report.adapted is not None:
        lines += ["", *_describe_adapted(report)]
    if report.conditions:
        rows_changed = [
            [name, f"{one.value:.3f}", format_ends(one)]
            for name, one in report.robustness().items()
        ]
        lines += [
            "",
            "Test recordings changed:",
            "",
            format_table(["", "UA", "95% interval"], rows_changed, "lr"),
        ]
    calibrated, fairness = list[str](), list[str]()
    if report.confusion:
        calibrated = [_note_calibration(report), _note_risk(report)]
        fairness = _fairness.list_notes(report.predictions, report.labels)
    lines += ["", *(f"- {n}" for n in (*report.notes, *fairness, *calibrated, *report.cautions))]
    lines += ["", ", ".join(f"{name} {version}" for name, version in report.versions.items())]
    return to_printable("\n".join(lines) + "\n", keep="\n")


def _list_confusion(report: Report) -> list[str]:
    """Return lines with the confusion matrix, if the predictions are labels."""
    if not report.confusion:
        return []
    rows = zip(report.labels, report.confusion, strict=True)
    cells = ([label, *map(str, counts)] for label, counts in rows)
    title = "Confusion matrix, counts; rows are the reference."
    return ["", title, "", format_table(["", *report.labels], cells, "lr")]


def get_title(name: str) -> str:
    """Return the title of a score.

    >>> get_title("ua"), get_title("ccc arousal")
    ('UA', 'CCC of arousal')
    """
    score, _, target = name.partition(" ")
    return f"{TITLES[score]} of {target}" if target else TITLES[score]


def _format_scores(report: Report) -> str:
    """Format the table of the scores with their intervals."""
    unit = "speakers" if all(one.speaker is not None for one in report.predictions) else "items"
    main, count = report.metrics[report.compared[0]], len(report.folds)
    parts = "repeats" if report.folds[0].name.startswith("repeat ") else "folds"
    head = ["", "all predictions", f"{main.level:.0%} interval ({main.clusters} {unit})"]
    head += [f"mean ± sd of {count} {parts}"] * (count > 1)
    rows = []
    for name, one in report.metrics.items():
        row = [get_title(name), f"{one.value:.3f}", format_ends(one)]
        if count > 1:
            known = name in report.compared  # papers average these over folds
            row.append("{:.3f} ± {:.3f}".format(*report.over_folds(name)) if known else "")
        rows.append(row)
    return format_table(head, rows, "lr")


def _describe_adapted(report: Report) -> list[str]:
    """Return lines with the scores of the adapted predictions, labelled as transductive."""
    adapted = make_adapted_report(report)
    return [
        f"The same predictions, {adapted.notes[-1]}.",
        "",
        _format_scores(adapted),
        "",
        f"- adapted: {_note_calibration(adapted)}",
        f"- adapted: {_note_risk(adapted)}",
    ]


def _note_calibration(report: Report) -> str:
    """Return the calibration error of the predictions."""
    error = calibration_error(*get_confidence(report.predictions))
    return f"expected calibration error {error:.3f} (15 bins)"


def _note_risk(report: Report) -> str:
    """Return the area under the risk-coverage curve and the accuracy at some coverages."""
    risk = compute_risk_coverage(*get_confidence(report.predictions))
    listed = ", ".join(f"{right:.3f} at {share:.0%}" for share, right in list_accuracies(risk))
    return (
        f"area under the risk-coverage curve {compute_area(risk):.3f}; accuracy of the most "
        f"confident predictions: {listed}"
    )


def format_ends(interval: Interval) -> str:
    """Return the ends of an interval as text; "none" if it has none."""
    return "none" if math.isnan(interval.low) else f"{interval.low:.3f} to {interval.high:.3f}"


def to_html(report: Report) -> str:
    """Return a table of scores and the confusion matrix, which is a figure if matplotlib is there.

    Args:
        report: report to show.
    """
    scores = [
        [get_title(name), f"{one.value:.3f}", format_ends(one)]
        for name, one in report.metrics.items()
    ]
    level = report.metrics[report.compared[0]].level
    title = f"{report.system} on {report.corpus}, {report.label}"
    drawn, table = "", _make_table(["", "all predictions", f"{level:.0%} interval"], scores)
    if report.confusion:
        drawn = _draw_confusion(report) + _draw_risk(report)
    else:
        with contextlib.suppress(ImportError):
            drawn = _to_svg(make_scatter_figure, report)
    return f"<div><p>{html.escape(title)}</p>{table}{drawn}</div>"


def _draw_confusion(report: Report) -> str:
    """Return the confusion matrix as inline SVG, or as a table without matplotlib."""
    try:
        return _to_svg(make_confusion_figure, report)
    except ImportError:
        rows = zip(report.labels, report.confusion, strict=True)
        cells = ([label, *map(str, counts)] for label, counts in rows)
        return _make_table(["reference", *report.labels], cells)


def _draw_risk(report: Report) -> str:
    """Return the risk-coverage curve as inline SVG, or its area without matplotlib."""
    try:
        return _to_svg(draw_risk_coverage, report)
    except ImportError:
        risk = compute_risk_coverage(*get_confidence(report.predictions))
        return f"<p>area under the risk-coverage curve {compute_area(risk):.3f}</p>"


def _to_svg(draw: Callable[[Report], Figure], report: Report) -> str:
    content = io.StringIO()
    with use_style():
        draw(report).savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()[content.getvalue().index("<svg") :]


def _make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table with escaped cells."""
    lines = [_make_row("th", head), *(_make_row("td", row) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _make_row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

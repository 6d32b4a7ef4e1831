"""A report as HTML for notebooks: scores and the confusion matrix."""

from __future__ import annotations

import contextlib
import html
import io
from typing import TYPE_CHECKING

from serenade._figure_style import use_style
from serenade.evaluation._calibration import get_confidence
from serenade.evaluation._figures import make_confusion_figure, make_scatter_figure
from serenade.evaluation._markdown import format_ends, get_title
from serenade.evaluation._risk_coverage import (
    compute_area,
    compute_risk_coverage,
    draw_risk_coverage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from matplotlib.figure import Figure

    from serenade.evaluation._report import Report


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

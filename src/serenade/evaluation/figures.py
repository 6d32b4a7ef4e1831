"""A report's confusion matrix, drawn to be read in print."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from serenade.errors import MissingExtraError
from serenade.evaluation.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from serenade.evaluation.report import Report


def draw_confusion(report: Report, folder: Path) -> list[Path]:
    """Write the confusion matrix as figures.

    Args:
        report: whose matrix it is.
        folder: where `confusion.png` (300 dpi) and `confusion.pdf` are written.

    Returns:
        The files.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise MissingExtraError("drawing figures", "train") from error
    written = []
    # Type 42 embeds fonts as text, which journals ask for.
    with rc_context({"font.size": 8, "pdf.fonttype": 42}):
        figure = confusion_figure(report)
        # Without its date or version the same report gives the same bytes.
        for kind, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
            content = io.BytesIO()
            figure.savefig(content, format=kind, dpi=300, metadata=metadata)
            written.append(write_atomically(folder / f"confusion.{kind}", content.getvalue()))
    return written


def confusion_figure(report: Report) -> Figure:
    """Draw row percentages with counts below them, in greys.

    Args:
        report: whose matrix it is.

    Returns:
        A matplotlib figure of one axes.
    """
    from matplotlib.figure import Figure

    counts = np.array(report.confusion)
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 1.6 + 0.62 * len(report.labels)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(percent, cmap="Greys", vmin=0, vmax=100)
    for (row, column), count in np.ndenumerate(counts):
        share = percent[row, column]
        # Grey turns dark past its middle.
        colour = "white" if share > 55 else "black"
        text = f"{share:.1f}%\n{count}"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    places = range(len(report.labels))
    axes.set_xticks(places, report.labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, report.labels)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("reference")
    axes.set_title(f"{report.system} on {report.corpus}\n{report.label}", fontsize="medium")
    return figure

"""Figures of reports for print: confusion matrices and training curves."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from serenade._atomic import write_atomically
from serenade._figure_style import use_style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from serenade.evaluation._report import Report

_MEASURES = {
    "train_loss": "training loss",
    "valid_loss": "validation loss",
    "valid_ua": "validation UA",
}
# Metadata by kind of file that changes with the date or the version of matplotlib.
_VOLATILE = {"png": "Software", "pdf": "CreationDate", "svg": "Date"}


def draw_figure(
    make: Callable[[], Figure], stem: Path, kinds: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Write a figure for print; the same figure gives the same bytes.

    Args:
        make: function that makes the figure; it is called in the style of all figures.
        stem: path of the files without the suffix.
        kinds: kinds of files: `png` (300 dpi), `pdf` or `svg`.

    Returns:
        The files, one for each kind.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    written = []
    with use_style():
        figure = make()
        for kind in kinds:
            content = io.BytesIO()
            figure.savefig(content, format=kind, dpi=300, metadata={_VOLATILE[kind]: None})
            path = stem.with_name(f"{stem.name}.{kind}")
            written.append(write_atomically(path, content.getvalue()))
    return written


def make_curves_figure(reports: Mapping[str, Report], measure: str = "train_loss") -> Figure:
    """Draw mean curves over folds, with dashes and greys that print well.

    Args:
        reports: reports by the name in the legend; those without curves are left out.
        measure: `train_loss`, `valid_loss` or `valid_ua`; its mean over folds is drawn.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(4.2, 2.6 + 0.17 * len(reports)), layout="constrained")
    axes = figure.add_subplot()
    styles = ["-", "--", "-.", ":", (0, (1, 3)), (0, (6, 2, 1, 2, 1, 2))]
    for place, (name, report) in enumerate(reports.items()):
        found = [
            [epoch[measure] for epoch in fold.curve if measure in epoch] for fold in report.folds
        ]
        shortest = min(map(len, found), default=0)
        if shortest == 0:
            continue
        mean = np.mean([values[:shortest] for values in found], axis=0)
        grey = str(round(0.55 * (place % 3) / 2, 2))
        epochs = np.arange(1, shortest + 1)
        axes.plot(epochs, mean, linestyle=styles[place % len(styles)], color=grey, label=name)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(_MEASURES[measure])
    if axes.lines:
        figure.legend(loc="outside lower center")
        axes.set_title(f"Mean {_MEASURES[measure]} of the folds")
    return figure


def make_confusion_figure(report: Report) -> Figure:
    """Draw row percentages with counts below them, in greys.

    Args:
        report: report whose matrix is drawn.

    Returns:
        A matplotlib figure with one axes.
    """
    from matplotlib.figure import Figure

    counts = np.array(report.confusion)
    size = 1.6 + 0.62 * len(report.labels)
    figure = Figure(figsize=(size, size), layout="constrained")
    shares = compute_shares(counts)
    title = f"{report.system} on {report.corpus}\n{report.label}"
    if seen := _describe_confusion(shares, report.labels):
        title = f"{textwrap.fill(seen, int(13 * size))}\n{title}"
    draw_matrix(figure.add_subplot(), shares, report.labels, title, counts)
    return figure


def _describe_confusion(shares: NDArray[np.float64], labels: Sequence[str]) -> str:
    """Describe the largest share of errors in words; empty without errors."""
    wrong = shares * (1 - np.eye(len(labels)))
    row, column = divmod(int(wrong.argmax()), len(labels))
    if not wrong[row, column]:
        return ""
    most = f"{labels[row]} as {labels[column]} ({wrong[row, column]:.0%})"
    return f"Most frequent confusion: {most}"


def compute_shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the shares of each row of a confusion matrix; a row without clips has zeros."""
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def draw_matrix(
    axes: Axes,
    shares: NDArray[np.float64],
    labels: Sequence[str],
    title: str,
    counts: NDArray[np.int64] | None = None,
) -> None:
    """Draw row percentages in greys, with counts below them.

    Args:
        axes: axes to draw on.
        shares: shares of each row, NaN for an unknown one, which stays empty.
        labels: labels of rows and columns.
        title: title of the matrix.
        counts: number of clips in each cell; None if they are unknown.
    """
    axes.imshow(np.nan_to_num(shares), cmap="Greys", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if np.isnan(share):
            continue
        # Grey turns dark past its middle.
        colour = "white" if share > 0.55 else "black"
        below = "" if counts is None else f"\n{counts[row, column]}"
        text = f"{100 * share:.1f}%{below}"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    places = range(len(labels))
    axes.set_xticks(places, labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, labels)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("reference")
    axes.set_title(title)
    axes.spines[:].set_visible(False)

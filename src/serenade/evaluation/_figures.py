"""Figures for print: confusion matrices, predicted values, training curves and embeddings."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._figure_style import COLOURS, get_colour, use_style, write_figure
from serenade.errors import EvaluationError, MissingExtraError
from serenade.evaluation._fold_result import list_pairs

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
    "valid_ccc": "validation CCC",
}
_MARKERS = "osD^v"  # of groups beyond the number of colours
# Metadata by kind of file that changes with the date or the version of matplotlib.


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
            path = stem.with_name(f"{stem.name}.{kind}")
            written.append(write_figure(figure, path, dpi=300))
    return written


def make_curves_figure(reports: Mapping[str, Report], measure: str = "train_loss") -> Figure:
    """Draw mean curves over folds, with dashes and greys that print well.

    Args:
        reports: reports by the name in the legend; those without curves are left out.
        measure: `train_loss`, `valid_loss`, `valid_ua` or `valid_ccc`; drawn as mean over folds.
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


def make_embedding_figure(
    rows: NDArray[np.floating[Any]], groups: Sequence[str], method: str = "tsne", seed: int = 0
) -> Figure:
    """Draw embeddings in a plane that keeps neighbours together, with a colour for each group.

    Distances between far points, and the axes, have no meaning. A classifier of unseen speakers
    may confuse groups that lie apart.

    Args:
        rows: embeddings `(recordings, dims)`.
        groups: group of each recording; "" where it is unknown.
        method: `tsne` (van der Maaten & Hinton 2008) or `umap` (McInnes et al. 2018).
        seed: random seed.

    Raises:
        EvaluationError: fewer than four recordings.
        MissingExtraError: umap-learn is not installed.
    """
    from matplotlib.figure import Figure

    places = _project(np.asarray(rows, dtype=np.float64), method, seed)
    figure = Figure(figsize=(4.2, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for number, name in enumerate(sorted(set(groups))):
        mine = places[[group == name for group in groups]]
        marker = _MARKERS[number // len(COLOURS) % len(_MARKERS)]
        axes.scatter(
            mine[:, 0],
            mine[:, 1],
            s=12,
            linewidths=0.3,
            edgecolors="white",
            color=get_colour(number),
            marker=marker,
            label=name or "unknown",
        )
    axes.set(xticks=[], yticks=[], title={"tsne": "t-SNE", "umap": "UMAP"}[method])
    if len(set(groups)) > 1:
        figure.legend(loc="outside right upper", markerscale=1.5)
    return figure


def _project(rows: NDArray[np.float64], method: str, seed: int) -> NDArray[np.float64]:
    """Return a place in a plane for each row of standardised columns, `(rows, 2)`."""
    if len(rows) < 4:
        raise EvaluationError(f"{len(rows)} embeddings: give at least four recordings for a figure")
    scaled = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError:
            raise MissingExtraError("drawing embeddings with UMAP", "umap") from None
        mapper = UMAP(n_neighbors=min(15, len(rows) - 1), random_state=seed, n_jobs=1)
    else:
        from sklearn.manifold import TSNE

        mapper = TSNE(perplexity=min(30.0, (len(rows) - 1) / 3), random_state=seed, init="pca")
    places: NDArray[np.float64] = mapper.fit_transform(scaled)
    return places


def make_scatter_figure(report: Report) -> Figure:
    """Draw predicted over true values, with the mean truth of equal parts of the predictions.

    The line of means lies on the diagonal where predictions are calibrated.

    Args:
        report: report of values.
    """
    from matplotlib.figure import Figure

    truth, found = list_pairs(report.predictions)
    figure = Figure(figsize=(0.4 + 2.6 * len(report.labels), 3.0), layout="constrained")
    columns = figure.subplots(1, len(report.labels), squeeze=False)[0]
    for axes, label, x, y in zip(columns, report.labels, truth.T, found.T, strict=True):
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        axes.plot([low, high], [low, high], color="0.6", linewidth=0.6, linestyle="--")
        axes.plot(x, y, ".", color="0.5", markersize=2, alpha=min(1.0, 300 / len(x) + 0.1))
        parts = np.array_split(np.argsort(y), min(10, len(y)))
        means = np.array([(x[part].mean(), y[part].mean()) for part in parts])
        axes.plot(*means.T, color="black", marker="o", markersize=3, linewidth=0.8)
        axes.set_xlabel(f"true {label}")
        axes.set_ylabel(f"predicted {label}")
    score = report.metrics["ccc"]
    title = f"{report.system} on {report.corpus}, CCC {score.value:.3f}"
    figure.suptitle(title, fontsize="medium")
    return figure


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

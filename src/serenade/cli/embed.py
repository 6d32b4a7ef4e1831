"""Run `serenade embed`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from serenade.cli import _options, _output
from serenade.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command()
@click.argument(
    "sources", nargs=-1, required=True, metavar="FILE|FOLDER|MANIFEST|-...", type=click.Path()
)
@_options.model
@_options.device
@_options.licence
@_options.channel
@click.option(
    "--out",
    metavar="OUT",
    type=_options.Output(),
    help="Write to OUT: .npy (an array, and a text file with the name of each row) or .parquet.",
)
@click.option(
    "--plot",
    metavar="FIGURE",
    type=_options.Output(),
    help="Draw the embeddings in a plane: .png, .svg or .pdf (extra: train).",
)
@click.option(
    "--method",
    default="tsne",
    show_default=True,
    type=click.Choice(["tsne", "umap"]),
    help="Method of --plot: t-SNE, or UMAP (extra: umap).",
)
@click.option(
    "--colour",
    default="emotion",
    show_default=True,
    metavar="COLUMN",
    help="Column of the manifests that colours the points of --plot.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Number of threads. Default: one for each core.",
)
def command(
    sources: Sequence[str],
    model: str | None,
    licence: str,
    channel: str,
    out: Path | None,
    plot: Path | None,
    method: str,
    colour: str,
    jobs: int | None,
) -> None:
    r"""Write or draw an embedding of each recording: the mean of the model's features over speech.

    Give files, - for standard input, patterns such as 'calls/*.wav', folders, which are searched
    with their subfolders, or manifests. For a recording that cannot be used, one line is printed
    on standard error, and the others are written.

    \b
    serenade embed recordings/ --out embeddings.npy
    serenade embed my.csv --out embeddings.parquet
    serenade embed my.csv --plot speakers.svg --colour speaker
    """
    import numpy as np

    from serenade._figure_style import check_figure
    from serenade._progress import show_progress
    from serenade.inference import (
        check_suffix,
        embed_files,
        find_column,
        find_recordings,
        write_embeddings,
    )

    if out is None and plot is None:
        raise click.UsageError("give --out, --plot or both")
    _output.check_paths({"--out": out, "--plot": plot}, sources)
    if plot is None:
        _options.refuse_without("--plot", "method", "colour")
    if out is not None:
        check_suffix(out)
    groups: dict[str, str] = {}
    if plot is not None:
        check_figure(plot)
        groups = find_column(sources, colour)
    loaded, recordings = _options.load_model(model, licence), find_recordings(sources)
    files, rows = [], []
    results = embed_files(loaded, recordings, channel=channel, jobs=jobs)
    for file, found in show_progress(results, len(recordings), "embedding"):
        if isinstance(found, AudioError):
            _output.report_problem(found)
        else:
            files.append(file)
            rows.append(found)
    if not rows:
        _output.report_problem(f"no recordings in {', '.join(sources)} can be embedded")
        sys.exit(1)
    embeddings, written = np.stack(rows), []
    if out is not None:
        written += write_embeddings(out, files, embeddings)
    if plot is not None:
        from serenade.evaluation import draw_figure, make_embedding_figure

        shown = [groups.get(file, "") for file in files]
        written += draw_figure(
            lambda: make_embedding_figure(embeddings, shown, method),
            plot.with_suffix(""),
            [plot.suffix[1:].lower()],
        )
    _output.echo(f"{', '.join(map(str, written))}: {len(rows)} rows of {rows[0].size} values")

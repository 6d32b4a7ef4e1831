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
    "sources", nargs=-1, required=True, metavar="FILE|FOLDER|MANIFEST...", type=click.Path()
)
@_options.model
@click.option(
    "--out",
    metavar="OUT",
    required=True,
    type=_options.Output(),
    help="Write to OUT: .npy (an array, and a text file with the name of each row) or .parquet.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Number of threads. Default: one for each core.",
)
def command(sources: Sequence[str], model: str | None, out: Path, jobs: int | None) -> None:
    r"""Write an embedding of each recording: the mean of the model's features over its speech.

    Give files, folders, which are searched with their subfolders, or manifests. For a recording
    that cannot be used, one line is printed on standard error, and the others are written.

    \b
    serenade embed recordings/ --out embeddings.npy
    serenade embed my.csv --out embeddings.parquet
    """
    import numpy as np

    import serenade
    from serenade.inference import check_suffix, embed_files, find_recordings, write_embeddings

    check_suffix(out)
    files, rows = [], []
    for file, found in embed_files(serenade.load(model), find_recordings(sources), jobs=jobs):
        if isinstance(found, AudioError):
            _output.report_problem(found)
        else:
            files.append(file)
            rows.append(found)
    if not rows:
        _output.report_problem(f"no recordings in {', '.join(sources)} can be embedded")
        sys.exit(1)
    written = write_embeddings(out, files, np.stack(rows))
    _output.echo(f"{', '.join(map(str, written))}: {len(rows)} rows of {rows[0].size} values")

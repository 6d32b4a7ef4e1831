"""Run `serenade reproduce`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from serenade._atomic import lock_folder, write_output
from serenade.cli import _options, _output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command()
@click.argument("paper")
@click.option("--root", metavar="DIR", type=click.Path(), help="Folder that contains the corpora.")
@click.option(
    "--out",
    metavar="DIR",
    default="reproduction",
    show_default=True,
    type=_options.Output(folder=True),
    help="Folder for tables, figures and runs.",
)
@click.option(
    "--fast",
    is_flag=True,
    help="Run quickly with six speakers and few epochs. The tables are marked.",
)
@click.option(
    "--use",
    "resources",
    multiple=True,
    metavar="NAME=PATH",
    help="Resource that rows need: text, a text encoder (default: ALBERT from the hub); "
    "speech2vec and glove, folders with 50.txt, 100.txt and so on. Can be repeated.",
)
@click.option(
    "--dry-run", is_flag=True, help="Run nothing, and write the tables from finished runs."
)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Number of processes. Default: one for each core."
)
@click.option("--device", default="cpu", show_default=True, help="Device for training networks.")
@_options.max_unusable
@_options.add_dask_option
def command(
    paper: str,
    root: str | None,
    out: Path,
    fast: bool,
    resources: Sequence[str],
    dry_run: bool,
    jobs: int | None,
    device: str,
    max_unusable: float,
) -> None:
    r"""Fill the tables of PAPER (or of all papers), and compare with the paper's numbers.

    Each row is run by the paper's protocol and on unseen speakers. A row that cannot be run says
    why. Finished runs are kept, and an interrupted run resumes.

    \b
    serenade reproduce all --root CORPORA --fast
    serenade reproduce cnn-transformer --root CORPORA --out results
    """
    from serenade import papers
    from serenade.evaluation import draw_figure
    from serenade.papers import (
        Runner,
        format_overview,
        format_paper,
        list_figures,
        list_papers,
        write_json,
    )

    asked = papers.names() if paper == "all" else (papers.get(paper).name,)
    if fast:
        out = out / "fast"
    use = {name: str(path) for name, path in _options.parse_changes(resources, "--use").items()}
    runner = Runner(
        root,
        out,
        fast=fast,
        jobs=jobs,
        device=device,
        progress=lambda line: _output.echo(line, err=True),
        use=use,
        dry=dry_run,
        max_unusable=max_unusable,
    )
    # Keep the rows of other papers that are in the folder already.
    earlier = Runner(root, out, fast=fast, use=use, dry=True)
    list_papers(out / "tables.json")  # a damaged file is an error before hours of work
    made = {}
    for one in map(papers.get, asked):
        entries = made[one.name] = runner.entries(one)
        page = format_paper(one, entries, runner.kept)
        write_output(out / f"{one.name}.md", page)
        for name, draw in list_figures(one, entries, runner.kept).items():
            draw_figure(draw, out / "figures" / name)
        click.echo(page)
    # Another process may have added a paper in the meantime.
    with lock_folder(out):
        there = list_papers(out / "tables.json")
        found = [
            (one, made[one.name] if one.name in made else earlier.entries(one))
            for one in map(papers.get, papers.names())
            if one.name in made or one.name in there
        ]
        # Hosting services show the README.md of a folder.
        write_output(out / "README.md", format_overview(found))
        write_json([entry for _, rows in found for entry in rows], out / "tables.json")
    rows = [entry for entries in made.values() for entry in entries]
    filled = sum(entry.speaker_independent is not None for entry in rows)
    click.echo(f"{out}: {filled} of {len(rows)} rows filled; the others say why not")

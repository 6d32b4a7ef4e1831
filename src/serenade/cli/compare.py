"""Run `serenade compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from serenade._atomic import write_output
from serenade._printable import dump_json
from serenade.cli import _options, _output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True))
@click.option(
    "--against",
    metavar="NAME",
    default="",
    help="Test every system against NAME only. Default: test every pair.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of Markdown.")
@click.option(
    "--out",
    metavar="FILE",
    type=_options.Output(),
    help="Also write the tables to FILE: as LaTeX for the package booktabs if it ends with .tex, "
    "otherwise as a page in Markdown.",
)
@click.option("--title", default="Leaderboard", show_default=True, help="Title of the page.")
def command(runs: Sequence[str], against: str, as_json: bool, out: Path | None, title: str) -> None:
    r"""Compare finished RUNS: report.json or .json.gz files, or folders that contain such files.

    Runs that differ only in their seed are averaged. Systems that predicted the same recordings
    are tested against each other by a permutation test that exchanges whole speakers. P-values are
    adjusted for the number of comparisons (Holm), so fewer comparisons have more power. Pairs of a
    table that cannot be tested are named with the reason.

    \b
    serenade compare runs/probe runs/crnn
    serenade compare runs --against lld-svm
    serenade compare results --out docs/leaderboard.md
    serenade compare runs --out tables.tex
    """
    from serenade.evaluation import (
        compare_runs,
        compare_to_dict,
        format_comparison,
        format_latex,
        list_entrants,
        list_untested,
        load_runs,
    )

    found = list_entrants(load_runs(runs))
    tests, untested = compare_runs(found, against), list_untested(found, against)
    page = format_comparison(found, tests, untested)
    if as_json:
        click.echo(dump_json(compare_to_dict(found, tests, untested), indent=2))
    else:
        _output.echo(page)
    if out is not None:
        note = (
            "`serenade compare` made this page from run files. Each run file holds the command "
            "that repeats it."
        )
        if out.suffix.lower() == ".tex":
            text = f"% {note}\n\n{format_latex(found, tests, untested)}"
        else:
            text = f"# {title}\n\n{note}\n\n{page}"
        write_output(out, text)

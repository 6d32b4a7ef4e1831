"""`serenade compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True))
@click.option(
    "--against",
    metavar="NAME",
    default="",
    help="Test systems against this one only; by default every pair.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of Markdown.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the tables there too, as a page.",
)
@click.option("--title", default="Leaderboard", show_default=True, help="Of the page.")
def command(runs: Sequence[str], against: str, as_json: bool, out: Path | None, title: str) -> None:
    r"""Compare finished RUNS: folders with a report.json somewhere below, or such files.

    Runs that differ by their seed alone are averaged. Systems that judged the same recordings are
    tested against each other, speakers being exchanged as a whole; p-values are adjusted for the
    number of comparisons, so fewer of them find more.

    \b
    serenade compare runs/probe runs/crnn
    serenade compare runs --against lld-svm
    serenade compare results --out docs/leaderboard.md
    """
    from serenade.evaluation import _compare

    found = _compare.list_entrants(_compare.load_runs(runs))
    tests = _compare.compare_runs(found, against)
    page = _compare.format_comparison(found, tests)
    if as_json:
        click.echo(json.dumps(_compare.to_dict(found, tests), indent=2, ensure_ascii=False))
    else:
        click.echo(page)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(
            f"# {title}\n\nMade from run files by `serenade compare`; every number can be made "
            f"again by the command in its file.\n\n{page}",
            "utf-8",
        )

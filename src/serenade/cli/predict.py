"""`serenade predict`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from serenade.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serenade.inference import Prediction, Window


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FILE|FOLDER...", type=click.Path())
@click.option(
    "--model",
    metavar="DIR",
    type=click.Path(),
    help="A model folder written by `serenade train`; by default the bundled model.",
)
@click.option(
    "--timeline",
    is_flag=True,
    help="Emotions over time: a line per window instead of one per file.",
)
@click.option(
    "--window",
    default=3.0,
    show_default=True,
    type=click.FloatRange(min=0.5),
    help="Length of a window of the timeline, in seconds.",
)
@click.option(
    "--hop",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.05),
    help="Distance between windows, in seconds.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON list of {file, duration, emotion, probability, probabilities}; with "
    "--timeline each has its windows.",
)
@click.option(
    "--csv",
    "csv",
    metavar="OUT",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write a table to OUT; - for standard output.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with status 1 if any file could not be used. Without it that happens only if "
    "none could.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Files looked at side by side; by default one per core.",
)
def command(
    sources: Sequence[str],
    model: str | None,
    timeline: bool,
    window: float,
    hop: float,
    as_json: bool,
    csv: str | None,
    strict: bool,
    jobs: int | None,
) -> None:
    r"""Tell the emotion of recordings.

    Takes any file libsndfile reads (WAV, FLAC, Ogg, Opus, MP3, AIFF) and folders, which are
    searched with their subfolders. A file that cannot be used is one line on standard error; the
    others are predicted.

    \b
    serenade predict call.wav
    serenade predict call.wav --timeline --hop 0.5
    serenade predict recordings/ --csv emotions.csv
    serenade predict recordings/ --json --strict > emotions.json
    """
    import serenade
    from serenade.cli import output
    from serenade.inference.batch import find, predict_files

    if as_json and csv == "-":
        raise click.UsageError("--json and --csv - would both print; give --csv a file")
    files = find(sources)
    if not files:
        click.echo(f"serenade: no recordings in {', '.join(sources)}", err=True)
    loaded = serenade.load(model)
    windows = (window, hop) if timeline else None
    done: list[tuple[Prediction, list[Window]]] = []
    failed = 0
    writer = output.plain if not (as_json or csv == "-") else None
    # Lines that come one by one on a terminal show how far it is; a bar would run through them.
    bar = not (writer and sys.stdout.isatty())
    for result in predict_files(loaded, files, windows=windows, jobs=jobs, bar=bar):
        if isinstance(result, AudioError):
            failed += 1
            click.echo(f"serenade: {result}", err=True)
            continue
        done.append(result)
        if writer:
            writer(*result)
    _write(output, done, as_json=as_json, csv=csv, timeline=timeline, labels=loaded.labels)
    if not done or (strict and failed):
        sys.exit(1)


def _write(
    output: Any,
    done: list[tuple[Prediction, list[Window]]],
    *,
    as_json: bool,
    csv: str | None,
    timeline: bool,
    labels: tuple[str, ...],
) -> None:
    if as_json:
        click.echo(output.to_json(done, timeline=timeline))
    if csv:
        with click.open_file(csv, "w", encoding="utf-8", lazy=False) as file:
            output.to_csv(done, labels, file, timeline=timeline)

"""`serenade predict`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from serenade.cli import _options
from serenade.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from serenade.inference import Model, Prediction, Timeline


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FILE|FOLDER...", type=click.Path())
@_options.model
@click.option(
    "--enrol",
    metavar="DIR|FILE|self",
    multiple=True,
    type=click.Path(),
    help="Recordings of the speaker, to judge against; `self`: each recording, if long enough, "
    "enrols its one speaker.",
)
@click.option(
    "--enrol-speech",
    default="neutral",
    show_default=True,
    type=click.Choice(["neutral", "mixed"]),
    help="What --enrol's recordings are: a normal voice, or many emotions in fair shares.",
)
@click.option(
    "--timeline",
    is_flag=True,
    help="Emotions over time: a line per segment of speech after the one per file.",
)
@click.option(
    "--window",
    default=2.0,
    show_default=True,
    type=click.FloatRange(min=0.5),
    help="Length of what is looked at in a timeline, in seconds.",
)
@click.option(
    "--hop",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.05),
    help="Distance between looks, in seconds; at most --window.",
)
@click.option(
    "--out",
    metavar="OUT",
    type=click.Path(),
    help="Write the timeline to OUT: .json, .csv, .TextGrid or .vtt; with --format textgrid or "
    "webvtt also a folder, with a file for each recording.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "csv", "textgrid", "webvtt", "audformat"]),
    help="Of OUT, where its suffix does not say; audformat is a folder.",
)
@click.option(
    "--plot",
    metavar="FIGURE",
    type=click.Path(dir_okay=False),
    help="Draw the waveform of one recording with its segments: .png, .svg or .pdf.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON list of {file, duration, emotion, probability, probabilities}; with "
    "--timeline each has its segments.",
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
    help="Threads; by default one per core.",
)
def command(
    sources: Sequence[str],
    model: str | None,
    enrol: Sequence[str],
    enrol_speech: str,
    timeline: bool,
    window: float,
    hop: float,
    out: str | None,
    format_: str | None,
    plot: str | None,
    as_json: bool,
    csv: str | None,
    strict: bool,
    jobs: int | None,
) -> None:
    r"""Tell the emotion of recordings.

    Takes any file libsndfile reads (WAV, FLAC, Ogg, Opus, MP3, AIFF), of any length, and folders,
    which are searched with their subfolders. A file that cannot be used is one line on standard
    error; the others are predicted.

    \b
    serenade predict call.wav
    serenade predict call.wav --timeline --out call.TextGrid --plot call.png
    serenade predict recordings/ --csv emotions.csv
    serenade predict call.wav --enrol my-normal-voice/
    serenade predict recordings/ --json --strict > emotions.json
    """
    import serenade
    from serenade.inference import Target, find_recordings, predict_files

    if as_json and csv == "-":
        raise click.UsageError("--json and --csv - would both print; give --csv a file")
    if hop > window:
        raise click.UsageError(f"--hop {hop:g} is longer than --window {window:g}: leaves gaps")
    if format_ and not out:
        raise click.UsageError("--format says what --out writes: name it")
    target = Target.of(out, format_) if out else None
    files = find_recordings(sources)
    if not files:
        click.echo(f"serenade: no recordings in {', '.join(sources)}", err=True)
    if plot and len(files) != 1:
        raise click.UsageError("--plot draws one recording")
    loaded = _enrolled(serenade.load(model), enrol, enrol_speech)
    timeline = timeline or bool(target or plot)
    people = not (as_json or csv == "-")
    results = predict_files(
        loaded,
        files,
        windows=(window, hop) if timeline else None,
        by_itself="self" in enrol,
        jobs=jobs,
        # Lines that come one by one on a terminal show how far it is; a bar would run through them.
        bar=not (people and sys.stdout.isatty()),
    )
    done = _usable(results, people=people)
    _write(done, loaded, as_json=as_json, csv=csv, timeline=timeline)
    timelines = [(prediction, found) for prediction, found in done if found is not None]
    if target and timelines:
        target.write(timelines, loaded)
    if plot and timelines:
        from serenade.inference import plot_timeline as draw

        draw(timelines[0][1], files[0], loaded, plot)
    if not done or (strict and len(done) < len(files)):
        sys.exit(1)


def _enrolled(model: Model, enrol: Sequence[str], speech: str) -> Model:
    """The model, knowing the speaker where recordings of one were named."""
    from serenade.inference import find_recordings

    if "self" in enrol:
        if len(enrol) > 1:
            raise click.UsageError("--enrol self goes with no other --enrol")
        return model
    voice = find_recordings(enrol)
    if enrol and not voice:
        raise click.UsageError(f"--enrol: no recordings in {', '.join(enrol)}")
    return model.enrol(voice, speech=speech) if voice else model  # type: ignore[arg-type]


def _usable(results: Iterable[Any], *, people: bool) -> list[tuple[Prediction, Timeline | None]]:
    """Results as they come; those that people read are printed at once, and errors anyway."""
    from serenade.cli import _output

    done = []
    for result in results:
        if isinstance(result, AudioError):
            click.echo(f"serenade: {result}", err=True)
            continue
        done.append(result)
        if people:
            _output.print_prediction(*result)
    return done


def _write(
    done: list[tuple[Prediction, Timeline | None]],
    model: Model,
    *,
    as_json: bool,
    csv: str | None,
    timeline: bool,
) -> None:
    from serenade.inference import to_csv, to_json

    if as_json:
        click.echo(to_json(done))
    if csv:
        with click.open_file(csv, "w", encoding="utf-8", lazy=False) as file:
            to_csv(done, model.labels, file, timeline=timeline)  # type: ignore[arg-type]

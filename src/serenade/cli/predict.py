"""Run `serenade predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serenade.cli import _help, _options, _output
from serenade.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serenade.adaptation import Expect
    from serenade.inference import Model


_SEVERAL = 8
"""Recordings from which adaptation is recommended."""

_PLACES = {
    "all": "all recordings",
    "folder": "those of each folder",
    "speaker": "those of each speaker in a manifest",
    "auto": "those of each speaker; speakers are found by their voices",
    "channel": "the same channel of all recordings; each channel is then predicted alone",
    "recording": "each recording alone; each of its utterances is adapted to those before it",
}
"""Recordings that share a place, by the value of --adapt-by."""


def _parse_speakers(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Check the value of --speakers before the work."""
    from serenade.inference import parse_speakers

    try:
        return value if value is None else str(parse_speakers(value))
    except InputError as error:
        raise click.BadParameter(str(error)) from None


@click.command(
    cls=_help.GroupedCommand,
    groups={
        "Results": ("timeline", "speakers", "as_json", "csv", "out", "format_", "plot"),
        "Model": ("model", "device", "licence"),
        "Adaptation": ("enrol", "enrol_speech", "adapt", "adapt_by"),
        "Analysis": ("channel", "window", "hop", "jobs", "strict"),
    },
)
@click.argument(
    "sources", nargs=-1, required=True, metavar="FILE|FOLDER|MANIFEST|-...", type=click.Path()
)
@_options.model
@_options.device
@_options.licence
@click.option(
    "--enrol",
    metavar="DIR|FILE|self",
    multiple=True,
    type=click.Path(),
    help="Recordings of the speaker to adapt to. `self`: adapt to each recording itself, if it is "
    "long enough and has one speaker.",
)
@click.option(
    "--enrol-speech",
    default="neutral",
    show_default=True,
    type=click.Choice(["neutral", "mixed"]),
    help="Content of the recordings of --enrol: a normal voice, or several emotions in similar "
    "shares.",
)
@_options.adapt(
    "Adapt to the recordings themselves, which need no labels: emotions in similar shares, "
    "mostly neutral speech, or unknown (the default, which is cautious)."
)
@click.option(
    "--adapt-by",
    default="all",
    show_default=True,
    type=click.Choice(list(_PLACES)),
    help="Recordings that share a place. "
    + " ".join(f"`{name}`: {text}." for name, text in _PLACES.items()),
)
@_options.channel
@click.option(
    "--timeline",
    is_flag=True,
    help="Print emotions over time: one line for each segment of speech.",
)
@click.option(
    "--speakers",
    metavar="N|auto|channels",
    callback=_parse_speakers,
    help="Print a timeline that names the speaker of each segment: N speakers, or an estimated "
    "number, distinguished by their voices, or one speaker in each channel. With --adapt, "
    "each speaker of a recording is a place.",
)
@click.option(
    "--window",
    default=2.0,
    show_default=True,
    type=_options.Number(0.5, 3600),
    help="Length of a timeline's windows in seconds.",
)
@click.option(
    "--hop",
    default=1.0,
    show_default=True,
    type=_options.Number(min=0.05),
    help="Seconds between windows; at most --window.",
)
@click.option(
    "--out",
    metavar="OUT",
    type=click.Path(),
    help="Write the timeline to OUT: .json, .csv, .TextGrid, .vtt, .srt, .rttm (as in speaker "
    "diarisation), .txt (labels for Audacity) or .eaf (ELAN). With --format textgrid, webvtt, srt, "
    "rttm, audacity or elan, OUT can be a folder, which gets one file for each recording.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(
        [
            *("json", "csv", "textgrid", "webvtt", "srt", "rttm", "audacity", "elan"),
            *("label-studio", "audformat"),
        ]
    ),
    help="Format of OUT. Required if the suffix of OUT does not determine it; label-studio writes "
    "tasks with predictions as JSON, and audformat a folder.",
)
@click.option(
    "--plot",
    metavar="FIGURE",
    type=_options.Output(),
    help="Draw the waveform of one recording with its segments: .png, .svg or .pdf.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON list of {file, duration, emotion, probability, probabilities, uncertain, "
    "speech}, from 30 s also summary, with --timeline also segments.",
)
@click.option(
    "--csv",
    "csv",
    metavar="OUT",
    type=_options.Output(allow_dash=True),
    help="Write a table to the CSV file OUT; - for standard output.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with status 1 if a file could not be used. Without this option, that happens only "
    "if no file could be used.",
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
    enrol: Sequence[str],
    enrol_speech: str,
    adapt: Expect | None,
    adapt_by: str,
    channel: str,
    timeline: bool,
    speakers: str | None,
    window: float,
    hop: float,
    out: str | None,
    format_: str | None,
    plot: Path | None,
    as_json: bool,
    csv: Path | None,
    strict: bool,
    jobs: int | None,
) -> None:
    r"""Predict the emotion of recordings.

    Give files of any length, - for standard input, patterns such as 'calls/*.wav', folders, which
    are searched with their subfolders, or manifests: CSV files with the columns file and, if known,
    speaker. WAV, FLAC, Ogg, Opus, MP3 and AIFF are read, and with the extra "media" MP4, M4A, WebM,
    3GP, AMR, AAC and WMA. For a file that cannot be used, one line is printed on standard error,
    and the other files are predicted. Ctrl-C keeps the results so far.

    \b
    serenade predict call.wav
    serenade predict call.wav --timeline --out call.TextGrid --plot call.png
    serenade predict call.wav --speakers auto --adapt=neutral
    serenade predict recordings/ --csv emotions.csv
    ffmpeg -i talk.mkv -f wav - | serenade predict -
    serenade predict call.wav --enrol my-normal-voice/
    serenade predict recordings/ --adapt=neutral
    serenade predict call.wav --model commercial --licence commercial
    serenade predict call.wav --timeline --adapt=neutral --adapt-by recording
    serenade predict calls/ --adapt=neutral --adapt-by channel --csv emotions.csv
    serenade predict recordings/ --json --strict > emotions.json
    """
    from serenade.inference import list_channels, predict_files

    if hop > window:
        raise click.UsageError(f"--hop {hop:g} leaves gaps; give at most --window {window:g}")
    timeline = any((timeline, out, plot, speakers))
    if not timeline:
        _options.refuse_without("--timeline", "window", "hop")
    if not enrol or "self" in enrol:
        _options.refuse_without("--enrol DIR or --enrol FILE", "enrol_speech")
    outputs = _output.Outputs(as_json, csv, out, format_, plot)
    _check_channels(adapt_by, channel, format_, plot)
    _check_speakers(speakers, channel, enrol, adapt_by)
    adaptation = _choose_adaptation(enrol, adapt, adapt_by, speakers)
    files = _find_files(sources)
    channels: Any = channel
    if adapt_by == "channel":
        files, channels = list_channels(files)
    outputs.check(len(files), [*files, *sources, *enrol])
    loaded = _load_model(model, licence, enrol, enrol_speech)
    adaptation |= _find_places(loaded, files, sources, adapt_by, channels, jobs)
    results = predict_files(
        loaded,
        files,
        channel=channels,
        windows=(window, hop) if timeline else None,
        speakers=speakers,
        **adaptation,
        jobs=jobs,
        bar=sys.stderr.isatty(),
    )
    done, interrupted = _output.print_results(
        results, files, people=outputs.people, kept=outputs.kept
    )
    if done or not interrupted:
        _recommend_adaptation(loaded, len(done), asked=bool(adapt or enrol or interrupted))
        outputs.write(done, loaded, recordings=len(files), channel=channel, timeline=timeline)
    if interrupted:
        sys.exit(_output.report_interruption(len(done), len(files)))
    if not done or (strict and len(done) < len(files)):
        sys.exit(1)


def _find_files(sources: Sequence[str]) -> list[str]:
    """Return the recordings of the sources; report that there are none."""
    from serenade.inference import find_recordings

    files = find_recordings(sources)
    if not files:
        _output.report_problem(
            f"no recordings in {', '.join(sources)}; give audio files, or folders with such files"
        )
    return files


def _check_channels(adapt_by: str, channel: str, format_: str | None, plot: Path | None) -> None:
    """Refuse options that cannot be combined with predictions of each channel."""
    for option, given in (
        (f"--channel {channel}", channel != "mix"),
        ("--format audformat", format_ == "audformat"),
        ("--plot", plot is not None),
    ):
        if given and adapt_by == "channel":
            raise click.UsageError(
                f"--adapt-by channel predicts each channel alone; leave out {option}"
            )


def _check_speakers(
    speakers: str | None, channel: str, enrol: Sequence[str], adapt_by: str
) -> None:
    """Refuse options that cannot be combined with timelines of speakers."""
    for option, given in (
        (f"--channel {channel}", speakers == "channels" and channel != "mix"),
        ("--enrol self", "self" in enrol),
        (f"--adapt-by {adapt_by}", adapt_by not in {"all", "recording"}),
    ):
        if given and speakers:
            raise click.UsageError(f"--speakers {speakers} cannot be combined with {option}")


def _choose_adaptation(
    enrol: Sequence[str], adapt: Expect | None, adapt_by: str, speakers: str | None
) -> dict[str, Any]:
    """Return the arguments of `predict_files` that say what the model adapts to."""
    if adapt_by != "all" and not adapt:
        raise click.UsageError(f"--adapt-by {adapt_by} adapts nothing without --adapt; add --adapt")
    if adapt and enrol:
        raise click.UsageError("--adapt cannot be combined with --enrol; choose one of them")
    return {
        "by_itself": "self" in enrol or bool(adapt and (speakers or adapt_by == "recording")),
        "expect": adapt,
        "one_speaker": adapt_by in {"speaker", "auto"},
    }


def _find_places(
    model: Model,
    files: Sequence[str],
    sources: Sequence[str],
    by: str,
    channels: Any,
    jobs: int | None,
) -> dict[str, Any]:
    """Return the argument `places` of `predict_files`: the place of each recording."""
    from serenade.inference import find_speakers, group_by_voice

    if by == "auto":
        return {"places": group_by_voice(model, files, channels, jobs)}
    if by == "channel":
        return {"places": list(map(str, channels))}
    if by == "folder":
        return {"places": [str(Path(file).parent) for file in files]}
    if by != "speaker":
        return {}
    speakers = find_speakers(sources)
    if not any(speakers.get(file) for file in files):
        raise click.UsageError(
            "--adapt-by speaker: no speaker of these recordings is known; give a manifest: "
            "a CSV file with the columns file and speaker"
        )
    # A recording without speaker is alone.
    return {"places": [speakers.get(file) or file for file in files]}


def _recommend_adaptation(model: Model, usable: int, *, asked: bool) -> None:
    """State on standard error what --adapt would do, if there are enough recordings for it."""
    if not asked and usable >= _SEVERAL and "adaptation" in model.description:
        _output.report_problem(
            f"--adapt would adapt the model to the voices and places of these {usable} recordings"
        )


def _load_model(name: str | None, licence: str, enrol: Sequence[str], speech: str) -> Model:
    """Load the model, and adapt it to the speaker of the named recordings, if there are any."""
    model = _options.load_model(name, licence)
    if model.folder.derivation:
        names = ", ".join(model.folder.answers)
        _output.report_problem(f"the labels of {names} are derived: {model.folder.derivation}")
    if "self" in enrol:
        if len(enrol) > 1:
            raise click.UsageError("--enrol self cannot be combined with another --enrol")
        return model
    voice = _options.find_voice(enrol)
    return model.enrol(voice, speech=speech) if voice else model  # type: ignore[arg-type]

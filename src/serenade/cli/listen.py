"""Run `serenade listen`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from serenade._printable import dump_json
from serenade.cli import _options, _output

if TYPE_CHECKING:
    from serenade.adaptation import Expect
    from serenade.inference import Update


@click.command()
@click.option(
    "--input",
    "source",
    metavar="-",
    type=click.Choice(["-"]),
    help="Read raw samples (mono, signed 16-bit, little-endian) from standard input instead of a "
    "microphone.",
)
@click.option(
    "--rate",
    default=16000,
    show_default=True,
    type=click.IntRange(1000, 768_000),
    help="Sampling rate in Hz.",
)
@click.option("--device", help="Number of the microphone, or a part of its name.")
@_options.model
@_options.licence
@click.option(
    "--enrol",
    metavar="DIR",
    type=click.Path(),
    help="Recordings of the speaker's normal voice to adapt to.",
)
@_options.adapt(
    "Adapt each utterance to those before it: emotions in similar shares, mostly neutral "
    "speech, or unknown (the default)."
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each update.")
def command(
    source: str | None,
    rate: int,
    device: str | None,
    model: str | None,
    licence: str,
    enrol: str | None,
    adapt: Expect | None,
    as_json: bool,
) -> None:
    r"""Predict emotions live, from a microphone or a pipe.

    Shows a bar for each emotion, and each segment when it has ended. Press Ctrl+C to stop.

    \b
    serenade listen
    ffmpeg -i URL -f s16le -ac 1 -ar 16000 - | serenade listen --input - --json
    """
    from serenade.audio import read_raw_samples, record_microphone

    if source:
        _options.refuse_given({"device"}, "--input - uses no microphone")
    loaded = _options.load_model(model, licence)
    if enrol and adapt:
        raise click.UsageError("--adapt cannot be combined with --enrol; choose one of them")
    if enrol:
        loaded = loaded.enrol(_options.find_voice([enrol]))
    name = "standard input" if source else "microphone"
    stream = loaded.stream(rate, adapt=adapt, source=name)
    chosen = int(device) if device and device.isdecimal() else device
    chunks = read_raw_samples(sys.stdin.buffer, rate) if source else record_microphone(rate, chosen)
    live = sys.stdout.isatty() and not as_json

    def show(updates: list[Update]) -> None:
        for update in updates:
            if as_json:
                click.echo(dump_json(update.to_dict()))
            else:
                _output.print_update(update, live=live)

    if live:
        click.echo("Listening; press Ctrl+C to stop.", err=True)
    try:
        for chunk in chunks:
            show(stream.push(chunk))
    except KeyboardInterrupt:
        pass
    show(stream.close())

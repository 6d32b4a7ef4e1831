"""`serenade pretrain`."""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from serenade.cli import _options
from serenade.pretraining import About, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from serenade.encoders import EncoderSettings, Training

ENCODERS = ("tera", "aalbert", "npc")


@click.command()
@click.argument("encoder", type=click.Choice(ENCODERS))
@click.option(
    "--audio",
    "folders",
    metavar="DIR",
    multiple=True,
    required=True,
    type=click.Path(exists=True),
    help="Recordings, searched with subfolders; may be repeated.",
)
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False),
    help="Encoder's folder.",
)
@click.option(
    "--preset",
    type=click.Choice(["small", "paper"]),
    default="small",
    show_default=True,
    help="Sizes and schedule: as published, or for two processor cores and an hour.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Updates of the weights.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="When to end. With --steps too, what comes first. The learning rate falls to 0 by then.",
)
@click.option("--batch", type=click.FloatRange(min=1), help="Seconds of audio a step.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change another setting: of training (learning_rate, crop, precision, …) or of the "
    "network (width, layers, …); may be repeated.",
)
@click.option("--seed", default=0, show_default=True, help="Of everything random.")
@click.option(
    "--jobs",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Processes that read recordings, beside the one that trains.",
)
@click.option(
    "--device", default="cpu", show_default=True, help="What to train on: cpu, cuda, cuda:1, …"
)
@click.option(
    "--checkpoints",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Where the checkpoint is kept; by default in --out. Run the same command again after a "
    "kill: it goes on where it was, to the same weights.",
)
@click.option(
    "--every",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Minutes between two checkpoints.",
)
@click.option(
    "--licence",
    "licences",
    multiple=True,
    metavar="LINE",
    help="Licence of recordings, for the model card; may be repeated.",
)
@click.option(
    "--track",
    "tracking",
    metavar="LOG",
    help="Log the loss to tensorboard=DIR, mlflow or mlflow=URI (extra: tracking).",
)
def command(
    encoder: str,
    folders: Sequence[str],
    out: str,
    preset: str,
    steps: int | None,
    minutes: float | None,
    batch: float | None,
    changes: Sequence[str],
    seed: int,
    jobs: int,
    device: str,
    checkpoints: str | None,
    every: float,
    licences: Sequence[str],
    tracking: str | None,
) -> None:
    r"""Train ENCODER (tera, aalbert or npc) on recordings that nobody labelled.

    The folder written is a feature's `encoder`: SelfSupervised(encoder="DIR"). Recordings that
    cannot be used are one line each. Several GPUs: start the command by `accelerate launch -m
    serenade pretrain …` (extra: accelerate).

    \b
    serenade pretrain tera --audio recordings/ --out my-tera --minutes 50
    serenade pretrain npc --audio a/ --audio b/ --out my-npc --steps 20000 --device cuda
    """
    from serenade.errors import MissingExtraError
    from serenade.inference import find_recordings

    settings, training = _settings(encoder, preset, changes)
    training = dataclasses.replace(training, seed=seed, batch=batch or training.batch)
    if steps or minutes:
        training = dataclasses.replace(training, steps=steps or 0, minutes=minutes or 0.0)
    try:
        from serenade.pretraining import gather_recordings, pretrain
        from serenade.training import keep_memory
    except ImportError:
        raise MissingExtraError("pre-training", "train") from None

    keep_memory()
    with Shown(_logger(tracking, Path(out).name)) as shown:
        material = gather_recordings(find_recordings(folders), folders, training, shown.problem)
        shown.problem(
            f"{material.files} recordings of {', '.join(material.folders)}: "
            f"{material.hours:.2f} h to train on, {len(material.held_out)} stretches held out"
        )
        history = pretrain(
            settings,
            training,
            material,
            Path(out),
            place=device,
            jobs=jobs,
            checkpoints=Path(checkpoints) if checkpoints else None,
            every=every,
            watch=shown,
            about=About(tuple(licences), _typed()),
        )
    if history["points"]:  # of several processes only the first has them
        click.echo(
            f"{out}: {history['steps']} steps, {history['epochs']:.1f} epochs, "
            f"{history['seconds'] / 60:.1f} min; {told(history['points'][-1])}"
        )


def _settings(
    encoder: str, preset: str, changes: Sequence[str]
) -> tuple[EncoderSettings, Training]:
    """A preset with the changes from the command line."""
    import importlib

    settings, training = importlib.import_module(f"serenade.encoders.{encoder}").PRESETS[preset]
    network = settings.network
    for field, value in _options.parse_changes(changes, "--set").items():
        known = {f.name: f for f in (*dataclasses.fields(training), *dataclasses.fields(network))}
        if field not in known or not isinstance(value, int | float | str):
            raise click.UsageError(f"--set {field}: choose from {', '.join(sorted(known))}")
        if field in {f.name for f in dataclasses.fields(training)}:
            training = dataclasses.replace(training, **{field: value})
        else:
            network = dataclasses.replace(network, **{field: value})
    return dataclasses.replace(settings, network=network), training


class Shown(Watch):
    """A bar on a terminal; elsewhere a line for each point of the curve. Points go to a log too.

    Args:
        log: called with each point.
    """

    _LENGTH = 1000

    def __init__(self, log: Callable[[Mapping[str, float]], None] | None) -> None:
        self._log = log
        self._bar: Any = None
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def step(self, share: float, loss: float) -> None:
        """Move the bar."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(length=self._LENGTH, label="training", file=sys.stderr)
        moved = min(round(share * self._LENGTH), self._LENGTH) - self._done
        self._bar.label = f"loss {loss:.3f}"
        self._bar.update(moved)
        self._done += moved

    def point(self, point: Mapping[str, float]) -> None:
        """Log it, and print it where there is no bar."""
        if self._log:
            self._log(point)
        if not sys.stderr.isatty():
            click.echo(told(point), err=True)

    def problem(self, line: str) -> None:
        """Print a line of its own."""
        click.echo(f"\r{line}" if self._bar is not None else line, err=True)


def told(point: Mapping[str, float]) -> str:
    """A point of the curve in a few words.

    >>> told({"step": 50, "epoch": 0.25, "train_loss": 0.5, "valid_loss": 0.6})
    'step 50, epoch 0.25: loss 0.500, held out 0.600'
    """
    held_out = f", held out {point['valid_loss']:.3f}" if "valid_loss" in point else ""
    start = f"step {point['step']:.0f}, epoch {point['epoch']:.2f}"
    return f"{start}: loss {point['train_loss']:.3f}{held_out}"


def _logger(tracking: str | None, run: str) -> Callable[[Mapping[str, float]], None] | None:
    """What takes points of the curve to a log, by the callbacks that training has."""
    if tracking is None:
        return None
    from types import SimpleNamespace

    from skorch.history import History

    from serenade.training import make_logger

    service: Any = make_logger(tracking, run)
    service.initialize()
    net = SimpleNamespace(history=History())

    def log(point: Mapping[str, float]) -> None:
        net.history.new_epoch()
        for name, value in point.items():
            net.history.record("epochs" if name == "epoch" else name, value)
        net.history.record("epoch", point["step"])  # what the services take for the axis
        service.on_epoch_end(net)

    return log


def _typed() -> str:
    """The command as it was typed, folders by their names."""
    words = [re.sub(r"(^|=)/\S*/", r"\1", word.rstrip("/")) for word in sys.argv[1:]]
    return shlex.join(["serenade", *words])

"""Run `serenade pretrain`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from serenade.cli import _help, _options, _output
from serenade.pretraining import CardDetails, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from serenade.encoders import EncoderSettings, PretrainingSettings

ENCODERS = ("tera", "aalbert", "npc")


@click.command(
    cls=_help.GroupedCommand,
    groups={
        "Data": ("folders", "licences", "jobs"),
        "Training": ("preset", "steps", "minutes", "batch", "changes", "seed", "device"),
        "Progress and results": ("out", "checkpoints", "every", "tracking"),
    },
)
@click.argument("encoder", type=click.Choice(ENCODERS))
@click.option(
    "--audio",
    "folders",
    metavar="DIR",
    multiple=True,
    required=True,
    type=click.Path(exists=True),
    help="Folder of recordings, searched with its subfolders. Can be repeated.",
)
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=_options.Output(folder=True),
    help="Folder for the encoder.",
)
@click.option(
    "--preset",
    type=click.Choice(["small", "paper"]),
    default="small",
    show_default=True,
    help="Sizes and schedule: as published (paper), or for one hour on two cores (small).",
)
@click.option("--steps", type=click.IntRange(min=1), help="Number of training steps.")
@click.option(
    "--minutes",
    type=_options.Number(min=0, min_open=True),
    help="Minutes of training. With --steps, the earlier end counts. The learning rate falls to 0 "
    "by then.",
)
@click.option("--batch", type=_options.Number(min=1), help="Seconds of audio in each step.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change another setting of the training (learning_rate, crop, precision, …) or of the "
    "network (width, layers, …). Can be repeated.",
)
@_options.seed
@click.option(
    "--jobs",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Number of additional processes that read recordings.",
)
@click.option(
    "--device", default="cpu", show_default=True, help="Device for training: cpu, cuda, cuda:1, …"
)
@click.option(
    "--checkpoints",
    metavar="DIR",
    type=_options.Output(folder=True),
    help="Folder for the checkpoint. Default: --out. If the command is interrupted, run it again: "
    "it resumes and reaches the same weights.",
)
@click.option(
    "--every",
    default=5.0,
    show_default=True,
    type=_options.Number(min=0),
    help="Minutes between two checkpoints.",
)
@click.option(
    "--licence",
    "licences",
    multiple=True,
    metavar="LINE",
    help="Licence of the recordings, for the model card. Can be repeated.",
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
    out: Path,
    preset: str,
    steps: int | None,
    minutes: float | None,
    batch: float | None,
    changes: Sequence[str],
    seed: int,
    jobs: int,
    device: str,
    checkpoints: Path | None,
    every: float,
    licences: Sequence[str],
    tracking: str | None,
) -> None:
    r"""Train ENCODER (tera, aalbert or npc) on recordings without labels.

    Use the written folder in a feature: SelfSupervised(encoder="DIR"). For each recording that
    cannot be used, one line is printed. To use several GPUs, start the command with `accelerate
    launch -m serenade pretrain …` (extra: accelerate).

    \b
    serenade pretrain tera --audio recordings/ --out my-tera --minutes 50
    serenade pretrain npc --audio a/ --audio b/ --out my-npc --steps 20000 --device cuda
    """
    from serenade.errors import MissingExtraError
    from serenade.inference import find_recordings

    settings, training = _make_settings(encoder, preset, changes)
    training = dataclasses.replace(training, seed=seed, batch=batch or training.batch)
    if steps or minutes:
        training = dataclasses.replace(training, steps=steps or 0, minutes=minutes or 0.0)
    try:
        from serenade._malloc import keep_memory
        from serenade.pretraining import gather_recordings, pretrain
    except ImportError:
        raise MissingExtraError("pre-training", "train") from None

    keep_memory()
    with ProgressWatch(_make_logger(tracking, Path(out).name)) as shown:
        material = gather_recordings(find_recordings(folders), folders, training, shown.problem)
        shown.problem(
            f"{material.files} recordings of {', '.join(material.folders)}: "
            f"{material.hours:.2f} h for training, {len(material.held_out)} parts held out"
        )
        history = pretrain(
            settings,
            training,
            material,
            Path(out),
            device=device,
            jobs=jobs,
            checkpoints=Path(checkpoints) if checkpoints else None,
            every=every,
            watch=shown,
            details=CardDetails(tuple(licences), _output.format_command(sys.argv[1:])),
        )
    if history["points"]:  # with several processes, only the first has them
        click.echo(
            f"{out}: {history['steps']} steps, {history['epochs']:.1f} epochs, "
            f"{history['seconds'] / 60:.1f} min; {format_point(history['points'][-1])}"
        )


def _make_settings(
    encoder: str, preset: str, changes: Sequence[str]
) -> tuple[EncoderSettings, PretrainingSettings]:
    """Return a preset with the changes from the command line."""
    import importlib

    settings, training = importlib.import_module(f"serenade.encoders.{encoder}").PRESETS[preset]
    network = settings.network
    found = _options.parse_settings(changes, type(training), type(network))
    fields = {field.name for field in dataclasses.fields(training)}
    schedule = {name: value for name, value in found.items() if name in fields}
    sizes = {name: value for name, value in found.items() if name not in fields}
    changed = dataclasses.replace(settings, network=dataclasses.replace(network, **sizes))
    return changed, dataclasses.replace(training, **schedule)


class ProgressWatch(Watch):
    """Progress bar on a terminal; elsewhere one line for each point of the loss curve.

    Args:
        log: function called with each point; None for no log.
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
        """Log a point, and print it if there is no bar."""
        if self._log:
            self._log(point)
        if not sys.stderr.isatty():
            click.echo(format_point(point), err=True)

    def problem(self, line: str) -> None:
        """Print a problem on its own line."""
        _output.echo(line if self._bar is None else f"\n{line}", err=True)


def format_point(point: Mapping[str, float]) -> str:
    """Format a point of the loss curve.

    >>> format_point({"step": 50, "epoch": 0.25, "train_loss": 0.5, "valid_loss": 0.6})
    'step 50, epoch 0.25: loss 0.500, held out 0.600'
    """
    held_out = f", held out {point['valid_loss']:.3f}" if "valid_loss" in point else ""
    start = f"step {point['step']:.0f}, epoch {point['epoch']:.2f}"
    return f"{start}: loss {point['train_loss']:.3f}{held_out}"


def _make_logger(tracking: str | None, run: str) -> Callable[[Mapping[str, float]], None] | None:
    """Make a function that logs points with the callbacks of `serenade.training`."""
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
        net.history.record("epoch", point["step"])  # the services use it as the axis
        service.on_epoch_end(net)

    return log
